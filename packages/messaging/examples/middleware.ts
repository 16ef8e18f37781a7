import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { z } from 'zod';

const mails = defineTopic({ name: 'mails', partitions: 1, schema: z.object({ to: z.string() }) });
const messaging = createMessaging({ name: 'mailer', driver: memory() });
await messaging.provision([mails]);

const seen = Promise.withResolvers<void>();
messaging.use(async (ctx, next) => {
  try {
    await next();
    console.log(`${ctx.topic} ${ctx.group}: done`);
  } finally {
    seen.resolve();
  }
});
messaging.subscribe(mails, ({ to }) => console.log(`to ${to}`), { group: 'mailer' });
await messaging.start();

await messaging.send(mails, { to: 'ada@example.com' });
await seen.promise;
await messaging.close();
