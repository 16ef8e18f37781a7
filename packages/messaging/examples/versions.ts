import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { z } from 'zod';

const driver = memory();
const old = defineTopic({
  name: 'people',
  partitions: 1,
  schema: z.object({ name: z.string() }),
});

// Deploy it to the consumers before the producers: a consumer reads every version up to its own.
const people = defineTopic({
  name: 'people',
  partitions: 1,
  version: 2,
  schema: z.object({ first: z.string(), last: z.string() }),
  upgrade: {
    1: ({ name }: { name: string }) => ({ first: name.split(' ')[0], last: name.split(' ')[1] }),
  },
});

const messaging = createMessaging({ name: 'people', driver });
await messaging.provision([people]);
await messaging.send(old, { name: 'Ada Lovelace' });
await messaging.send(people, { first: 'Grace', last: 'Hopper' });

const last = Promise.withResolvers<void>();
messaging.subscribe(
  people,
  (person, { offset }) => {
    console.log(`${person.last}, ${person.first}`);
    if (offset === 1) last.resolve();
  },
  { group: 'phone-book', order: 'partition' },
);
await messaging.start();
await last.promise;
await messaging.close();
