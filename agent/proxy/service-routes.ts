// Routes for cluster IPs: a local process's packet to one needs some route before iptables gets to see it. One for each range of a
// ServiceCIDR that no other route leads to.
import { type Cidr, ipv4, parseCidr } from '../../src/apimachinery/cidr.js';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { Informers } from '../../src/client/informer.js';
import { serviceCidrs } from '../../src/kinds/networking/servicecidr.js';
import { type Exec, ExecError } from './exec.js';
import { createSyncLoop } from './sync-loop.js';

/** Marks the routes as ours, apart from those to other nodes' pods. */
export const SERVICE_ROUTE_PROTOCOL = '77';
const MIN_INTERVAL_MS = 1_000;

export interface ServiceRoutesOptions {
  readonly informers: Informers;
  readonly nodeIp: string;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Until the informer has synced nothing is touched: routes of an earlier run go on working. */
export function startServiceRoutes(options: ServiceRoutesOptions): { stop(): Promise<void> } {
  const { informers, clock, log } = options;
  const informer = informers.of(serviceCidrs);
  const aborter = new AbortController();
  let unsubscribe = () => {};
  const loop = createSyncLoop({
    task: 'write the routes for cluster IPs',
    clock,
    log,
    minInterval_ms: MIN_INTERVAL_MS,
    async run() {
      const cidrs = informer.list().flatMap(({ spec }) => (spec.cidrs ?? []).flatMap((text) => parseCidr(text) ?? []));
      await syncServiceRoutes(cidrs, options);
    },
  });
  informer.whenSynced(aborter.signal).then(
    () => {
      unsubscribe = informer.onChange(() => loop.trigger());
    },
    (error) => {
      if (!aborter.signal.aborted) throw error;
    },
  );
  return {
    async stop() {
      aborter.abort();
      unsubscribe();
      await loop.stop();
    },
  };
}

/** Idempotent. A range that some route leads to already, such as the default one, needs none of ours. */
export async function syncServiceRoutes(
  cidrs: readonly Cidr[],
  { exec, nodeIp, log }: Omit<ServiceRoutesOptions, 'informers' | 'clock'>,
): Promise<void> {
  const ours = await ourRoutes(exec);
  const wanted = new Set(cidrs.map(({ text }) => text));
  for (const text of ours.filter((route) => !wanted.has(route))) {
    await exec('ip', ['route', 'del', text, 'proto', SERVICE_ROUTE_PROTOCOL]);
    log.info({ route: text }, 'route for cluster IPs removed');
  }
  for (const cidr of cidrs) {
    if (ours.includes(cidr.text) || (await isRouted(exec, ipv4(cidr.base + 1)))) continue;
    const device = await deviceOf(exec, nodeIp);
    await exec('ip', ['route', 'replace', cidr.text, 'dev', device, 'src', nodeIp, 'scope', 'link', 'proto', SERVICE_ROUTE_PROTOCOL]);
    log.info({ route: cidr.text, device }, 'no default route: added one for cluster IPs');
  }
}

async function ourRoutes(exec: Exec): Promise<readonly string[]> {
  try {
    const out = await exec('ip', ['-json', '-4', 'route', 'show', 'proto', SERVICE_ROUTE_PROTOCOL]);
    return (JSON.parse(out.trim() || '[]') as readonly { readonly dst: string }[]).map(({ dst }) => dst);
  } catch (error) {
    // A kernel without a single route says so by failing.
    if (error instanceof ExecError && /FIB table does not exist/.test(error.stderr)) return [];
    throw error;
  }
}

async function isRouted(exec: Exec, ip: string): Promise<boolean> {
  try {
    await exec('ip', ['route', 'get', ip]);
    return true;
  } catch (error) {
    if (error instanceof ExecError && /unreachable/i.test(error.stderr)) return false;
    throw error;
  }
}

interface IpAddr {
  readonly ifname: string;
  readonly addr_info: readonly { readonly local?: string }[];
}

async function deviceOf(exec: Exec, ip: string): Promise<string> {
  const links = JSON.parse(await exec('ip', ['-json', '-4', 'address', 'show'])) as readonly IpAddr[];
  const link = links.find(({ addr_info }) => addr_info.some(({ local }) => local === ip));
  if (!link) throw new Error(`no interface of this machine has the node's address ${ip}: give the right one with --node-ip`);
  return link.ifname;
}
