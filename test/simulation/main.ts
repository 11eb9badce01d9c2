// `npm run simulate -- --seed N --runs M`: runs that many simulations, prints each failing seed with what was wrong, and exits 1 if there was one.
import { parseArgs } from 'node:util';
import { simulate } from './simulate.js';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, runs: { type: 'string', default: '100' }, plan: { type: 'boolean', default: false } },
});
const [first, runs] = [Number(values.seed), Number(values.runs)];
if (!Number.isSafeInteger(first) || !(runs > 0)) {
  process.stderr.write(
    'usage: npm run simulate -- [--seed N] [--runs M] [--plan]: M simulations from seed N on; --plan prints what users do\n',
  );
  process.exit(2);
}
const total = { simulated_ms: 0, kills: 0, ambiguous: 0, stale: 0 };
const failed: number[] = [];
for (let seed = first; seed < first + runs; seed++) {
  const { failures, actions, simulated_ms, faults } = await simulate(seed);
  if (values.plan) process.stdout.write(`${actions.join('\n')}\n`);
  total.simulated_ms += simulated_ms;
  for (const name of ['kills', 'ambiguous', 'stale'] as const) total[name] += faults[name];
  if (failures.length === 0) continue;
  failed.push(seed);
  process.stdout.write(
    `seed ${seed} failed (npm run simulate -- --seed ${seed} --runs 1 --plan):\n${failures.map((each) => `  ${each}`).join('\n')}\n`,
  );
}
const hours = (total.simulated_ms / 3_600_000).toFixed(1);
process.stdout.write(
  `${runs} runs from seed ${first}, ${hours} simulated hours: ${total.kills} managers killed, ${total.ambiguous} answers to writes lost, ` +
    `${total.stale} caches in the past; ${failed.length === 0 ? 'all converged' : `${failed.length} failed: ${failed.join(' ')}`}\n`,
);
process.exit(failed.length > 0 ? 1 : 0);
