// npm run bench -w packages/messaging [-- rounds] [section ...]: ours beside the peers, in one run.
import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from './lab.ts';
import { atLeast, atMost, printHead, printRows } from './table.ts';

const words = process.argv.slice(2);
const rounds = Number(words.find((word) => /^\d+$/.test(word)) ?? 3);
const wanted = words.filter((word) => !/^\d+$/.test(word));
const cheap = atMost(1.3, 'the best peer');

async function awaited(partitions: number, bar: number): Promise<void> {
  const taken = await lab.measure('sendAwaited', () => lab.newTopic(partitions));
  const what = `1,000 awaited sends at once, ${partitions} partitions`;
  printRows(taken, [
    { what, field: 'rate', unit: 'a second', bar: atLeast(bar, 'kafkajs') },
    { what: 'the same, CPU of a message', field: 'cpuUs', unit: 'us', bar: cheap },
  ]);
}

const sections: Readonly<Record<string, () => Promise<void>>> = {
  async sends() {
    await awaited(6, 40);
    await awaited(100, 20);
  },

  async lots() {
    const taken = await lab.measure('sendMany', () => lab.newTopic(6));
    const what = 'sends of 500 messages each, CPU of a message';
    printRows(taken, [{ what, field: 'cpuUs', unit: 'us', bar: cheap }]);
  },

  async latency() {
    const taken = await lab.measure('latency', () => lab.newTopic(6));
    const bar = atMost(1, 'kafkajs');
    printRows(taken, [
      { what: '500 sends a second, p50', field: 'p50', unit: 'ms' },
      { what: '500 sends a second, p99', field: 'p99', unit: 'ms', bar },
    ]);
  },

  async hang() {
    const fault = async (round: number) => {
      await lab.cluster.nodes[round % 3]?.pause();
      await sleep(10_000);
      await lab.cluster.resume();
    };
    const taken = await lab.measure('hang', () => lab.newTopic(6), fault);
    printRows(taken, [
      {
        what: 'longest send while a leader hangs for 10 s',
        field: 'longestS',
        unit: 's',
        bar: atMost(6),
      },
      { what: 'sends that failed meanwhile', field: 'failed', unit: 'messages' },
    ]);
  },

  async consume() {
    const topic = await lab.fullTopic(60_000);
    const taken = await lab.measure('consume', async () => topic);
    const bar = atLeast(12, 'kafkajs');
    const what = 'handler of 5 ms, 4 partitions';
    printRows(taken, [{ what, field: 'rate', unit: 'a second', bar }]);
  },

  async count() {
    const topic = await lab.fullTopic(400_000);
    const taken = await lab.measure('count', async () => topic);
    printRows(taken, [
      {
        what: 'handler of nothing on parsed JSON, CPU of a message',
        field: 'cpuUs',
        unit: 'us',
        bar: cheap,
      },
      { what: 'the same, messages', field: 'rate', unit: 'a second' },
    ]);
  },

  async idle() {
    const taken = await lab.measure('idle', () => lab.newTopic(4));
    printRows(taken, [
      { what: 'idle consumer, of a core', field: 'percent', unit: '%', bar: atMost(1) },
      { what: 'stop of an idle consumer', field: 'stopMs', unit: 'ms', bar: atMost(1_500) },
    ]);
  },

  async stalled() {
    const topic = await lab.newTopic(6);
    const taken = await lab.measure(
      'stalled',
      async () => topic,
      () => lab.cluster.pause(),
      1,
    );
    // The queue is full by then: what comes after costs nothing.
    printRows(taken, [
      { what: '100,000 sends to a stalled cluster', field: 'firstMiB', unit: 'MiB' },
      { what: '100,000 more', field: 'againMiB', unit: 'MiB', bar: atMost(5) },
    ]);
  },
};

const unknown = wanted.find((name) => !(name in sections));
if (unknown !== undefined) throw new RangeError(`${unknown} is none of ${Object.keys(sections)}`);
console.log(`node ${process.version}, ${process.platform} ${process.arch}, ${rounds} rounds\n`);
const lab = await Lab.open(rounds);
printHead();
for (const [name, section] of Object.entries(sections)) {
  if (wanted.length === 0 || wanted.includes(name)) await section();
}
await lab.close();
