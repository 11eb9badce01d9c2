// What is said of a pod that fits nowhere, in upstream's words. Pure.
import type { Decision, Refusal } from './define.js';

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).` */
export function failureMessage(total: number, why: Partial<Pick<Decision, 'refusedAll' | 'restrictedBy' | 'refusals'>>): string {
  if (total === 0) return 'no nodes available to schedule pods';
  const { refusedAll, restrictedBy, refusals = [] } = why;
  if (refusedAll) return `0/${total} nodes are available: ${refusedAll.refused}.`;
  const counts = countReasons(refusals);
  // Nodes that nobody looked at, since a preFilter had left them out.
  if (restrictedBy && refusals.length < total) {
    counts.set(`node(s) didn't satisfy plugin(s) [${restrictedBy.plugins.map(({ name }) => name).join(' ')}]`, total - refusals.length);
  }
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${total} nodes are available: ${parts.join(', ')}.`;
}

/** Thousands of nodes mostly refuse with the same few objects. */
function countReasons(refusals: readonly Refusal[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < refusals.length; ) {
    const refusal = refusals[i]!;
    const from = i;
    while (i < refusals.length && refusals[i] === refusal) i++;
    for (const reason of refusal.reasons) counts.set(reason, (counts.get(reason) ?? 0) + i - from);
  }
  return counts;
}
