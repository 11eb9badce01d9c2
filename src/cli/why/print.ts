// What `porthole why` prints for people: each node's rules of the Service in packet order, what differs, and the walk. Pure.
import type { Difference, Proxyz, TableEndpoint, TableRule } from '../../client/proxyz.js';
import type { Facts, NodeAnswer } from './gather.js';
import type { Hop } from './hop.js';
import { sourceName } from './source.js';

export function printWhy(facts: Facts, hops: readonly Hop[]): string {
  const shown = facts.nodes.filter(({ node }) => !facts.shown || node === facts.shown);
  return [head(facts), ...shown.map(nodeText), walkText(facts, hops)].join('\n\n');
}

function head({ service }: Facts): string {
  const { type, clusterIP, ports = [], selector = {} } = service.spec;
  const list = ports.map(({ name, port, protocol, targetPort, nodePort }) => {
    const from = `${name ? `${name} ` : ''}${port}/${protocol ?? 'TCP'}`;
    return `${from}${nodePort ? ` (node port ${nodePort})` : ''} -> ${targetPort ?? port}`;
  });
  const chosen = Object.entries(selector).map((pair) => pair.join('='));
  return `Service ${service.metadata.namespace}/${service.metadata.name}  ${type} ${clusterIP}  ${list.join(', ')}  selector ${chosen.join(',') || 'none'}`;
}

function nodeText({ node, table, error }: NodeAnswer): string {
  if (!table) return `Node ${node}: ${error}`;
  const [service] = table.services;
  const rules = service?.rules ?? [];
  const rows = rules.map((rule) => row(rule, service?.endpoints ?? []));
  return [
    `Node ${node} (iptables ${table.backend})`,
    ...(rows.length > 0 ? columns([HEADINGS, ...rows]) : ['  no rules']),
    ...endpointLines(service?.endpoints ?? [], rules),
    ...differenceLines(table),
  ].join('\n');
}

const HEADINGS = ['TABLE', 'CHAIN', 'PACKETS', 'BYTES', 'MATCH', 'TARGET', ''];

function row(
  { table, chain, depth, match, target, packets, bytes, state, endpoint, role }: TableRule,
  endpoints: readonly TableEndpoint[],
): readonly string[] {
  const known = endpoints.find(({ address }) => address === endpoint);
  const what = endpoint ? `${known?.target ?? endpoint}${known ? `, ${readiness(known)}` : ''}` : role;
  const counters = state === 'missing' ? ['MISSING', ''] : [String(packets), String(bytes)];
  return [table, `${'  '.repeat(depth)}${chain}`, ...counters, match || 'all', target, what];
}

const readiness = ({ ready, terminating }: TableEndpoint) => (terminating ? 'terminating' : ready ? 'ready' : 'not ready');

/** Those that no rule leads to: the others stand beside their rules. */
function endpointLines(endpoints: readonly TableEndpoint[], rules: readonly TableRule[]): readonly string[] {
  const used = new Set(rules.map(({ endpoint }) => endpoint));
  return endpoints
    .filter(({ address }) => !used.has(address))
    .map((endpoint) => `  no rule leads to ${endpoint.address}: ${endpoint.target ?? 'an endpoint'}, ${readiness(endpoint)}`);
}

function differenceLines({ differences, others }: Proxyz): readonly string[] {
  const strangers =
    others.length > 0
      ? [`  rules of other programs in the chains that all packets pass: ${others.length}`, ...others.map((text) => `    ${text}`)]
      : [];
  if (differences.length === 0) return ['  the rules of this node are as they should be', ...strangers];
  return [
    `  ${differences.length} differences between what should be there and what is:`,
    ...differences.map(differenceLine),
    ...strangers,
  ];
}

function differenceLine({ kind, table, wanted, actual }: Difference): string {
  if (kind === 'changed') return `    changed  ${table} ${wanted}\n         is  ${table} ${actual ?? 'in another order'}`;
  return `    ${kind.padEnd(7)}  ${table} ${wanted ?? actual}`;
}

function walkText({ source, service }: Facts, hops: readonly Hop[]): string {
  const title = source
    ? `From ${sourceName(source)} to ${service.metadata.name}`
    : 'What can be told without a place to come from (--from pod/NAME, node/NAME or outside)';
  const failed = hops.find(({ ok }) => !ok);
  const several = new Set(hops.flatMap(({ endpoint }) => endpoint ?? [])).size > 1;
  const lines = hops.map(
    ({ name, ok, text, endpoint }) => `  ${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(9)}  ${several && endpoint ? `${endpoint}: ` : ''}${text}`,
  );
  const end = failed
    ? [`It fails at ${failed.name}: ${failed.text}.`, `Way out: ${failed.remedy}.`]
    : source
      ? ['Nothing stands in the way.']
      : [];
  return [title, ...lines, ...end].join('\n');
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  return rows.map((cells) => `  ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd());
}
