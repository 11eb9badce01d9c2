// GET /proxyz: what this node's rules are for its Services, whether they are what they should be, and a walk along one connection.
import { badRequest, StatusError } from '../../src/apimachinery/status.js';
import type { Informers } from '../../src/client/informer.js';
import type { Proxyz, ServiceTable, TableEndpoint } from '../../src/client/proxyz.js';
import { services } from '../../src/kinds/core/service.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import type { Service } from '../../src/kinds/types/core_v1.js';
import { POLICY } from '../policy/names.js';
import type { Policies } from '../policy/policies.js';
import type { Exec } from '../proxy/exec.js';
import type { Iptables } from '../proxy/iptables.js';
import { PROXY } from '../proxy/names.js';
import { isIPv4, isPort } from '../proxy/net.js';
import type { Proxier } from '../proxy/proxier.js';
import { serviceKeyOf } from '../proxy/render.js';
import type { Problem, Table } from '../proxy/rules.js';
import { aboutText, differences, type Tables } from './difference.js';
import { parseChains } from './lines.js';
import { serviceRules } from './service-table.js';
import { walk } from './walk.js';

export interface GlassBox {
  readonly nodeName: string;
  readonly informers: Informers;
  readonly proxy: Proxier;
  readonly policies: Policies;
  readonly iptables: Iptables;
  readonly exec: Exec;
  readonly clusterDomain: string;
  /** Where pods ask for names. */
  readonly dnsIp: string;
}

/** Of other programs' rules; a machine with more has a firewall that is read by other means. */
const OTHERS_MAX = 200;
const TABLES: readonly Table[] = ['nat', 'mangle', 'filter'];
const BUILT_IN = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

/** `?service=NAMESPACE/NAME` for one Service only, and then `&from=ADDRESS` for the way from a pod to it. */
export async function proxyz(box: GlassBox, query: URLSearchParams): Promise<Proxyz> {
  const chosen = chosenServices(box, query.get('service') ?? undefined);
  const from = query.get('from') ?? undefined;
  if (from !== undefined && (!isIPv4(from) || !query.has('service'))) throw badRequest('from must be an IPv4 address, and needs a service');
  const tables = await readTables(box);
  const { proxy, policies } = box;
  const found = [...differences(proxy.ruleSet, PROXY, tables), ...differences(policies.ruleSet, POLICY, tables)];
  const tablesOf = chosen.map((service) => serviceTable(box, service, tables));
  return {
    node: box.nodeName,
    backend: box.iptables.backend,
    services: tablesOf,
    differences: found,
    others: others(tables),
    problems: [...proxy.ruleSet.problems, ...policies.ruleSet.problems].map(problemText),
    ...(from ? { walk: await walk({ ...box, service: chosen[0]!, endpoints: tablesOf[0]!.endpoints, from, tables }) } : {}),
  };
}

function chosenServices({ informers }: GlassBox, name: string | undefined): readonly Service[] {
  const known = informers.of(services);
  if (name === undefined) return [...known.list()].sort((a, b) => (serviceKey(a) < serviceKey(b) ? -1 : 1));
  const [namespace = '', ...rest] = name.split('/');
  const service = known.get({ namespace, name: rest.join('/') });
  if (!service) throw new StatusError(404, 'NotFound', `this node knows no Service ${JSON.stringify(name)}`);
  return [service];
}

const serviceKey = ({ metadata }: Service) => `${metadata.namespace}/${metadata.name}`;

/** Tables that nobody uses are not asked for: asking the legacy programs would make them. */
async function readTables({ iptables, policies }: GlassBox): Promise<Tables> {
  const wanted = TABLES.filter((table) => table !== 'mangle' || policies.ruleSet.chains.length > 0);
  const saved = await Promise.all(wanted.map((table) => iptables.save(table, { counters: true })));
  return new Map(wanted.map((table, i) => [table, parseChains(saved[i]!)]));
}

function serviceTable({ informers, proxy }: GlassBox, service: Service, tables: Tables): ServiceTable {
  const { namespace = '', name } = service.metadata;
  const slices = informers
    .of(endpointSlices)
    .list(namespace)
    .filter((slice) => serviceKeyOf(slice) === serviceKey(service));
  const endpoints = new Map<string, TableEndpoint>();
  for (const { addressType, ports = [], endpoints: each = [] } of slices) {
    if (addressType !== 'IPv4') continue;
    for (const { name: portName, port, protocol = 'TCP' } of ports) {
      for (const { addresses, conditions, nodeName, targetRef } of each) {
        if (!isPort(port) || !addresses[0]) continue;
        const address = `${addresses[0]}:${port}`;
        endpoints.set(`${portName} ${address}/${protocol}`, {
          port: portName || String(port),
          protocol,
          address,
          ...(targetRef?.name
            ? { target: `${(targetRef.kind ?? 'Pod').toLowerCase()} ${targetRef.namespace ?? namespace}/${targetRef.name}` }
            : {}),
          ...(nodeName ? { node: nodeName } : {}),
          ready: conditions?.ready !== false,
          terminating: conditions?.terminating === true,
        });
      }
    }
  }
  const sorted = [...endpoints.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
  return { namespace, name, rules: serviceRules(proxy.ruleSet, namespace, name, tables), endpoints: sorted };
}

/** What other programs have put into the chains that every packet passes. */
function others(tables: Tables): readonly string[] {
  const found: string[] = [];
  for (const [table, chains] of tables) {
    for (const [chain, lines] of chains) {
      if (!BUILT_IN.has(chain)) continue;
      for (const { tokens, text } of lines) {
        const target = tokens[tokens.findIndex((token) => token === '-j' || token === '-g') + 1] ?? '';
        if (!PROXY.isOurChain(target) && !POLICY.isOurChain(target)) found.push(`${table} ${text}`);
      }
    }
  }
  return found.slice(0, OTHERS_MAX);
}

const problemText = ({ about, message }: Problem) => `${aboutText(about)}: ${message}`;
