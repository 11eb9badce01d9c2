// Routes to other nodes' pods, marked as ours, kept what the Nodes say: by the node's InternalIP where it is on this node's segment,
// through a VXLAN tunnel where a router is between or --overlay asks for it.
import { type Cidr, cidrHasCidr, ipv4, parseCidr } from '../../src/apimachinery/cidr.js';
import type { Clock, Timer } from '../../src/apimachinery/clock.js';
import { type Logger, silentLogger } from '../../src/apimachinery/logger.js';
import type { Informers } from '../../src/client/informer.js';
import { nodes } from '../../src/kinds/core/node.js';
import type { Node } from '../../src/kinds/types/core_v1.js';
import { POD_CIDR } from '../../src/kinds/wellknown.js';
import { type Exec, ExecError, systemExec } from '../proxy/exec.js';
import { isIPv4 } from '../proxy/net.js';
import { createSyncLoop } from '../proxy/sync-loop.js';
import { removeVxlan, syncVxlan, VXLAN_DEVICE, VXLAN_OVERHEAD_BYTES } from './vxlan.js';

export interface RoutesOptions {
  readonly informers: Informers;
  readonly nodeName: string;
  /** This node's InternalIP: its own end of tunnels. */
  readonly nodeIp: string;
  /** Tunnels to all nodes, also to those on this node's segment. */
  readonly overlay?: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** Routes are made within this prefix only; POD_CIDR if absent. */
  readonly clusterCidr?: string;
  readonly exec?: Exec;
  /** How often to look whether somebody removed a route. */
  readonly checkInterval_ms?: number;
}

export interface Routes {
  /** Stops following; the routes stay, so that traffic goes on while an agent restarts. */
  stop(): Promise<void>;
}

/** A routing protocol number that iproute2 gives to nobody: routes with it are ours, all others are left alone. */
export const ROUTE_PROTOCOL = '76';
const MIN_INTERVAL_MS = 100;
/** The kernel drops routes when a link goes down; one `ip route show` this often puts them back soon after it is mended. */
const CHECK_INTERVAL_MS = 5_000;

export interface DesiredRoute {
  readonly node: string;
  /** `10.244.1.0/24`. */
  readonly cidr: string;
  readonly via: string;
}

export interface DesiredRoutes {
  readonly routes: readonly DesiredRoute[];
  readonly problems: readonly string[];
}

/** What routes the nodes ask for. Whatever is in a Node, no route leads out of `clusterCidr` or into this node's own part. Pure. */
export function desiredRoutes(all: readonly Node[], nodeName: string, clusterCidr: Cidr): DesiredRoutes {
  const routes: DesiredRoute[] = [];
  const problems: string[] = [];
  const owners = new Map<string, string>();
  const self = all.find((node) => node.metadata.name === nodeName);
  for (const cidr of podCidrsOf(self)) owners.set(cidr, nodeName);
  const others = all.filter((node) => node.metadata.name !== nodeName).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const node of others) {
    const via = node.status.addresses?.find(({ type, address }) => type === 'InternalIP' && isIPv4(address))?.address;
    for (const text of podCidrsOf(node)) {
      const cidr = parseCidr(text);
      const owner = cidr && owners.get(cidr.text);
      if (!cidr || !cidrHasCidr(clusterCidr, cidr)) {
        problems.push(`node ${node.metadata.name}: podCIDR ${JSON.stringify(text)} is not within ${clusterCidr.text}`);
      } else if (owner) {
        problems.push(`node ${node.metadata.name}: podCIDR ${cidr.text} is also that of node ${owner}`);
      } else if (!via) {
        problems.push(`node ${node.metadata.name} has no InternalIP: its pods cannot be reached from here`);
      } else {
        owners.set(cidr.text, node.metadata.name);
        routes.push({ node: node.metadata.name, cidr: cidr.text, via });
      }
    }
  }
  return { routes, problems };
}

function podCidrsOf(node: Node | undefined): readonly string[] {
  const { podCIDRs, podCIDR } = node?.spec ?? {};
  return (podCIDRs?.length ? podCIDRs : podCIDR ? [podCIDR] : []).filter((cidr) => !cidr.includes(':'));
}

/** Until the Node informer has synced nothing is touched. */
export function startRoutes(options: RoutesOptions): Routes {
  const { informers, nodeName, clock, exec = systemExec } = options;
  const log = options.log.child({ component: 'routes' });
  const clusterCidr = parseCidr(options.clusterCidr ?? POD_CIDR);
  if (!clusterCidr) throw new Error(`cluster CIDR ${JSON.stringify(options.clusterCidr)} is no IPv4 prefix such as ${POD_CIDR}`);
  const informer = informers.of(nodes);
  const aborter = new AbortController();
  const known: Known = { behindRouter: new Set(), tunnels: true };
  let reported = new Set<string>();

  const loop = createSyncLoop({
    task: "write the routes to other nodes' pods",
    clock,
    log,
    minInterval_ms: MIN_INTERVAL_MS,
    async run() {
      const desired = desiredRoutes(informer.list(), nodeName, clusterCidr);
      const self = podCidrsOf(informer.get({ name: nodeName }))[0];
      const problems = [...desired.problems, ...(await syncRoutes(desired.routes, self, { ...options, exec, log, known }))];
      for (const problem of problems) if (!reported.has(problem)) log.warn({}, problem);
      reported = new Set(problems);
    },
  });

  let timer: Timer | undefined;
  const check = () => {
    timer = clock.after(options.checkInterval_ms ?? CHECK_INTERVAL_MS, () => {
      loop.trigger();
      check();
    });
  };
  let unsubscribe = () => {};
  informer.whenSynced(aborter.signal).then(
    () => {
      unsubscribe = informer.onChange(({ old, new: now }) => {
        if (routeFacts(old) !== routeFacts(now)) loop.trigger();
      });
      loop.trigger();
      check();
    },
    (error) => {
      if (!aborter.signal.aborted) throw error;
    },
  );
  return {
    async stop() {
      aborter.abort();
      timer?.cancel();
      unsubscribe();
      await loop.stop();
    },
  };
}

/** Nodes change every few seconds by their heartbeats; only these parts matter here. */
const routeFacts = (node: Node | undefined) => JSON.stringify([podCidrsOf(node), node?.status.addresses]);

interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol?: string;
}

interface SyncOptions {
  readonly exec: Exec;
  readonly nodeIp: string;
  readonly overlay?: boolean;
  readonly log: Logger;
  readonly known: Known;
}

/** What need not be found out at each check. */
interface Known {
  /** Nodes behind a router, by their address. */
  readonly behindRouter: Set<string>;
  /** There may be a tunnel device of ours. */
  tunnels: boolean;
}

/** A desired route and how its packets leave. */
interface Way extends DesiredRoute {
  readonly device: string;
  readonly gateway: string;
}

/** Makes our routes the desired ones; returns what could not be done and why. `podCidr` is this node's own. */
async function syncRoutes(desired: readonly DesiredRoute[], podCidr: string | undefined, options: SyncOptions): Promise<readonly string[]> {
  const { exec, log } = options;
  const before = await ourRoutes(exec);
  const ways: Way[] = [];
  const problems: string[] = [];
  for (const route of desired) {
    const way = await wayTo(route, before, options);
    if (typeof way === 'string') problems.push(way);
    else ways.push(way);
  }
  // A tunnel that is made anew takes its routes with it.
  const present = (await syncTunnels(ways, podCidr, options)) ? await ourRoutes(exec) : before;
  for (const way of ways) {
    const problem = await ensureRoute(way, present, options);
    if (problem) problems.push(problem);
  }
  const wanted = new Set(ways.map(({ cidr }) => cidr));
  for (const { dst } of present) {
    if (wanted.has(dst)) continue;
    await removeRoute(exec, dst);
    log.info({ route: dst }, 'stale route removed');
  }
  return problems;
}

/** In words where there is none. */
async function wayTo(route: DesiredRoute, present: readonly IpRoute[], { exec, overlay, known }: SyncOptions): Promise<Way | string> {
  const { node, cidr, via } = route;
  const tunnel = { ...route, device: VXLAN_DEVICE, gateway: firstOf(cidr) };
  if (overlay || known.behindRouter.has(via)) return tunnel;
  // A route that is in use is the proof that the way is right: the kernel takes it away with its link.
  const used = present.find(({ dst, gateway, dev }) => dst === cidr && gateway === via && dev !== VXLAN_DEVICE);
  if (used?.dev) return { ...route, device: used.dev, gateway: via };
  const hop = await hopTo(exec, via);
  if (!hop) return `node ${node} (${via}) cannot be reached from this node: its pods cannot either`;
  if (hop.onLink) return { ...route, device: hop.device, gateway: via };
  known.behindRouter.add(via);
  return tunnel;
}

const firstOf = (cidr: string) => ipv4(parseCidr(cidr)!.base);

/** The device is there only where some node needs it. True where it was made or removed. */
async function syncTunnels(ways: readonly Way[], podCidr: string | undefined, { exec, nodeIp, log, known }: SyncOptions): Promise<boolean> {
  const peers = ways.flatMap(({ via, gateway, device }) => (device === VXLAN_DEVICE ? [{ nodeIp: via, gateway }] : []));
  const mayBe = known.tunnels;
  known.tunnels = peers.length > 0;
  if (peers.length === 0) return mayBe && (await removeVxlan(exec, log));
  const uplink = await uplinkMtu(exec, nodeIp);
  const own = podCidr && parseCidr(podCidr) ? { gateway: firstOf(podCidr) } : {};
  return syncVxlan(exec, { nodeIp, ...own, mtu: uplink - VXLAN_OVERHEAD_BYTES }, peers, log);
}

/** Undefined where the route is there now; else what is in its way. */
async function ensureRoute(way: Way, present: readonly IpRoute[], { exec, log }: SyncOptions): Promise<string | undefined> {
  const { node, cidr, gateway, device } = way;
  const ours = present.find(({ dst }) => dst === cidr);
  if (ours?.gateway === gateway && ours.dev === device) return undefined;
  const onLink = device === VXLAN_DEVICE ? ['onlink'] : [];
  // `add` fails on what somebody else has put there, which `replace` would take away; of our own, nothing is without a way meanwhile.
  const verb = ours ? 'replace' : 'add';
  try {
    await exec('ip', ['route', verb, cidr, 'via', gateway, 'dev', device, ...onLink, 'proto', ROUTE_PROTOCOL]);
  } catch (error) {
    if (!(error instanceof ExecError && /File exists/.test(error.stderr))) throw error;
    return `node ${node}: a route to ${cidr} that is not ours is in the way, and left alone`;
  }
  log.info({ node, route: cidr, via: gateway, device }, 'route set');
  return undefined;
}

async function removeRoute(exec: Exec, cidr: string): Promise<void> {
  try {
    await exec('ip', ['route', 'del', cidr, 'proto', ROUTE_PROTOCOL]);
  } catch (error) {
    // It went with its device meanwhile.
    if (!(error instanceof ExecError && /No such process/.test(error.stderr))) throw error;
  }
}

async function ourRoutes(exec: Exec): Promise<readonly IpRoute[]> {
  return JSON.parse((await exec('ip', ['-json', '-4', 'route', 'show', 'proto', ROUTE_PROTOCOL])).trim() || '[]') as readonly IpRoute[];
}

/** Where packets to `ip` leave, and whether it is on that segment; undefined where there is no way at all. */
async function hopTo(exec: Exec, ip: string): Promise<{ readonly device: string; readonly onLink: boolean } | undefined> {
  try {
    const [route] = JSON.parse(await exec('ip', ['-json', '-4', 'route', 'get', ip])) as readonly IpRoute[];
    return route?.dev && route.dev !== 'lo' ? { device: route.dev, onLink: !route.gateway } : undefined;
  } catch (error) {
    if (error instanceof ExecError && /unreachable/i.test(error.stderr)) return undefined;
    throw error;
  }
}

interface Link {
  readonly mtu: number;
  readonly addr_info: readonly { readonly local?: string }[];
}

/** Of the interface that has the node's address. */
export async function uplinkMtu(exec: Exec, nodeIp: string): Promise<number> {
  const links = JSON.parse(await exec('ip', ['-json', '-4', 'address', 'show'])) as readonly Link[];
  const link = links.find(({ addr_info }) => addr_info.some(({ local }) => local === nodeIp));
  if (!link) throw new Error(`no interface of this machine has the node's address ${nodeIp}: give the right one with --node-ip`);
  return link.mtu;
}

/** What pods' links may carry: less where all of it goes through tunnels. Towards single nodes the tunnel itself says how much. */
export async function podMtu(nodeIp: string, overlay: boolean, exec: Exec = systemExec): Promise<number> {
  return (await uplinkMtu(exec, nodeIp)) - (overlay ? VXLAN_OVERHEAD_BYTES : 0);
}

/** Removes every route of ours from the namespace, and the tunnels. */
export async function cleanupRoutes(exec: Exec = systemExec, log: Logger = silentLogger): Promise<void> {
  for (const { dst } of await ourRoutes(exec)) await removeRoute(exec, dst);
  await removeVxlan(exec, log);
}
