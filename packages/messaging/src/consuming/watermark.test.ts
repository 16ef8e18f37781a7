import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Watermark } from './watermark.ts';

test('knows no position before the first record', () => {
  expect(new Watermark().position).toBeUndefined();
});

test('stands before the lowest unfinished record, whatever is finished above it', () => {
  const watermark = new Watermark();
  const marks = [10, 11, 15].map((offset) => ({ offset, isDone: false }));
  for (const mark of marks) watermark.add(mark);
  const [first, second, third] = marks;
  expect(watermark.position).toBe(10);
  if (third) third.isDone = true;
  expect([watermark.advance(), watermark.position]).toEqual([false, 10]);
  if (first) first.isDone = true;
  expect([watermark.advance(), watermark.position, watermark.oldest]).toEqual([true, 11, second]);
  if (second) second.isDone = true;
  expect([watermark.advance(), watermark.position]).toEqual([true, 16]);
  expect([watermark.added, watermark.passed, watermark.oldest]).toEqual([3, 3, undefined]);
});

test('whatever the gaps and the order of finishing: below the position all is done, at it nothing', () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 40 });
  const order = fc.infiniteStream(fc.nat());
  fc.assert(
    fc.property(gaps, order, (steps, picks) => {
      const watermark = new Watermark();
      let offset = 0;
      const marks = steps.map((step) => {
        offset += step;
        return { offset, isDone: false };
      });
      for (const mark of marks) watermark.add(mark);
      const open = [...marks];
      while (open.length > 0) {
        const [mark] = open.splice((picks.next().value ?? 0) % open.length, 1);
        if (mark) mark.isDone = true;
        watermark.advance();
        expect(watermark.position).toBe(
          open.length ? Math.min(...open.map((m) => m.offset)) : offset + 1,
        );
      }
    }),
  );
});
