// `npm run simulate -- --seed N --runs M`: runs that many simulations, prints each failing seed with what was wrong, and exits 1 if there was one.
import { parseArgs } from 'node:util';
import { simulate } from './simulate.js';

/** Runs after which it says how far it is. */
const PROGRESS = 100;

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
let under: number | undefined;
// Where all wait for each other node just ends.
process.on('exit', () => {
  if (under === undefined) return;
  process.stdout.write(`seed ${under} failed (npm run simulate -- --seed ${under} --runs 1 --plan):\n  it waits for what never comes\n`);
  process.exitCode = 1;
});
const began = process.cpuUsage();
const cpu_ms = () => {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
};
for (let seed = first; seed < first + runs; seed++) {
  under = seed;
  const done = seed - first;
  if (done > 0 && done % PROGRESS === 0)
    process.stderr.write(`${done} runs, ${failed.length} failed, ${Math.round(cpu_ms() / done)} ms of CPU each\n`);
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
under = undefined;
const hours = (total.simulated_ms / 3_600_000).toFixed(1);
process.stdout.write(
  `${runs} runs from seed ${first}, ${hours} simulated hours: ${total.kills} managers killed, ${total.ambiguous} answers to writes lost, ` +
    `${total.stale} caches in the past, ${Math.round(cpu_ms() / runs)} ms of CPU each; ${failed.length === 0 ? 'all converged' : `${failed.length} failed: ${failed.join(' ')}`}\n`,
);
process.exit(failed.length > 0 ? 1 : 0);
