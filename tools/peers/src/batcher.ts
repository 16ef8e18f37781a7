import { create, windowedFiniteBatchScheduler } from '@yornaath/batshit';
import DataLoaderOfPackage from 'dataloader';

/** Answers a batch of keys in their order. */
export type Sink = (keys: readonly number[]) => Promise<readonly number[]>;

/** What every way of batching looks like to a benchmark. */
export interface Loader {
  load(key: number): Promise<number>;
  /** Ends a timer that never ends by itself. */
  stop?(): void;
}

interface BareBatch {
  readonly keys: number[];
  readonly resolves: ((value: number) => void)[];
}

/** The cheapest that a batch of promises can be: a promise and two array pushes per key, one call per tick. */
export function bareLoader(sink: Sink): Loader {
  let open: BareBatch | undefined;
  const flush = async ({ keys, resolves }: BareBatch) => {
    open = undefined;
    const values = await sink(keys);
    for (let i = 0; i < resolves.length; i += 1) resolves[i]?.(values[i] ?? Number.NaN);
  };
  const begin = () => {
    const batch: BareBatch = { keys: [], resolves: [] };
    Promise.resolve().then(() => process.nextTick(flush, batch));
    return batch;
  };
  return {
    load(key) {
      open ??= begin();
      const batch = open;
      batch.keys.push(key);
      return new Promise((resolve) => batch.resolves.push(resolve));
    },
  };
}

/** No batching at all. */
export function singleLoader(sink: Sink): Loader {
  return {
    async load(key) {
      const [value] = await sink([key]);
      return value ?? Number.NaN;
    },
  };
}

/** The `dataloader` package. */
export function dataLoader(sink: Sink, options: { cache: boolean; maxBatchSize?: number }): Loader {
  return new DataLoaderOfPackage<number, number>(sink, options);
}

/** The `@yornaath/batshit` package with its window of 10 ms. */
export function batshitLoader(sink: Sink, maxBatchSize: number): Loader {
  const batcher = create<Map<number, number>, number, number>({
    fetcher: async (keys) => {
      const values = await sink(keys);
      return new Map(keys.map((key, i) => [key, values[i] ?? Number.NaN]));
    },
    resolver: (values, key) => values.get(key) ?? Number.NaN,
    scheduler: windowedFiniteBatchScheduler({ windowMs: 10, maxBatchSize }),
  });
  return { load: (key) => batcher.fetch(key) };
}

interface Waiting {
  readonly key: number;
  resolve(value: number): void;
  reject(error: unknown): void;
}

async function send(sink: Sink, waiting: readonly Waiting[]): Promise<void> {
  try {
    const values = await sink(waiting.map(({ key }) => key));
    waiting.forEach(({ resolve }, i) => {
      resolve(values[i] ?? Number.NaN);
    });
  } catch (error) {
    for (const { reject } of waiting) reject(error);
  }
}

/** What one writes by hand: a batch leaves when it is full, or `ms` after its first key. */
export function timerLoader(sink: Sink, ms: number, maxSize: number): Loader {
  let waiting: Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const sent = waiting;
    waiting = [];
    void send(sink, sent);
  };
  return {
    load: (key) =>
      new Promise((resolve, reject) => {
        waiting.push({ key, resolve, reject });
        if (waiting.length >= maxSize) flush();
        else timer ??= setTimeout(flush, ms);
      }),
  };
}

/** What one also writes by hand: every `ms`, whatever is there leaves. */
export function tickerLoader(sink: Sink, ms: number): Loader {
  let waiting: Waiting[] = [];
  const ticker = setInterval(() => {
    const sent = waiting;
    waiting = [];
    if (sent.length > 0) void send(sink, sent);
  }, ms);
  return {
    load: (key) => new Promise((resolve, reject) => waiting.push({ key, resolve, reject })),
    stop: () => clearInterval(ticker),
  };
}
