// What `porthole why pod` prints for people: where the pod is and why; node by node what refused it or what it scored. Pure.
import Table from 'cli-table3';
import type { DecisionRecord, PodDecisions, PreemptionCandidate, ScoredNode, WaitsFor } from '../../client/pod-decisions.js';

/** Past it nodes are told of by their reasons, not one by one. */
const ROWS_MAX = 20;
/** Columns of scores that fit a terminal beside their plugins. */
const SCORED_MAX = 5;
/** Of names in a row. */
const NAMES_MAX = 4;

export function printPodDecisions({ pod, message, waitsFor, decisions }: PodDecisions): string {
  const head = `Pod ${pod.namespace}/${pod.name}  scheduler ${pod.scheduler}${pod.node ? `  node ${pod.node}` : ''}`;
  return [
    `${head}\n${message}${waitsText(waitsFor)}`,
    ...decisions.map((record, i) => (i === 0 || record.preemption?.chosen ? whole : line)(record)),
  ].join('\n\n');
}

/** The scheduler's events, in words. */
const EVENTS: { readonly [event: string]: string } = {
  NodeAdd: 'a new node',
  NodeUpdate: 'a node that changes',
  NodeDelete: 'a node that goes',
  AssignedPodAdd: 'a pod that is placed',
  AssignedPodUpdate: 'a placed pod that changes',
  AssignedPodDelete: 'a placed pod that goes',
  NamespaceUpdate: 'a namespace whose labels change',
  StorageChange: 'a claim, volume or storage class that comes or changes',
  VolumeAttachmentDelete: 'a volume that is detached',
  any: 'anything',
};

const waitsText = (waitsFor: readonly WaitsFor[]): string =>
  waitsFor
    .map(({ plugin, events }) => `\n  waits for ${plugin ? `${plugin}: ` : ''}${events.map((event) => EVENTS[event] ?? event).join(', ')}`)
    .join('');

function line({ time, attempt, node, message, nodes }: DecisionRecord): string {
  return `${title(attempt, time)}: ${node ?? `none of ${nodes.total} nodes.`} ${message}`.trimEnd();
}

const title = (attempt: number, time: string) => (attempt === 0 ? 'If it were created now' : `Attempt ${attempt} at ${time.slice(0, 19)}Z`);

function whole(record: DecisionRecord): string {
  const { attempt, time, duration_us, nodes, node, thinned } = record;
  const found = `${nodes.total} nodes, ${nodes.evaluated} looked at, ${nodes.feasible} fit`;
  const outcome = node ?? (nodes.total === 0 ? 'there is no node' : 'no node');
  return [
    `${title(attempt, time)}: ${outcome} (${found}; ${(duration_us / 1000).toFixed(2)} ms)`,
    ...(record.message ? [`  ${node === undefined ? '' : 'It did not come to that: '}${record.message}`] : []),
    ...refusals(record),
    ...scores(record),
    ...draw(record),
    ...preemption(record),
    ...(thinned ? ['  There are many newer records: of this one only a summary is left.'] : []),
  ].join('\n');
}

function refusals({ refused, reasons }: DecisionRecord): readonly string[] {
  if (reasons.length === 0) return [];
  if (refused && refused.length > 0 && refused.length <= ROWS_MAX) {
    const rows = refused.map((one) => [one.node, one.plugin, one.reasons.join(', '), one.unresolvable ? 'no' : 'perhaps']);
    return [table(['NODE', 'REFUSED BY', 'BECAUSE', 'WOULD EVICTING HELP'], rows)];
  }
  const such = (plugin: string, reason: string) =>
    names((refused ?? []).flatMap((one) => (one.plugin === plugin && one.reasons.includes(reason) ? [one.node] : [])));
  const rows = reasons.map(({ plugin, reason, nodes }) => [String(nodes), plugin, reason, such(plugin, reason)]);
  return [table(['NODES', 'REFUSED BY', 'BECAUSE', 'SUCH AS'], rows)];
}

function names(all: readonly string[]): string {
  return all.length > NAMES_MAX ? `${all.slice(0, NAMES_MAX).join(', ')}, ...` : all.join(', ');
}

function scores({ scores: all, node, nodes }: DecisionRecord): readonly string[] {
  if (all.length === 0)
    return node !== undefined && nodes.feasible === 1 ? [`  ${node} is the only one that fits: nothing was scored.`] : [];
  const shown = all.slice(0, SCORED_MAX);
  const cell = (scored: ScoredNode, i: number) => {
    const { raw, normalized, weight, weighted } = scored.plugins[i]!;
    return `${number(normalized)} x ${weight} = ${number(weighted)}${raw === normalized ? '' : ` (raw ${number(raw)})`}`;
  };
  const rows = shown[0]!.plugins.map(({ plugin }, i) => [plugin, ...shown.map((scored) => cell(scored, i))]);
  const totals = ['TOTAL', ...shown.map(({ total }) => number(total))];
  const head = ['SCORED BY', ...shown.map((scored) => (scored.node === node ? `${scored.node} (chosen)` : scored.node))];
  const others = nodes.feasible - shown.length;
  return [table(head, [...rows, totals]), ...(others > 0 ? [`  and ${others} more nodes that fit, none of them better`] : [])];
}

const draw = ({ tieBreak }: DecisionRecord): readonly string[] =>
  tieBreak ? [`  Decided by ${tieBreak.by}, with ${number(tieBreak.total)}: ${names(tieBreak.among)}`] : [];

function preemption({ preemption: made }: DecisionRecord): readonly string[] {
  if (!made || made.candidates.length === 0) return [];
  const { chosen, candidates, message } = made;
  const order = [...candidates].sort((a, b) => Number(b.node === chosen) - Number(a.node === chosen)).slice(0, ROWS_MAX);
  const rows = order.map((one) => [one.node === chosen ? `${one.node} (chosen)` : one.node, victims(one), String(one.pdbViolations)]);
  return [
    `  To make room on ${chosen} others have to go; it is ${message.startsWith('the ') ? message : `the one with the ${message}`}:`,
    table(['NODE', 'PODS THAT WOULD GO (PRIORITY)', 'BUDGETS VIOLATED'], rows),
    ...(candidates.length > order.length ? [`  and ${candidates.length - order.length} more nodes`] : []),
  ];
}

const victims = ({ victims: pods }: PreemptionCandidate) =>
  names(pods.map(({ namespace, name, priority }) => `${namespace}/${name} (${priority})`));

function table(head: string[], rows: readonly string[][]): string {
  const compact = new Table({ head, style: { head: [], border: [], compact: true } });
  compact.push(...rows);
  return compact.toString();
}

const number = (value: number) => String(Math.round(value * 100) / 100);
