// The filter half of a cycle: what the pod means to each plugin (preFilter), then node by node. Also asked "what if" by preemption. Pure.

import type { Pod } from '../kinds/types/core_v1.js';
import type { Decision, FilterResult, Filters, NodeInfo, PreFilterResult, Profile, Refusal, SchedulerPlugin, Snapshot } from './define.js';
import { type Code, type CycleMeter, codeOf, Evaluations, type Point } from './meter.js';
import { nodeInfoWith } from './resources.js';

/** A plugin threw: said as upstream does. */
export class PluginError extends Error {
  constructor(
    readonly point: Point,
    message: string,
  ) {
    super(message);
  }
}

type PreFiltered = { readonly filters: Filters; readonly restrictedBy?: Decision['restrictedBy'] };
type RefusedAll = { readonly refusedAll: NonNullable<Decision['refusedAll']> };

export function preFilter(pod: Pod, snapshot: Snapshot, profile: Profile, meter?: CycleMeter): PreFiltered | RefusedAll {
  const states = new Map<SchedulerPlugin, unknown>();
  const skipped = new Set<SchedulerPlugin>();
  const restricting: SchedulerPlugin[] = [];
  let nodes: ReadonlySet<string> | undefined;
  let later: RefusedAll['refusedAll'] | undefined;
  for (const plugin of profile.preFilter) {
    const result = attempt('PreFilter', plugin, () => plugin.preFilter!(pod, snapshot), meter, preFilterCode);
    if (meter && !('skip' in result)) meter.evaluations(plugin).PreFilter++;
    if ('refused' in result) {
      if (result.unresolvable) return { refusedAll: { plugin, ...result } };
      // Another may still say that nothing can help.
      later ??= { plugin, ...result };
      continue;
    }
    if (result.skip) skipped.add(plugin);
    else states.set(plugin, result.state);
    if (!result.nodes) continue;
    restricting.push(plugin);
    const found: ReadonlySet<string> = result.nodes;
    nodes = nodes ? new Set([...nodes].filter((name) => found.has(name))) : found;
    if (nodes.size === 0) return { refusedAll: { plugin, refused: nobodyLeft(restricting), unresolvable: true } };
  }
  if (later) return { refusedAll: later };
  const plugins = profile.filter.filter((plugin) => !skipped.has(plugin));
  const filters = {
    pod,
    snapshot,
    plugins,
    states: plugins.map((plugin) => states.get(plugin)),
    evaluations: plugins.map((plugin) => meter?.evaluations(plugin) ?? new Evaluations()),
    meter,
  };
  return nodes ? { filters, restrictedBy: { plugins: restricting, nodes } } : { filters };
}

function preFilterCode(result: PreFilterResult<unknown>): Code {
  if ('refused' in result) return codeOf(result);
  return result.skip ? 'Skip' : 'Success';
}

function nobodyLeft(restricting: readonly SchedulerPlugin[]): string {
  const names = restricting.map(({ name }) => name);
  return names.length === 1
    ? `node(s) didn't satisfy plugin ${names[0]}`
    : `node(s) didn't satisfy plugin(s) [${names.join(' ')}] simultaneously`;
}

/** The plugin that refuses a node, and its words. */
export interface Verdict {
  readonly plugin: SchedulerPlugin;
  readonly refusal: Refusal;
}

/** undefined: the node fits. */
export function refusalOf(filters: Filters, node: NodeInfo): Verdict | undefined {
  const nominated = filters.snapshot.nominated.on(node.name);
  if (!nominated) return ask(filters, node);
  const others = nominatedBefore(filters.pod, nominated);
  // Room that others are to get counts as taken; and they may yet not come, so what would need them does not do either.
  return (others.length > 0 ? ask(...withPods(filters, node, others)) : undefined) ?? ask(filters, node);
}

function ask(filters: Filters, node: NodeInfo): Verdict | undefined {
  const { pod, snapshot, plugins, states, evaluations, meter } = filters;
  const measuring = meter?.measuresFilter;
  for (let i = 0; i < plugins.length; i++) {
    const plugin = plugins[i]!;
    evaluations[i]!.Filter++;
    const refusal = measuring ? measured(meter, plugin, filters, node, states[i]) : plugin.filter!(pod, node, states[i], snapshot);
    if (refusal) return { plugin, refusal };
  }
  return undefined;
}

/** Apart from the loop, which would make its closure each time. */
function measured(meter: CycleMeter, plugin: SchedulerPlugin, { pod, snapshot }: Filters, node: NodeInfo, state: unknown): FilterResult {
  return meter.call('Filter', plugin.name, () => plugin.filter!(pod, node, state, snapshot), filterCode);
}

const filterCode = (refusal: FilterResult): Code => (refusal ? codeOf(refusal) : 'Success');

function nominatedBefore({ metadata, spec }: Pod, others: readonly Pod[]): readonly Pod[] {
  return others.filter((other) => other.metadata.uid !== metadata.uid && (other.spec.priority ?? 0) >= (spec.priority ?? 0));
}

function withPods(filters: Filters, node: NodeInfo, others: readonly Pod[]): [Filters, NodeInfo] {
  let info = node;
  let now = filters;
  for (const other of others) {
    now = withPod(now, other, info);
    info = nodeInfoWith(info, other);
  }
  return [now, info];
}

/** As if `other` were on the node too; the NodeInfo with it is to be made besides (`nodeInfoWith`). */
export function withPod(filters: Filters, other: Pod, node: NodeInfo): Filters {
  return changed(filters, (plugin, state) => (plugin.withPod ? plugin.withPod(state, other, node, filters.snapshot) : state));
}

/** As if `other` were gone from the node (`nodeInfoWithout`). */
export function withoutPod(filters: Filters, other: Pod, node: NodeInfo): Filters {
  return changed(filters, (plugin, state) => (plugin.withoutPod ? plugin.withoutPod(state, other, node, filters.snapshot) : state));
}

function changed(filters: Filters, change: (plugin: SchedulerPlugin, state: unknown) => unknown): Filters {
  return { ...filters, states: filters.states.map((state, i) => change(filters.plugins[i]!, state)) };
}

/** Names the plugin and the extension point in what it throws. */
export function attempt<T>(point: Point, plugin: SchedulerPlugin, run: () => T, meter?: CycleMeter, code?: (result: T) => Code): T {
  try {
    return meter ? meter.call(point, plugin.name, run, code) : run();
  } catch (error) {
    throw new PluginError(point, `running ${point} plugin ${JSON.stringify(plugin.name)}: ${(error as Error).message}`);
  }
}
