// One plugin alone, as a profile would ask it: what it says of each node, and how it scores them.
import type { Json } from '../../../../src/apimachinery/json.js';
import type { KubeObject } from '../../../../src/apimachinery/object.js';
import type { Lister } from '../../../../src/kinds/define.js';
import type { Node, Pod } from '../../../../src/kinds/types/core_v1.js';
import type { Reading } from '../../../../src/scheduler/config-fields.js';
import type { SchedulerPlugin, Snapshot } from '../../../../src/scheduler/define.js';
import { Nominator } from '../../../../src/scheduler/nominator.js';
import { plugins } from '../../../../src/scheduler/plugins/index.js';
import { nodeInfo, nodesOf } from '../../../../src/scheduler/resources.js';
import { node, pod } from '../../controllers/objects.js';

export const HOST = 'kubernetes.io/hostname';
export const ZONE = 'topology.kubernetes.io/zone';

export interface Given {
  readonly args?: Json;
  readonly pods?: readonly Pod[];
  readonly storage?: readonly KubeObject[];
  readonly namespaces?: { readonly [name: string]: { readonly [label: string]: string } };
}

export function pluginOf(name: string, args?: Json): SchedulerPlugin {
  const definition = plugins.find((one) => one.name === name)!;
  const reading: Reading = { errors: [], unknown: [] };
  const made = definition.make(definition.args?.(args, 'args', reading));
  if (reading.errors.length + reading.unknown.length > 0) throw new Error(JSON.stringify(reading));
  return { name, ...made } as SchedulerPlugin;
}

function snapshotOf(nodes: readonly Node[], { pods = [], storage = [], namespaces = {} }: Given): Snapshot {
  const infos = nodes.map((each) =>
    nodeInfo(
      each,
      pods.filter(({ spec }) => spec.nodeName === each.metadata.name),
    ),
  );
  return {
    ...nodesOf(infos),
    nominated: new Nominator(),
    services: [],
    namespaceLabels: (name) => namespaces[name] ?? {},
    storage: stored(storage),
  };
}

function stored(objects: readonly KubeObject[]): Pick<Lister, 'get' | 'list'> {
  const ofKind = (kind: { readonly kind: string }) => objects.filter((one) => one.kind === kind.kind) as never[];
  return {
    get: (kind, { name }) => ofKind(kind).find(({ metadata }: KubeObject) => metadata.name === name),
    list: (kind) => ofKind(kind),
  };
}

/** Node -> why not; `*`: of all of them. Nodes that fit are left out. */
export function refusals(name: string, what: Pod, nodes: readonly Node[], given: Given = {}): { readonly [node: string]: string } {
  const plugin = pluginOf(name, given.args);
  const snapshot = snapshotOf(nodes, given);
  const prepared = plugin.preFilter?.(what, snapshot) ?? {};
  if ('refused' in prepared) return { '*': prepared.refused };
  if (prepared.skip) return {};
  const told = snapshot.nodes.flatMap((info) => {
    const refusal = plugin.filter!(what, info, prepared.state, snapshot);
    return refusal ? [[info.name, refusal.reasons.join(', ')] as const] : [];
  });
  return Object.fromEntries(told);
}

/** Of each node, brought to 0..100; undefined: none is better to the plugin. */
export function scores(name: string, what: Pod, nodes: readonly Node[], given: Given = {}): readonly number[] | undefined {
  const plugin = pluginOf(name, given.args);
  const snapshot = snapshotOf(nodes, given);
  const state = plugin.preScore?.(what, snapshot.nodes, snapshot);
  if (state === 'skip') return undefined;
  const all = snapshot.nodes.map((info) => plugin.score!(what, info, state, snapshot));
  plugin.normalize?.(all, snapshot.nodes, state);
  return all;
}

export const asking = (requests: { readonly [resource: string]: string }) => ({ containers: [{ name: 'c', resources: { requests } }] });
export const having = (name: string, allocatable: { readonly [resource: string]: string }): Node =>
  node(name, { status: { allocatable: { pods: '110', ...allocatable } } });
export const on = (nodeName: string, name: string, spec: object, labels: { readonly [key: string]: string } = {}): Pod =>
  pod(name, { metadata: { labels }, spec: { nodeName, ...spec } });
export const labelled = (name: string, labels: { readonly [key: string]: string }): Node =>
  node(name, { metadata: { labels: { [HOST]: name, ...labels } } });
