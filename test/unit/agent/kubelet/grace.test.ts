// Grace periods, which may turn out shorter than they were.
import { expect, it } from 'vitest';
import { Grace } from '../../../../agent/kubelet/grace.js';
import { ManualClock } from '../../client/fakes.js';

const never = new Promise<void>(() => undefined);

function setUp(grace_s: number) {
  const clock = new ManualClock();
  const grace = new Grace(clock, grace_s);
  const ended: string[] = [];
  const wait = (name: string, work: Promise<unknown>) => void grace.within(work).then(() => ended.push(name));
  return { clock, grace, ended, wait };
}

it('waits for work as long as there is time, and no longer', async () => {
  const { clock, grace, ended, wait } = setUp(10);
  wait('done', Promise.resolve());
  wait('failed', Promise.reject(new Error('no')));
  wait('never', never);
  await clock.advance(4_500);
  expect(ended).toEqual(['done', 'failed']);
  expect(grace.left_s).toBe(6);
  await clock.advance(5_500);
  expect(ended).toEqual(['done', 'failed', 'never']);
  expect(grace.left_s).toBe(0);
});

it('can be shortened, but not made longer', async () => {
  const { clock, grace, ended, wait } = setUp(60);
  const told: number[] = [];
  const off = grace.onShortened(() => told.push(grace.left_s));
  wait('never', never);
  grace.shorten(100);
  grace.shorten(5);
  expect(told).toEqual([5]);
  off();
  grace.shorten(4);
  expect(told).toEqual([5]);
  await clock.advance(3_900);
  expect(ended).toEqual([]);
  await clock.advance(100);
  expect(ended).toEqual(['never']);
});
