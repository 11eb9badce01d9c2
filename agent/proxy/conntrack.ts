// Removes connection tracking entries of UDP flows whose endpoint is gone: UDP has no end of its own, so they would go on failing.
import { type Exec, ExecError } from './exec.js';
import type { UdpPort } from './service-rules.js';

/** Entries that must not live on: to an address of a Service, to a node port, or to either; where `endpoint` is given, of those sent there. */
export interface StaleFlow {
  readonly ip?: string;
  readonly nodePort?: number;
  readonly endpoint?: string;
}

/** What became stale between two states of the UDP Service ports. Pure. */
export function staleFlows(before: readonly UdpPort[], after: readonly UdpPort[]): readonly StaleFlow[] {
  const now = new Map(after.map((port) => [port.id, port]));
  const earlier = new Map(before.map((port) => [port.id, port]));
  const flows: StaleFlow[] = [];
  for (const old of before) {
    const kept = new Set((now.get(old.id)?.endpoints ?? []).map(({ ip, port }) => `${ip}:${port}`));
    const lost = new Set(old.endpoints.filter((e) => !kept.has(`${e.ip}:${e.port}`)).map((e) => e.ip));
    for (const endpoint of lost) flows.push(...destinations(old).map((to) => ({ ...to, endpoint })));
  }
  for (const port of after) {
    // Flows from before there was anything to send them to are tracked untranslated and would stay so.
    if (port.endpoints.length > 0 && !earlier.get(port.id)?.endpoints.length) flows.push(...destinations(port));
  }
  return flows;
}

function destinations({ ips, nodePort }: UdpPort): readonly StaleFlow[] {
  return [...ips.map((ip) => ({ ip })), ...(nodePort === undefined ? [] : [{ nodePort }])];
}

/** Of one destination. With more endpoints lost at once all its flows go: those to endpoints that are left choose among these anew. */
const ENDPOINTS_MAX = 8;

/** Deletes them: one look at what there is, and then a program for each that is. Rejects with an ExecError where conntrack is missing or refuses. */
export async function deleteFlows(exec: Exec, flows: readonly StaleFlow[]): Promise<void> {
  if (flows.length === 0) return;
  const tracked = trackedFlows(await exec('conntrack', ['-L', '-p', 'udp']));
  const found = new Map(flows.map((flow) => [keyOf(flow), flow] as const).filter(([key]) => tracked.has(key)));
  for (const flow of withoutMany([...found.values()])) {
    try {
      await exec('conntrack', ['-D', '-p', 'udp', ...argumentsOf(flow)]);
    } catch (error) {
      const nothingFound = error instanceof ExecError && error.code === 1 && error.stderr.includes('0 flow entries');
      if (!nothingFound) throw error;
    }
  }
}

const keyOf = ({ ip, nodePort, endpoint }: StaleFlow) => `${ip ?? ''} ${nodePort ?? ''} ${endpoint ?? ''}`;

function argumentsOf({ ip, nodePort, endpoint }: StaleFlow): readonly string[] {
  return [
    ...(ip === undefined ? [] : ['--orig-dst', ip]),
    ...(nodePort === undefined ? [] : ['--orig-port-dst', String(nodePort)]),
    ...(endpoint === undefined ? [] : ['--dst-nat', endpoint]),
  ];
}

/** Every `keyOf` that an entry answers to. `listed`: the original direction, then the reply's, whose source is the endpoint. */
function trackedFlows(listed: string): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const [, ip, port, endpoint] of listed.matchAll(/ dst=(\S+) sport=\d+ dport=(\d+)(?: .*?)? src=(\S+) /g)) {
    const nodePort = Number(port);
    for (const to of [{ ip: ip! }, { nodePort }]) keys.add(keyOf(to)).add(keyOf({ ...to, endpoint: endpoint! }));
    keys.add(keyOf({ endpoint: endpoint! }));
  }
  return keys;
}

function withoutMany(flows: readonly StaleFlow[]): readonly StaleFlow[] {
  const byDestination = new Map<string, StaleFlow[]>();
  for (const flow of flows) {
    const to = keyOf({ ...flow, endpoint: '' });
    byDestination.set(to, [...(byDestination.get(to) ?? []), flow]);
  }
  return [...byDestination.values()].flatMap((each) => {
    const { ip, nodePort } = each[0]!;
    const all = ip !== undefined ? { ip } : nodePort !== undefined ? { nodePort } : undefined;
    return all && each.length > ENDPOINTS_MAX ? [all] : each;
  });
}
