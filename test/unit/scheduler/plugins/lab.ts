// One plugin alone, as a profile would ask it: what it says of each node, and how it scores them.
import type { Json } from '../../../../src/apimachinery/json.js';
import type { KubeObject } from '../../../../src/apimachinery/object.js';
import { volumeAttachments } from '../../../../src/kinds/storage/volumeattachment.js';
import type { Node, Pod, Service } from '../../../../src/kinds/types/core_v1.js';
import type { VolumeAttachment } from '../../../../src/kinds/types/storage_v1.js';
import type { Reading } from '../../../../src/scheduler/config-fields.js';
import type { SchedulerPlugin, Snapshot, Storage } from '../../../../src/scheduler/define.js';
import { Nominator } from '../../../../src/scheduler/nominator.js';
import { plugins } from '../../../../src/scheduler/plugins/index.js';
import { nodeInfo, nodesOf } from '../../../../src/scheduler/resources.js';
import { node, pod } from '../../controllers/objects.js';

export const HOST = 'kubernetes.io/hostname';
export const ZONE = 'topology.kubernetes.io/zone';

export interface Given {
  readonly args?: Json;
  readonly pods?: readonly Pod[];
  readonly services?: readonly Service[];
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

function snapshotOf(nodes: readonly Node[], { pods = [], services = [], storage = [], namespaces = {} }: Given): Snapshot {
  const infos = nodes.map((each) =>
    nodeInfo(
      each,
      pods.filter(({ spec }) => spec.nodeName === each.metadata.name),
    ),
  );
  return {
    ...nodesOf(infos),
    nominated: new Nominator(),
    services,
    namespaceLabels: (name) => namespaces[name] ?? {},
    storage: storageOf(storage),
  };
}

export function storageOf(objects: readonly KubeObject[]): Storage {
  const ofKind = (kind: { readonly kind: string }) => objects.filter((one) => one.kind === kind.kind) as never[];
  return {
    get: (kind, { name }) => ofKind(kind).find(({ metadata }: KubeObject) => metadata.name === name),
    list: (kind) => ofKind(kind),
    attachedTo: (name) => ofKind(volumeAttachments).filter(({ spec }: VolumeAttachment) => spec.nodeName === name),
  };
}

type Why = { readonly reasons: readonly string[]; readonly unresolvable?: boolean };

function refused(name: string, what: Pod, nodes: readonly Node[], given: Given): readonly (readonly [string, Why])[] {
  const plugin = pluginOf(name, given.args);
  const snapshot = snapshotOf(nodes, given);
  const prepared = plugin.preFilter?.(what, snapshot) ?? {};
  if ('refused' in prepared) return [['*', { ...prepared, reasons: [prepared.refused] }]];
  if (prepared.skip) return [];
  return snapshot.nodes.flatMap((info) => {
    const refusal = plugin.filter!(what, info, prepared.state, snapshot);
    return refusal ? [[info.name, refusal] as const] : [];
  });
}

export type Refusals = { readonly [node: string]: string };

/** Node -> why not; `*`: of all of them. Nodes that fit are left out. */
export const refusals = (name: string, what: Pod, nodes: readonly Node[], given: Given = {}): Refusals =>
  Object.fromEntries(refused(name, what, nodes, given).map(([node, { reasons }]) => [node, reasons.join(', ')]));

/** In upstream's words: whether it would help if pods went from the node. */
type Code = 'Unschedulable' | 'UnschedulableAndUnresolvable';
export type Verdict = { readonly [code in Code]?: string };
export type Verdicts = { readonly [node: string]: Verdict };

/** As `refusals`, with upstream's code of each. */
export const verdicts = (name: string, what: Pod, nodes: readonly Node[], given: Given = {}): Verdicts =>
  Object.fromEntries(
    refused(name, what, nodes, given).map(([node, { reasons, unresolvable }]) => [
      node,
      { [unresolvable ? 'UnschedulableAndUnresolvable' : 'Unschedulable']: reasons.join(', ') },
    ]),
  );

/** Of each node, brought to 0..100; undefined: none is better to the plugin. */
export function scores(name: string, what: Pod, nodes: readonly Node[], given: Given = {}): readonly number[] | undefined {
  const plugin = pluginOf(name, given.args);
  const snapshot = snapshotOf(nodes, given);
  const state = plugin.preScore?.(what, snapshot.nodes, snapshot);
  if (state === 'skip') return undefined;
  const all = Float64Array.from(snapshot.nodes, (info) => plugin.score!(what, info, state, snapshot));
  plugin.normalize?.(all, snapshot.nodes, state);
  return [...all];
}

export const asking = (requests: { readonly [resource: string]: string }) => ({ containers: [{ name: 'c', resources: { requests } }] });
export const having = (name: string, allocatable: { readonly [resource: string]: string }): Node =>
  node(name, { status: { allocatable: { pods: '110', ...allocatable } } });
export const on = (nodeName: string, name: string, spec: object, labels: { readonly [key: string]: string } = {}): Pod =>
  pod(name, { metadata: { labels }, spec: { nodeName, ...spec } });
export const labelled = (name: string, labels: { readonly [key: string]: string }): Node =>
  node(name, { metadata: { labels: { [HOST]: name, ...labels } } });
