// Area scheduler: pods that are there already get their nodes, with the API server and its durable store included: how many a second, how long
// one cycle takes, and what it costs. Each case runs in processes of its own.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { progress, type Row, row as rowOf } from './report.js';
import type { LabResult } from './scheduler-lab.js';
import type { Case, PodKind, Size } from './scheduler-pods.js';
import type { RecordsResult } from './scheduler-records.js';

const SMALL: Size = { nodes: 100, pods: 1_000 };
const MEDIUM: Size = { nodes: 1_000, pods: 5_000 };
const LARGE: Size = { nodes: 5_000, pods: 10_000 };
/** Pods a second: upstream's own floors at 5,000 nodes, and more where more is wanted. */
const FLOOR = 680;
const GOALS: { readonly [kind in PodKind]?: number } = { spread: FLOOR, 'anti-affinity': FLOOR, preemption: 570, unschedulable: 590 };
const LABELS: { readonly [kind in PodKind]?: string } = {
  preemption: 'preemption (pods that fit, while one that preempts comes every 200 ms, as in the case that has the floor)',
  'all-preempt': 'each pod has to preempt three',
};
const PLAIN_GOALS = new Map([
  [MEDIUM, 1_500],
  [LARGE, 1_000],
]);
const GROWTH_GOAL = 3;
const RECORDS_GOAL = 10;
const KNOWN = new Map([
  [SMALL, 'known: Kubernetes 1.20 158-195/s, its scheduler 2.1-2.5 ms of CPU a pod'],
  [MEDIUM, 'known: Kubernetes 1.20 69/s, its scheduler 8.9 ms of CPU a pod'],
  [LARGE, "upstream's floor: 680/s on its own machines"],
]);

/** Told at once: what comes after takes minutes. */
const row: typeof rowOf = (...args) => {
  const made = rowOf(...args);
  progress(`${made.name}: ${made.value} ${made.unit}`);
  return made;
};

export async function benchScheduler(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const plain = new Map<Size, LabResult>();
  for (const size of [SMALL, MEDIUM, LARGE]) {
    const result = await run({ kind: 'plain', size, apart: false });
    plain.set(size, result);
    rows.push(...plainRows(size, result));
  }
  const [small, large] = [plain.get(SMALL)!, plain.get(LARGE)!];
  rows.push(row('cycle p50, 5,000 nodes to 100', large.cycles_ms.p50 / small.cycles_ms.p50, 'x', { goal: GROWTH_GOAL }));
  const { records_pct, cycle_us } = await recordsOf(MEDIUM);
  rows.push(
    row(`${what(MEDIUM)}, plain: keeping the decisions, of the cycles' CPU`, records_pct, '%', {
      goal: RECORDS_GOAL,
      yardstick: `a cycle without ${cycle_us.toPrecision(3)} us`,
    }),
  );
  for (const size of [MEDIUM, LARGE]) {
    const { pods, seconds, cpu_ms } = await run({ kind: 'plain', size, apart: true });
    rows.push(
      row(`${what(size)}, plain, the scheduler a process of its own`, pods / seconds, '/s', {}),
      row(`${what(size)}, plain: CPU of that process a pod`, cpu_ms / pods, 'ms', {}),
    );
  }
  for (const kind of ['spread', 'anti-affinity', 'preemption', 'all-preempt', 'unschedulable'] as const) {
    for (const size of [SMALL, MEDIUM, LARGE]) {
      const { pods, seconds, cycles_ms } = await run({ kind, size, apart: false });
      const goal = GOALS[kind];
      const name = what({ ...size, pods });
      rows.push(
        row(`${name}, ${LABELS[kind] ?? kind}`, pods / seconds, '/s', goal ? { goal, atLeast: true } : {}),
        row(`${name}, ${kind}: cycle p50`, cycles_ms.p50, 'ms', { yardstick: `p99 ${cycles_ms.p99.toPrecision(3)} ms` }),
      );
    }
  }
  return rows;
}

const what = ({ nodes, pods }: Size) => `${nodes} nodes, ${pods} pods`;

function plainRows(size: Size, { pods, seconds, cpu_ms, cycles_ms }: LabResult): readonly Row[] {
  const goal = PLAIN_GOALS.get(size) ?? FLOOR;
  return [
    row(`${what(size)}, plain`, pods / seconds, '/s', { goal, atLeast: true, yardstick: KNOWN.get(size)! }),
    row(`${what(size)}, plain: cycle p50`, cycles_ms.p50, 'ms', { yardstick: `p99 ${cycles_ms.p99.toPrecision(3)} ms` }),
    row(`${what(size)}, plain: CPU a pod, API server and store included`, cpu_ms / pods, 'ms'),
  ];
}

const run = (which: Case): Promise<LabResult> => inProcess('scheduler-lab.js', which);

const recordsOf = (size: Size): Promise<RecordsResult> => inProcess('scheduler-records.js', size, '--expose-gc');

async function inProcess<T>(program: string, argument: unknown, ...flags: readonly string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, join(import.meta.dirname, program), JSON.stringify(argument)]);
  return JSON.parse(stdout) as T;
}
