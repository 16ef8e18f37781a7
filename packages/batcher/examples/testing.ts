import assert from 'node:assert/strict';
import { createBatcher } from '@shopgpt/batcher';
import { manualClock, scriptedBackend } from '@shopgpt/batcher/testing';

const clock = manualClock();
const backend = scriptedBackend<number, string>();
const batcher = createBatcher({ process: backend.process, timeoutMs: 1_000, clock });

const answer = batcher.add(7);
const call = await backend.nextCall();
assert.deepEqual(call.items, [7]);
clock.advance(1_000);
await assert.rejects(answer, { code: 'ERR_BATCHER_TIMEOUT' });
assert.equal(call.signal.aborted, true);
console.log('no test has slept');
