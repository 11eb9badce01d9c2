// What is left of pods that are gone, when it cannot be removed at once: the runtime and the folders here are doubles that fail when told to.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type CleanupOptions, runCleanup } from '../../../../agent/kubelet/cleanup.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import { ManualClock } from '../../client/fakes.js';

let clock: ManualClock;
let stop: AbortController;
let start: () => void;
let running: Promise<void>;
let left: string[];
let tries: string[];
let isBusy: boolean;
let isAway: boolean;

beforeEach(() => {
  [clock, stop, left, tries] = [new ManualClock(), new AbortController(), ['gone', 'known'], []];
  [isBusy, isAway] = [false, false];
  const remove = async (uid: string) => {
    tries.push(uid);
    if (isBusy && uid === 'gone') throw new Error('device or resource busy');
    left = left.filter((other) => other !== uid);
  };
  const nothing = async () => [];
  const listPods = async () => {
    if (isAway) throw new Error('the engine is away');
    return [];
  };
  const runtime = { listPods, collectNetworkGarbage: nothing, endOrphanedCommands: nothing };
  const parts = { runtime, dirs: { list: async () => left, remove }, cgroups: { list: nothing }, logs: { sweep: nothing } };
  const isKnown = (uid: string) => uid === 'known';
  const options = { ...parts, clock, log: silentLogger, stopping: stop.signal, isKnown } as unknown as CleanupOptions;
  start = () => {
    running = runCleanup(options);
  };
});

afterEach(async () => {
  stop.abort();
  await running;
});

it('removes what nobody has, and nothing else', async () => {
  start();
  await clock.advance(0);
  expect([left, tries]).toEqual([['known'], ['gone']]);
});

it('tries what could not be removed again within seconds, and what could be within a minute', async () => {
  isBusy = true;
  start();
  await clock.advance(12_000);
  expect(tries).toHaveLength(3);
  isBusy = false;
  await clock.advance(5_000);
  expect(left).toEqual(['known']);
  left.push('gone');
  await clock.advance(50_000);
  expect(left).toContain('gone');
  await clock.advance(10_000);
  expect(left).toEqual(['known']);
});

it('goes on within seconds when the engine is back', async () => {
  isAway = true;
  start();
  await clock.advance(1_000);
  isAway = false;
  await clock.advance(5_000);
  expect(left).toEqual(['known']);
});
