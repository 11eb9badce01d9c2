// Some simulations, each of two managers that are killed, paused, cut off and lied to; npm run simulate runs thousands.
import { expect, test } from 'vitest';
import { seeded } from './clock.js';
import { simulate } from './simulate.js';
import { planOf } from './users.js';

const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

test.each(SEEDS)('whatever goes wrong, it ends as it does where nothing did (seed %i)', async (seed) => {
  const { failures, actions } = await simulate(seed);
  expect(failures, `npm run simulate -- --seed ${seed} --runs 1\n${actions.join('\n')}`).toEqual([]);
});

test('a seed decides what users do and what goes wrong', async () => {
  const plan = (seed: number) => planOf(seeded(seed, 'users')).map(({ at_ms, what }) => `${at_ms} ${what}`);
  expect(plan(7)).toEqual(plan(7));
  expect(plan(7)).not.toEqual(plan(8));
  const [once, again] = [await simulate(3), await simulate(3)];
  expect(again).toEqual(once);
  expect(once.faults.kills).toBeGreaterThan(0);
});
