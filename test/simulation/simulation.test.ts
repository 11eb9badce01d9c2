// Some simulations, each of two managers that are killed, paused, cut off and lied to; npm run simulate runs thousands.
import { expect, test, vi } from 'vitest';
import { seeded } from './clock.js';
import { type Outcome, simulate } from './simulate.js';
import { planOf } from './users.js';

/** What the first run of a seed came to, for the test that it always comes to that. */
let first: Outcome;
// Seconds of work, which a busy machine may take minutes for.
vi.setConfig({ testTimeout: 300_000 });
const SEEDS = Array.from({ length: 4 }, (_, i) => i + 1);

test.each(SEEDS)('whatever goes wrong, it ends as it does where nothing did (seed %i)', async (seed) => {
  const outcome = await simulate(seed);
  if (seed === 1) first = outcome;
  const { failures, actions } = outcome;
  expect(failures, `npm run simulate -- --seed ${seed} --runs 1\n${actions.join('\n')}`).toEqual([]);
});

test('a seed decides what users do and what goes wrong', async () => {
  const plan = (seed: number) => planOf(seeded(seed, 'users')).actions.map(({ at_ms, what }) => `${at_ms} ${what}`);
  expect(plan(7)).toEqual(plan(7));
  expect(plan(7)).not.toEqual(plan(8));
  expect(await simulate(1)).toEqual(first);
  expect(first.faults.kills).toBeGreaterThan(0);
});
