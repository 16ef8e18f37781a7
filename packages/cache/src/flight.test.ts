import { expect, test } from 'vitest';
import { Flight } from './flight.ts';

function open<T>() {
  const work = Promise.withResolvers<T>();
  const emptied: Flight<T>[] = [];
  const flight = new Flight(
    0,

    () => work.promise,
    (self) => emptied.push(self),
  );
  return { ...work, flight, emptied };
}

test('gives all callers one value', async () => {
  const { flight, resolve } = open<object>();
  const callers = [flight.join(undefined), flight.join(new AbortController().signal)];
  const value = {};
  resolve(value);
  for (const result of await Promise.all(callers)) expect(result).toBe(value);
});

test('gives all callers one error', async () => {
  const { flight, reject } = open<object>();
  const callers = [flight.join(undefined), flight.join(new AbortController().signal)];
  const error = new Error('no');
  reject(error);
  for (const { reason } of (await Promise.allSettled(callers)) as PromiseRejectedResult[]) {
    expect(reason).toBe(error);
  }
});

test('a signal detaches its caller with its own reason and leaves the others', async () => {
  const { flight, resolve, emptied } = open<number>();
  const impatient = new AbortController();
  const left = flight.join(impatient.signal);
  const patient = flight.join(new AbortController().signal);
  const reason = new Error('had enough');
  impatient.abort(reason);
  await expect(left).rejects.toBe(reason);
  expect(flight.signal.aborted).toBe(false);
  resolve(1);
  await expect(patient).resolves.toBe(1);
  expect(emptied).toEqual([]);
});

test('who has left before he joins is rejected with his reason and counts as nobody', async () => {
  const { flight, emptied } = open<number>();
  await expect(flight.join(AbortSignal.abort('late'))).rejects.toBe('late');
  expect(emptied).toEqual([]);
});

test('stops the work, with the last reason, once everyone has left', async () => {
  const { flight, emptied } = open<number>();
  const callers = [new AbortController(), new AbortController()];
  const waits = callers.map(({ signal }) => flight.join(signal));
  callers[0]?.abort('first');
  callers[1]?.abort('last');
  await Promise.allSettled(waits);
  expect(flight.signal.reason).toBe('last');
  expect(flight.isFenced).toBe(true);
  expect(emptied).toEqual([flight]);
});

test('goes on for a caller who brought no signal', async () => {
  const { flight, resolve } = open<number>();
  const impatient = new AbortController();
  const left = flight.join(impatient.signal);
  const stays = flight.join(undefined);
  impatient.abort('bye');
  await expect(left).rejects.toBe('bye');
  expect(flight.signal.aborted).toBe(false);
  resolve(2);
  await expect(stays).resolves.toBe(2);
});

test('takes its listeners off a signal that lives on', async () => {
  const { flight, resolve } = open<number>();
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...args);
  };
  const joined = flight.join(signal);
  expect(listeners).toBe(1);
  resolve(1);
  await joined;
  expect(listeners).toBe(0);
});
