import { parseArgs } from 'node:util';
import { reasonOf } from '../consuming/failures.ts';
import type { Driver } from '../driver.ts';
import { type ConnectOptions, checkConnect, connect, UsageError } from './connect.ts';
import { listDeadLetters, showDeadLetter } from './dead-letters.ts';
import { line, page } from './print.ts';
import { replayDeadLetters } from './replay.ts';

const usage = `Usage: shopgpt-messaging dlq <command> --brokers <host:port,...> --topic <topic>

  list      what waits in <topic>.dlq, the oldest first       [--limit <n>]  default 100
  show      one of them, whole                                --partition <n> --offset <n>
  replay    sends them to <topic> again                       [--limit <n>] [--dry-run]

Replay remembers how far it came: when it is run again it goes on from there. Every group
that reads <topic> gets the messages again. Interrupted, it ends with the messages under way;
killed, it sends a hundred of them at most again the next time. Run one at a time.

What is wrong is told on standard error; a cluster that gives no answer for 30 seconds ends
the command.

  --ssl                     TLS; with --ca <file> for an authority of your own
  --sasl <mechanism>        plain, scram-sha-256 or scram-sha-512, with
                            --username <name> --password-file <file>
`;

/** What the outside gives to the command. */
export interface CliParts {
  /** Default: standard output. */
  readonly print?: (text: string) => void;
  /** Takes what is wrong. Default: standard error. */
  readonly complain?: (text: string) => void;
  /** Default: kafkajs. */
  readonly connect?: (options: ConnectOptions) => Promise<Driver>;
}

const options = {
  brokers: { type: 'string' },
  topic: { type: 'string' },
  limit: { type: 'string' },
  partition: { type: 'string' },
  offset: { type: 'string' },
  'dry-run': { type: 'boolean' },
  ssl: { type: 'boolean' },
  ca: { type: 'string' },
  sasl: { type: 'string' },
  username: { type: 'string' },
  'password-file': { type: 'string' },
  help: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parsed>['values'];

/**
 * Runs the command line; never rejects.
 *
 * @returns the exit code: 0 when it did what was asked, 1 when that failed, 2 when it was asked wrongly
 */
export async function main(args: readonly string[], parts: CliParts = {}): Promise<number> {
  const { print = (text: string) => void process.stdout.write(text) } = parts;
  const { complain = (text: string) => void process.stderr.write(text) } = parts;
  try {
    const { values, positionals } = parsed(args);
    if (values.help) {
      print(usage);
      return 0;
    }
    await run(positionals, values, { print, complain, connect: parts.connect ?? connect });
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`${error.message}\n\n${usage}`);
      return 2;
    }
    complain(`failed: ${reasonOf(error)}\n`);
    return 1;
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(reasonOf(error));
  }
}

type Command = (
  driver: Driver,
  topic: string,
  values: Values,
  parts: Required<CliParts>,
) => Promise<void>;

const commands: Readonly<Record<string, Command>> = {
  async list(driver, topic, values, { print }) {
    const limit = number('limit', values.limit) ?? 100;
    let [count, more] = [0, ''];
    for await (const letter of listDeadLetters(driver, topic)) {
      if (count === limit) {
        more = ', and there are more';
        break;
      }
      print(line(letter));
      count += 1;
    }
    print(`${count} dead letters of ${topic}${more}\n`);
  },

  async show(driver, topic, values, { print }) {
    const [partition, offset] = [
      number('partition', values.partition),
      number('offset', values.offset),
    ];
    if (partition === undefined || offset === undefined) {
      throw new UsageError('show needs --partition and --offset');
    }
    const letter = await showDeadLetter(driver, topic, partition, offset);
    if (!letter)
      throw new Error(`there is no dead letter at partition ${partition} offset ${offset}`);
    print(page(letter));
  },

  async replay(driver, topic, values, { print, complain }) {
    const limit = number('limit', values.limit);
    const dryRun = values['dry-run'] ?? false;
    const { signal, ignore } = interruption(complain);
    const count = await replayDeadLetters(driver, topic, {
      ...(limit !== undefined && { limit }),
      dryRun,
      signal,
      onReplayed: (letter, to) =>
        print(`${dryRun ? 'would go' : 'sent'} to ${to}: ${line(letter)}`),
    }).finally(ignore);
    print(`${count} dead letters of ${topic} ${dryRun ? 'would be' : 'were'} sent again\n`);
    if (signal.aborted) throw new Error('it was interrupted; run it again for the rest');
  },
};

const interruptions = ['SIGINT', 'SIGTERM'] as const;

/** Aborts when the process is asked to end for the first time; asked again, it ends as any other. */
function interruption(complain: (text: string) => void) {
  const controller = new AbortController();
  const ignore = () => {
    for (const name of interruptions) process.off(name, stop);
  };
  const stop = () => {
    ignore();
    complain('interrupted: it ends with the messages under way\n');
    controller.abort();
  };
  for (const name of interruptions) process.on(name, stop);
  return { signal: controller.signal, ignore };
}

async function run(
  [area, name = '']: readonly string[],
  values: Values,
  parts: Required<CliParts>,
): Promise<void> {
  const command = area === 'dlq' && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError('say what to do: dlq list, dlq show or dlq replay');
  const { brokers, topic } = values;
  if (!brokers || !topic) throw new UsageError('--brokers and --topic are needed');
  const options = {
    brokers: brokers.split(','),
    ssl: values.ssl ?? false,
    caFile: values.ca,
    sasl: values.sasl,
    username: values.username,
    passwordFile: values['password-file'],
  };
  checkConnect(options);
  const driver = await parts.connect(options);
  try {
    await command(driver, topic, values, parts);
  } finally {
    await driver.close();
  }
}

function number(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} must be a whole number from 0 up, got "${text}"`);
}
