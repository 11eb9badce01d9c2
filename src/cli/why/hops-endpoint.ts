// The hops behind the translation, for each endpoint: policies of both ends, the route, and whether something listens there. Pure.
import type { EndpointStep, Proxyz, TableEndpoint } from '../../client/proxyz.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import type { Facts } from './gather.js';
import { type Hop, nameOf, tableOf } from './hop.js';
import { chosenEndpoints, policyOf } from './hops-service.js';
import { type Source, sourceAddress } from './source.js';

/** What is said where no policy is about either end. */
const NO_POLICY = 'no policy is about either end';
const NOT_A_REASON = /^what is under way/;

export function endpointHops(facts: Facts, source: Source, table: Proxyz): readonly Hop[] {
  const endpoints = table.services[0]?.endpoints ?? [];
  const isHeadless = facts.service.spec.clusterIP === 'None';
  const chosen = isHeadless
    ? endpoints.filter(({ ready }) => ready).map(({ address }) => address)
    : chosenEndpoints(table, policyOf(facts.service, source).isLocal);
  return chosen.flatMap((address) => {
    const endpoint = endpoints.find((known) => known.address === address);
    return endpoint ? hopsTo(facts, source, table, endpoint) : [];
  });
}

function hopsTo(facts: Facts, source: Source, table: Proxyz, endpoint: TableEndpoint): readonly Hop[] {
  const { address, node } = endpoint;
  const step = (from: Proxyz | undefined) => from?.walk?.endpoints.find((known) => known.address === address);
  const here = step(table);
  const there = node === table.node ? here : step(tableOf(facts, node));
  if (!here) return [];
  const hops: Hop[] = [];
  for (const hop of [
    policyHop(facts, source, table.node, here, node, there),
    routeHop(table, here, node),
    endpointHop(facts, endpoint, there),
  ]) {
    hops.push({ ...hop, endpoint: address });
    if (!hop.ok) break;
  }
  return hops;
}

function policyHop(
  facts: Facts,
  source: Source,
  from: string,
  here: EndpointStep,
  to: string | undefined,
  there: EndpointStep | undefined,
): Hop {
  if ('node' in source && to === from) return { name: 'policy', ok: true, text: `${from} may always reach its own pods` };
  const ends =
    there && there !== here
      ? ([
          [from, here],
          [to, there],
        ] as const)
      : ([[from, here]] as const);
  for (const [node, { verdict }] of ends) {
    if (verdict.allowed) continue;
    const said = verdict.by.at(-1) ?? '';
    const egress = said.includes('egress');
    return {
      name: 'policy',
      ok: false,
      text: `${node} drops it: ${said}`,
      remedy:
        'pod' in source && egress
          ? `allow egress to it by a NetworkPolicy in ${source.pod.metadata.namespace} that selects pod ${source.pod.metadata.name}`
          : `allow ingress from ${peerOf(facts, source, node)} by a NetworkPolicy that selects the endpoint's pod`,
    };
  }
  const reasons = [...new Set(ends.flatMap(([, { verdict }]) => verdict.by).filter((text) => !NOT_A_REASON.test(text)))];
  return { name: 'policy', ok: true, text: reasons.length > 0 ? reasons.join('; ') : NO_POLICY };
}

/** Whom a policy on that node has to name. */
function peerOf({ allNodes }: Facts, source: Source, node: string | undefined): string {
  if ('pod' in source) return `pod ${nameOf(source.pod)} (labels ${labelsOf(source.pod)})`;
  return `ipBlock ${sourceAddress(source, node ?? '', allNodes) ?? 'of the node'}/32`;
}

const labelsOf = ({ metadata }: Pod) =>
  Object.entries(metadata.labels ?? {})
    .map((pair) => pair.join('='))
    .join(',') || 'none';

function routeHop({ node: from }: Proxyz, { route }: EndpointStep, node: string | undefined): Hop {
  if (route.route) return { name: 'route', ok: true, text: `${from}: ${route.route}` };
  return {
    name: 'route',
    ok: false,
    text: `${from} has no route to ${node ? `the pods of ${node}` : 'it'}: ${route.error}`,
    remedy: `the agent keeps these routes: look at its log on ${from}, and whether ${node ?? 'the node'} has a podCIDR and an InternalIP (kubectl get node ${node ?? ''} -o yaml)`,
  };
}

function endpointHop(
  { service, pods, nodes }: Facts,
  { address, target, node, ready, terminating, port }: TableEndpoint,
  there: EndpointStep | undefined,
): Hop {
  const who = target ?? address;
  const fail = (text: string, remedy: string): Hop => ({ name: 'endpoint', ok: false, text, remedy });
  if (!ready && !terminating)
    return fail(`${who} is not ready`, `kubectl describe ${target?.replace(/^(\S+) ([^/]+)\//, '$1 -n $2 ') ?? address}`);
  if (!there) {
    const answer = nodes.find((known) => known.node === node);
    return fail(
      `${who} is on ${node ?? 'no known node'}, whose agent does not answer: ${answer?.error ?? 'no such node'}`,
      `is ${node} up? kubectl get nodes`,
    );
  }
  const [, number = ''] = address.split(':');
  const pod = pods.find(({ metadata }) => target?.endsWith(` ${metadata.namespace}/${metadata.name}`));
  const declared = pod?.spec.containers.flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort)) ?? [];
  const hint = declared.length > 0 && !declared.includes(Number(number)) ? `; its containers name port ${declared.join(', ')}` : '';
  if (there.listening === 'refused')
    return fail(
      `nothing listens on port ${number} of ${who}${hint}`,
      `mend targetPort of port ${port} (kubectl -n ${service.metadata.namespace} edit service ${service.metadata.name}), or the program`,
    );
  if (there.listening === 'no answer')
    return fail(`${who} does not answer on port ${number}, not even to its own node`, 'look into the pod: is its program stuck?');
  const listens =
    there.listening === 'yes' ? ` and listens on port ${number}` : `; whether it listens on ${address} cannot be told from outside`;
  return {
    name: 'endpoint',
    ok: true,
    text: `${who} on ${node ?? '?'} is ${terminating ? 'ending, but still serves' : 'ready'}${listens}`,
  };
}
