// A pod's rounds of work: one at a time, none too many, and later each time where they fail.
import { beforeEach, expect, it } from 'vitest';
import { PodLoop } from '../../../../agent/kubelet/pod-loop.js';
import { ManualClock } from '../../client/fakes.js';

let clock: ManualClock;
let log: string[];
let loop: PodLoop;
/** What a round does. */
let work: () => Promise<number | undefined>;

beforeEach(() => {
  clock = new ManualClock();
  log = [];
  work = async () => undefined;
  const rounds = {
    work: () => {
      log.push('work');
      return work();
    },
    tellDead: async (ids: readonly string[]) => void log.push(`dead ${ids}`),
    failed: (error: Error) => void log.push(error.message),
  };
  loop = new PodLoop(rounds, { clock, random: { next: () => 0.5, bytes: (length) => new Uint8Array(length) } });
});

const settle = () => clock.advance(0);

it('follow one another, and wakes during one make a single other', async () => {
  let end = () => {};
  work = () => new Promise((resolve) => (end = () => resolve(undefined)));
  loop.wake();
  for (let i = 0; i < 3; i++) loop.wake();
  await settle();
  expect(log).toEqual(['work']);
  end();
  await settle();
  expect(log).toEqual(['work', 'work']);
  end();
  await settle();
  expect(log).toEqual(['work', 'work']);
});

it('containers that have ended are told of first, and need no round', async () => {
  loop.tellDead('a');
  await settle();
  expect(log).toEqual(['dead a']);
  loop.tellDead('b');
  loop.wake();
  await settle();
  expect(log).toEqual(['dead a', 'dead b', 'work']);
});

it('come again when they say so, unless something wakes them before', async () => {
  work = async () => 1000;
  loop.wake();
  await settle();
  await clock.advance(600);
  loop.wake();
  await settle();
  await clock.advance(600);
  expect(log).toEqual(['work', 'work']);
  await clock.advance(400);
  expect(log).toEqual(['work', 'work', 'work']);
});

/** Milliseconds from each round to the next, the clock going on by 100. */
async function pauses(count: number): Promise<readonly number[]> {
  const at: number[] = [];
  const own = work;
  work = () => {
    at.push(clock.now());
    return own();
  };
  loop.wake();
  while (at.length <= count) await clock.advance(100);
  return at.slice(1).map((time, i) => time - at[i]!);
}

it.each([
  ['that throw', () => Promise.reject(new Error('no'))],
  ['some of which fails', async () => loop.nextRetry_ms()],
])('%s are tried again, later each time', async (_, failing) => {
  work = failing;
  expect(await pauses(6)).toEqual([500, 1000, 2000, 4000, 8000, 10_000]);
});

it('one that goes well makes the next failure the first again', async () => {
  const outcomes = [false, false, true, false];
  work = async () => {
    if (outcomes.shift()) return 100;
    throw new Error('no');
  };
  expect(await pauses(4)).toEqual([500, 1000, 100, 500]);
});

it('a look waits for as long as it takes to see the pod, and not at all where a round is under way', async () => {
  let end = () => {};
  work = () => new Promise((resolve) => (end = () => resolve(undefined)));
  let looked = 0;
  void loop.look().then(() => looked++);
  await settle();
  expect(looked).toBe(0);
  loop.looked();
  await settle();
  expect(looked).toBe(1);
  await loop.look();
  end();
  await settle();
  expect(log).toEqual(['work', 'work']);
});

it('end for good', async () => {
  work = async () => 1000;
  loop.wake();
  await settle();
  loop.stop();
  loop.wake();
  loop.tellDead('a');
  await clock.advance(10_000);
  expect(log).toEqual(['work']);
});
