import { setImmediate as turn } from 'node:timers/promises';
import { DriverError } from '../errors.ts';
import type { Sent } from '../producing/delivery.ts';
import { Producer, type WriteOptions } from '../producing/producer.ts';
import { type ProducerOptions, resolveProducerOptions } from '../producing/producer-options.ts';
import type { RawRecord } from '../record.ts';
import { type ManualClock, manualClock } from './manual-clock.ts';
import { ScriptedProducer } from './scripted-producer.ts';

/** A producer on a driver and a clock that do what the test says. */
export interface ProducerScene {
  readonly clock: ManualClock;
  readonly driver: ScriptedProducer;
  readonly producer: Producer;
  /** Writes to the topic `t`. */
  readonly write: (value: string, options?: WriteOptions & { key?: string }) => Promise<Sent>;
  /** What became of each, in the order of the calls: undefined as long as nothing has. */
  readonly fates: unknown[];
}

export function producerScene(options: ProducerOptions = {}): ProducerScene {
  const clock = manualClock();
  const driver = new ScriptedProducer();
  const settings = resolveProducerOptions(options);
  const producer = new Producer({ name: 'test', driver, options: settings, clock });
  const fates: unknown[] = [];
  const write: ProducerScene['write'] = (value, options = {}) => {
    const at = fates.push(undefined) - 1;
    const note = (fate: Sent | Error) => {
      fates[at] = fate;
    };
    const sent = producer.write('t', rawRecord(value, options.key), options);
    sent.then(note, note);
    return sent;
  };
  return { clock, driver, producer, write, fates };
}

export function rawRecord(value: string, key?: string): RawRecord {
  const bytes = key === undefined ? null : Buffer.from(key);
  return { key: bytes, value: Buffer.from(value), headers: [], timestamp: 0 };
}

export function textOf({ value }: RawRecord): string {
  return String(value);
}

/** Whatever is under way has gone as far as it can. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await turn();
}

export function clusterAway(): DriverError {
  return new DriverError('the cluster is away', { isRetriable: true });
}
