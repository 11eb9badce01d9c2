// The hops that are the same for every endpoint: the name, whether there is anybody to answer, the translation. Pure.
import { selectorOfMap } from '../../apimachinery/labels.js';
import type { Proxyz } from '../../client/proxyz.js';
import type { Pod, Service, ServicePort } from '../../kinds/types/core_v1.js';
import type { Facts } from './gather.js';
import { type Hop, MENDING, nameOf } from './hop.js';
import type { Source } from './source.js';

/** Pods that are named as examples. */
const EXAMPLES_MAX = 3;

const isReady = ({ status }: Pod) => status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;

/** Undefined for whoever is outside, and where nothing is known of the name. */
export function dnsHop({ service }: Facts, source: Source, { walk }: Proxyz): Hop | undefined {
  const dns = walk?.dns;
  if (!dns || 'outside' in source) return undefined;
  if ('node' in source) {
    const address = service.spec.clusterIP === 'None' ? "an endpoint's own address" : `the address ${service.spec.clusterIP}`;
    return { name: 'DNS', ok: true, text: `a node does not ask the cluster for names: only ${address} will do` };
  }
  const { dnsPolicy, hostNetwork } = source.pod.spec;
  if (dnsPolicy === 'None' || dnsPolicy === 'Default' || (hostNetwork && dnsPolicy !== 'ClusterFirstWithHostNet'))
    return {
      name: 'DNS',
      ok: true,
      text: `the pod's dnsPolicy is ${dnsPolicy}: it does not ask the cluster, so only the address ${service.spec.clusterIP} will do`,
    };
  const fail = (text: string, remedy: string): Hop => ({ name: 'DNS', ok: false, text, remedy });
  if (!dns.verdict.allowed && !hostNetwork)
    return fail(
      `the pod may not ask ${dns.server}: ${dns.verdict.by.at(-1)}`,
      'allow egress to port 53, UDP and TCP, by a NetworkPolicy that selects the pod',
    );
  if (!dns.answer)
    return fail(
      `${dns.name}: ${dns.server} says ${dns.error}`,
      "look at the agent's log on that node, and at the rules of kube-system/kube-dns",
    );
  const wanted = service.spec.clusterIP;
  if (wanted !== 'None' && !dns.answer.includes(wanted ?? ''))
    return fail(
      `${dns.name} is ${dns.answer.join(', ')} and should be ${wanted}`,
      "the node's DNS is behind: does its agent reach the API server?",
    );
  return { name: 'DNS', ok: true, text: `${dns.name} is ${dns.answer.join(', ')}` };
}

/** Whether anybody could answer, and if not, why the Service has found nobody. */
export function endpointsHop(facts: Facts): Hop {
  const { service, pods } = facts;
  const endpoints = facts.nodes.find(({ table }) => table)?.table?.services[0]?.endpoints ?? [];
  const usable = endpoints.filter(({ ready, terminating }) => ready && !terminating);
  const count = `${usable.length} of ${endpoints.length} endpoints ready`;
  if (usable.length > 0) return { name: 'endpoints', ok: true, text: count };
  const fail = (text: string, remedy: string): Hop => ({ name: 'endpoints', ok: false, text, remedy });
  const { selector } = service.spec;
  const { namespace, name } = service.metadata;
  if (!selector || Object.keys(selector).length === 0)
    return fail(
      'the Service has no selector, and no EndpointSlice has a ready endpoint',
      `make an EndpointSlice with the label kubernetes.io/service-name=${name}`,
    );
  const selected = selectorOfMap(selector);
  const chosen = pods.filter(
    (pod) => selected.matches(pod.metadata.labels) && pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed',
  );
  if (chosen.length === 0)
    return fail(
      `no pod in ${namespace} has the labels ${selected}${nearLabels(facts, selector)}`,
      `mend the selector (kubectl -n ${namespace} edit service ${name}) or the pods' labels`,
    );
  const ready = chosen.filter(isReady);
  if (ready.length === 0) {
    const why = chosen.slice(0, EXAMPLES_MAX).map((pod) => `${pod.metadata.name} (${whyNotReady(pod)})`);
    return fail(
      `the selector finds ${chosen.length} pods, none of them ready: ${why.join(', ')}`,
      `kubectl -n ${namespace} describe pod ${chosen[0]!.metadata.name}`,
    );
  }
  const unnamed = (service.spec.ports ?? []).find((port) => typeof port.targetPort === 'string' && !hasPortName(ready[0]!, port));
  if (unnamed)
    return fail(
      `no container of pod ${ready[0]!.metadata.name} has a port called ${unnamed.targetPort}; it has ${portNames(ready[0]!)}`,
      `mend targetPort of port ${unnamed.name ?? unnamed.port} (kubectl -n ${namespace} edit service ${name})`,
    );
  return fail(
    `${ready.length} pods are ready, and no endpoint is: the endpoint slice controller is behind`,
    'look at the log of the control plane',
  );
}

/** Pods that have one of the labels with another value: most often a typing mistake. */
function nearLabels({ pods }: Facts, selector: { readonly [key: string]: string }): string {
  const near = pods.flatMap(({ metadata }) => {
    const others = Object.keys(selector).filter((key) => metadata.labels?.[key] !== undefined);
    return others.length > 0 ? [`${metadata.name} has ${others.map((key) => `${key}=${metadata.labels![key]}`).join(',')}`] : [];
  });
  return near.length > 0 ? ` (${near.slice(0, EXAMPLES_MAX).join('; ')})` : '';
}

function whyNotReady({ metadata, status, spec }: Pod): string {
  if (metadata.deletionTimestamp) return 'terminating';
  if (!spec.nodeName) return 'not scheduled';
  const waiting = status.containerStatuses?.find(({ state }) => state?.waiting)?.state?.waiting?.reason;
  if (waiting) return waiting;
  const running = status.containerStatuses?.find(({ ready }) => !ready)?.name;
  return running && status.phase === 'Running'
    ? `container ${running} runs, and its readiness probe has not succeeded`
    : (status.phase ?? 'not ready');
}

const portsOf = ({ spec }: Pod) => spec.containers.flatMap(({ ports = [] }) => ports);
const hasPortName = (pod: Pod, { targetPort, protocol = 'TCP' }: ServicePort) =>
  portsOf(pod).some(({ name, protocol: is = 'TCP' }) => name === targetPort && is === protocol);
const portNames = (pod: Pod) =>
  portsOf(pod)
    .map(({ name, containerPort }) => `${name ?? '-'}:${containerPort}`)
    .join(', ') || 'none';

/** Undefined for a headless Service, whose name already is its endpoints. */
export function dnatHop(facts: Facts, source: Source, table: Proxyz): Hop | undefined {
  const { service } = facts;
  if (service.spec.clusterIP === 'None') return undefined;
  const policy = policyOf(service, source);
  const about = `Service ${nameOf(service)}`;
  const wrong = table.differences.filter(
    (difference) =>
      difference.about === about ||
      (difference.about === undefined && difference.kind === 'missing') ||
      difference.about?.startsWith('Node '),
  );
  const fail = (text: string, remedy: string): Hop => ({ name: 'DNAT', ok: false, text, remedy });
  if (wrong.length > 0) {
    const [{ kind, table: name, chain, wanted }] = wrong as [(typeof wrong)[0]];
    return fail(`${table.node}: ${wrong.length} rules are not what they should be; ${kind} in ${name} ${chain}: ${wanted}`, MENDING);
  }
  const choices = chosenEndpoints(table, policy.isLocal);
  if (choices.length > 0)
    return {
      name: 'DNAT',
      ok: true,
      text: `${table.node} sends ${'outside' in source ? 'what comes from outside' : service.spec.clusterIP} to ${choices.length === 1 ? '' : `one of ${choices.length}: `}${choices.join(', ')}`,
    };
  if (policy.isLocal)
    return fail(
      `${policy.name} is Local, and ${table.node} has no ready endpoint`,
      `run a pod of it on ${table.node}, or set ${policy.name} to Cluster`,
    );
  const problem = table.problems.find((text) => text.startsWith(`${about}:`));
  return fail(problem ?? `${table.node} has no rules for it yet`, 'does the agent of that node reach the API server? Look at its log');
}

/** The traffic policy that is about the connection. */
export function policyOf({ spec }: Service, source: Source): { readonly name: string; readonly isLocal: boolean } {
  const name = 'outside' in source ? 'externalTrafficPolicy' : 'internalTrafficPolicy';
  return { name, isLocal: spec[name] === 'Local' };
}

/** What the rules lead to: all endpoints, or the node's own. */
export function chosenEndpoints(table: Proxyz, isLocal: boolean): readonly string[] {
  const rules = (table.services[0]?.rules ?? []).filter(
    ({ role, chain }) => role === 'choice' && chain.startsWith('KUBE-SVL-') === isLocal,
  );
  return [...new Set(rules.flatMap(({ endpoint }) => endpoint ?? []))];
}
