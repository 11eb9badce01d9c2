// One scheduling cycle: filter the nodes, score those left, take the best; returns all of its reasoning. Pure.
import type { Random } from '../apimachinery/clock.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { Decision, FilterResult, NodeInfo, SchedulerPlugin, Snapshot } from './define.js';

type Filtered = Decision['filtered'];

/** Chooses a node for `pod`; `random` only decides between equally good ones. */
export function schedule(pod: Pod, snapshot: Snapshot, plugins: readonly SchedulerPlugin[], random: Random): Decision {
  const filtered = new Map<string, { plugin: string; reasons: readonly string[] }>();
  const feasible = new Map<string, NodeInfo>();
  const no = snapshot.nodes.size > 0 ? refusedEverywhere(pod, snapshot, plugins) : undefined;
  if (no) return { node: undefined, ...no, scores: new Map() };
  for (const [name, node] of snapshot.nodes) {
    const no = firstRefusal(pod, node, snapshot, plugins);
    if (no) filtered.set(name, no);
    else feasible.set(name, node);
  }
  if (feasible.size === 0) return { node: undefined, filtered, scores: new Map(), message: failureMessage(snapshot, filtered) };
  const scores = scoreAll(pod, feasible, snapshot, plugins);
  return { node: best(scores, random), filtered, scores, message: '' };
}

/** Of a pod that would fit nowhere each node has the same to say, which is told once. */
function refusedEverywhere(pod: Pod, snapshot: Snapshot, plugins: readonly SchedulerPlugin[]) {
  for (const plugin of plugins) {
    const reason = plugin.preFilter?.(pod, snapshot);
    if (reason === undefined) continue;
    const filtered = new Map([...snapshot.nodes.keys()].map((name) => [name, { plugin: plugin.name, reasons: [reason] }]));
    return { filtered, message: `0/${snapshot.nodes.size} nodes are available: ${reason}.` };
  }
  return undefined;
}

function firstRefusal(pod: Pod, node: NodeInfo, snapshot: Snapshot, plugins: readonly SchedulerPlugin[]) {
  for (const plugin of plugins) {
    const result: FilterResult = plugin.filter?.(pod, node, snapshot);
    if (result) return { plugin: plugin.name, reasons: result.reasons };
  }
  return undefined;
}

function scoreAll(pod: Pod, feasible: ReadonlyMap<string, NodeInfo>, snapshot: Snapshot, plugins: readonly SchedulerPlugin[]) {
  const scores = new Map([...feasible.keys()].map((name) => [name, new Map<string, number>()]));
  for (const plugin of plugins) {
    if (!plugin.score) continue;
    const raw = new Map([...feasible].map(([name, node]) => [name, plugin.score!(pod, node, snapshot)]));
    for (const [name, score] of plugin.normalize?.(raw) ?? raw) scores.get(name)!.set(plugin.name, score * (plugin.weight ?? 1));
  }
  return scores;
}

function best(scores: Decision['scores'], random: Random): string {
  let highest = Number.NEGATIVE_INFINITY;
  let names: string[] = [];
  for (const [name, byPlugin] of scores) {
    let total = 0;
    for (const score of byPlugin.values()) total += score;
    if (total > highest) {
      highest = total;
      names = [];
    }
    if (total === highest) names.push(name);
  }
  return names[Math.floor(random.next() * names.length)]!;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).` */
function failureMessage(snapshot: Snapshot, filtered: Filtered): string {
  if (snapshot.nodes.size === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const { reasons } of filtered.values()) for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${snapshot.nodes.size} nodes are available: ${parts.join(', ')}.`;
}
