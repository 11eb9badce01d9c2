// Where a connection to a Service fails: hop after hop, each with what holds or with the cause and the way out. Pure.
import type { Facts } from './gather.js';
import { type Hop, MENDING, tableOf } from './hop.js';
import { endpointHops } from './hops-endpoint.js';
import { dnatHop, dnsHop, endpointsHop } from './hops-service.js';
import { sourceHop, sourceNode } from './source.js';

/** Ends with the first hop that fails for every endpoint; without a place to come from, what can be told of the Service alone. */
export function findHops(facts: Facts): readonly Hop[] {
  const { source } = facts;
  if (facts.service.spec.type === 'ExternalName') return [externalName(facts)];
  if (!source) return [endpointsHop(facts), ...ruleHops(facts)];
  const first = sourceHop(facts, source);
  if (!first.ok) return [first];
  const table = tableOf(facts, sourceNode(source))!;
  const steps = [first];
  for (const next of [() => dnsHop(facts, source, table), () => endpointsHop(facts), () => dnatHop(facts, source, table)]) {
    const hop = next();
    if (hop) steps.push(hop);
    if (hop && !hop.ok) return steps;
  }
  return [...steps, ...endpointHops(facts, source, table)];
}

/** The rules of each node that are not what they should be for this Service. */
function ruleHops({ service, nodes }: Facts): readonly Hop[] {
  const about = `Service ${service.metadata.namespace}/${service.metadata.name}`;
  return nodes.flatMap(({ node, table }) => {
    const wrong =
      table?.differences.filter(
        (difference) => difference.about === about || (difference.about === undefined && difference.kind === 'missing'),
      ) ?? [];
    return wrong.map(
      ({ kind, table: name, chain, wanted, actual }): Hop => ({
        name: 'rules',
        ok: false,
        text: `${node}: ${kind} in ${name} ${chain}: ${wanted ?? actual}`,
        remedy: MENDING,
      }),
    );
  });
}

const externalName = ({ service }: Facts): Hop => ({
  name: 'DNS',
  ok: true,
  text: `type ExternalName: only a name, which leads to ${service.spec.externalName}; no rules belong to it`,
});
