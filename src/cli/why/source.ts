// Where a connection comes from: a pod, a node's own programs, or somebody outside of the cluster, who comes in by one of its nodes. Pure.
import type { Node, Pod, Service } from '../../kinds/types/core_v1.js';
import type { Facts } from './gather.js';
import { type Hop, nameOf } from './hop.js';

export type Source =
  | { readonly pod: Pod }
  | { readonly node: Node }
  /** `by`: the node that is asked. */
  | { readonly outside: string; readonly by: string };

export function sourceName(source: Source): string {
  if ('pod' in source) return `pod ${nameOf(source.pod)}`;
  return 'node' in source ? `node ${source.node.metadata.name}` : `${source.outside}, which is outside`;
}

/** Undefined for a pod that is on none yet. */
export function sourceNode(source: Source): string | undefined {
  if ('pod' in source) return source.pod.spec.nodeName;
  return 'node' in source ? source.node.metadata.name : source.by;
}

export const internalIp = ({ status }: Node) => status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;

/** As the policies of `node` see it: what comes in from outside goes on to another node's pods by the address of the first. */
export function sourceAddress(source: Source, node: string, nodes: readonly Node[]): string | undefined {
  if ('pod' in source) return source.pod.status.podIP;
  if ('node' in source) return internalIp(source.node);
  const first = nodes.find(({ metadata }) => metadata.name === source.by);
  return node === source.by || !first ? source.outside : internalIp(first);
}

export function sourceHop(facts: Facts, source: Source): Hop {
  if ('pod' in source) return podHop(facts, source.pod);
  const node = sourceNode(source)!;
  const away = awayHop(facts, sourceName(source), node);
  if (away) return away;
  if ('node' in source) return { name: 'source', ok: true, text: `node ${node} is ${internalIp(source.node) ?? 'without an InternalIP'}` };
  return outsideHop(facts.service, source);
}

function podHop(facts: Facts, pod: Pod): Hop {
  const { nodeName } = pod.spec;
  const { phase, podIP } = pod.status;
  const fail = (text: string, remedy: string): Hop => ({ name: 'source', ok: false, text: `pod ${nameOf(pod)} ${text}`, remedy });
  const describe = `kubectl -n ${pod.metadata.namespace} describe pod ${pod.metadata.name}`;
  if (!nodeName) return fail('is on no node yet', describe);
  if (phase !== 'Running' || !podIP) return fail(`is ${phase ?? 'not running'} and has no network`, describe);
  const away = awayHop(facts, `pod ${nameOf(pod)}`, nodeName);
  if (away) return away;
  const host = pod.spec.hostNetwork ? ', on the network of its node: policies do not hold for it' : '';
  return { name: 'source', ok: true, text: `pod ${nameOf(pod)} is ${podIP} on ${nodeName}${host}` };
}

/** Undefined where the node's agent answers. */
function awayHop(facts: Facts, who: string, node: string): Hop | undefined {
  const answer = facts.nodes.find((known) => known.node === node);
  if (answer?.table) return undefined;
  const text = `${who} is on ${node}, whose agent does not answer: ${answer?.error ?? 'no such node'}`;
  return { name: 'source', ok: false, text, remedy: `look at the agent of ${node}` };
}

function outsideHop({ metadata, spec, status }: Service, { outside, by }: { readonly outside: string; readonly by: string }): Hop {
  const nodePorts = (spec.ports ?? []).flatMap(({ nodePort }) => (nodePort ? [String(nodePort)] : []));
  const balanced = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  const doors = [...(nodePorts.length > 0 ? [`node port ${nodePorts.join(', ')}`] : []), ...balanced, ...(spec.externalIPs ?? [])];
  if (doors.length > 0) return { name: 'source', ok: true, text: `${outside} comes in by ${by}: ${doors.join(', ')}` };
  return {
    name: 'source',
    ok: false,
    text: `${outside} is outside of the cluster, and the Service has no node port and no external address`,
    remedy: `kubectl -n ${metadata.namespace} patch service ${metadata.name} -p '{"spec":{"type":"NodePort"}}', or LoadBalancer`,
  };
}
