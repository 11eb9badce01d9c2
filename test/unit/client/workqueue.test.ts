// The work queue: each key once, never twice at a time, later after each failure.
import { beforeEach, expect, test } from 'vitest';
import { WorkQueue } from '../../../src/client/workqueue.js';
import { ManualClock } from './fakes.js';

let clock: ManualClock;
let queue: WorkQueue;
beforeEach(() => {
  clock = new ManualClock();
  queue = new WorkQueue(clock);
});

test('keys come out in order, each once however often it was added', async () => {
  for (const key of ['a', 'b', 'a']) queue.add(key);
  expect([await queue.next(), await queue.next()]).toEqual(['a', 'b']);
  expect(queue.length).toBe(0);
});

test('a key that is being worked on comes again only when that is done', async () => {
  queue.add('a');
  await queue.next();
  queue.add('a');
  queue.add('a');
  const next = queue.next();
  queue.add('b');
  expect(await next).toBe('b');
  queue.done('a');
  expect(await queue.next()).toBe('a');
  queue.done('a');
  expect(queue.length).toBe(0);
});

test('a waiting taker gets a key at once, and no other taker gets the same', async () => {
  const takers = [queue.next(), queue.next()];
  queue.add('a');
  queue.add('a');
  expect(await takers[0]).toBe('a');
  queue.shutDown();
  expect(await takers[1]).toBeUndefined();
});

test('failures wait 5 ms, doubled each time up to 1000 s, until the key is forgotten', async () => {
  const waits: number[] = [];
  for (let i = 0; i < 20; i++) {
    queue.addRateLimited('a');
    const before = clock.now();
    const next = queue.next();
    while (queue.length === 0 && clock.pending > 0) await clock.advance(1);
    await next;
    waits.push(clock.now() - before);
    queue.done('a');
    if (i === 10) break;
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120]);
  expect(queue.failures('a')).toBe(11);
  queue.forget('a');
  queue.addRateLimited('a');
  await clock.advance(5);
  expect(queue.length).toBe(1);
});

test('the longest wait is 1000 s', async () => {
  for (let i = 0; i < 40; i++) {
    queue.addRateLimited('a');
    await clock.advance(1_000_000);
    expect(queue.length).toBe(1);
    queue.done((await queue.next())!);
  }
});

test('of several times the earliest counts', async () => {
  queue.addAfter('a', 100);
  queue.addAfter('a', 50);
  queue.addAfter('a', 70);
  await clock.advance(49);
  expect(queue.length).toBe(0);
  await clock.advance(1);
  expect(queue.length).toBe(1);
  expect(clock.pending).toBe(0);
});

test('after shutDown nothing comes and no timer is left', async () => {
  queue.addAfter('a', 100);
  queue.add('b');
  queue.shutDown();
  queue.add('c');
  expect(await queue.next()).toBeUndefined();
  expect(clock.pending).toBe(0);
});
