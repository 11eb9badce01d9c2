// What it costs to keep the decisions of cycles: the same cycles with it and without it by turns, in a process of its own that can call for the
// collector of garbage (--expose-gc). Prints its result as one line of JSON.
import { systemClock as clock } from '../../src/apimachinery/clock.js';
import type { Node, Pod } from '../../src/kinds/types/core_v1.js';
import { schedule } from '../../src/scheduler/cycle.js';
import { DecisionStore } from '../../src/scheduler/decision-store.js';
import type { Snapshot } from '../../src/scheduler/define.js';
import { Nominator } from '../../src/scheduler/nominator.js';
import { defaultProfile } from '../../src/scheduler/profile.js';
import { reusedNumbers } from '../../src/scheduler/scoring.js';
import { SchedulerCache } from '../../src/scheduler/snapshot.js';
import { median } from './report.js';
import { nodeOf, podsOf, type Size } from './scheduler-pods.js';

export interface RecordsResult {
  /** CPU of a cycle whose decision is not kept. */
  readonly cycle_us: number;
  /** What keeping adds to it, per cent; the collector's work is counted with both. The median of the rounds. */
  readonly records_pct: number;
}

const ROUNDS = 31;
/** Until the code is compiled, and the store has been written as far as that of a server that has run for a while. */
const WARM_UP_ROUNDS = 4;

const size = JSON.parse(process.argv[2]!) as Size;
const profile = defaultProfile();
const store = new DecisionStore();
const nodes = Array.from({ length: size.nodes }, (_, i) => ({ ...nodeOf(i), spec: {} }) as unknown as Node);
const pods = podsOf('plain', size).measured.map(
  (draft, i) => ({ ...draft, metadata: { ...draft.metadata, uid: `uid-${i}` }, status: {} }) as unknown as Pod,
);

/** Of all pods, one after the other, microseconds of CPU a cycle. */
function round(kept: DecisionStore | undefined): number {
  const [cache, nominated, room] = [new SchedulerCache(), new Nominator(), reusedNumbers()];
  for (const node of nodes) cache.setNode(node);
  const storage: Snapshot['storage'] = { get: () => undefined, list: () => [], attachedTo: () => [] };
  const namespaceLabels = () => ({});
  let drawn = 0;
  const random = { next: () => (drawn = (drawn + 0.381966) % 1), bytes: (length: number) => new Uint8Array(length) };
  let start = 0;
  globalThis.gc!();
  const before = process.cpuUsage();
  for (const pod of pods) {
    const began_ms = clock.monotonic();
    const decision = schedule(pod, { nominated, services: [], namespaceLabels, storage, ...cache.nodes() }, profile, random, start, room);
    const duration_ms = clock.monotonic() - began_ms;
    kept?.add({ decision, attempt: 1, at_ms: clock.now(), duration_ms });
    start = decision.nextStart;
    cache.assume(pod, decision.node!.name);
  }
  const { user, system } = process.cpuUsage(before);
  for (const { metadata } of pods) kept?.forget(metadata.uid);
  return (user + system) / pods.length;
}

const rounds = Array.from({ length: WARM_UP_ROUNDS + ROUNDS }, () => {
  const without_us = round(undefined);
  return { without_us, pct: (100 * (round(store) - without_us)) / without_us };
}).slice(WARM_UP_ROUNDS);
const result: RecordsResult = {
  cycle_us: median(rounds.map(({ without_us }) => without_us)),
  records_pct: median(rounds.map(({ pct }) => pct)),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
