// Host-gateway routes: every other node's pod CIDR by that node's InternalIP, marked as ours, kept what the Nodes say.

import { type Cidr, cidrHasCidr, parseCidr } from '../../src/apimachinery/cidr.js';
import type { Clock, Timer } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { Informers } from '../../src/client/informer.js';
import { nodes } from '../../src/kinds/core/node.js';
import type { Node } from '../../src/kinds/types/core_v1.js';
import { POD_CIDR } from '../../src/kinds/wellknown.js';
import { type Exec, ExecError, systemExec } from '../proxy/exec.js';
import { isIPv4 } from '../proxy/net.js';
import { createSyncLoop } from '../proxy/sync-loop.js';

export interface RoutesOptions {
  readonly informers: Informers;
  readonly nodeName: string;
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
  let reported = new Set<string>();

  const loop = createSyncLoop({
    task: "write the routes to other nodes' pods",
    clock,
    log,
    minInterval_ms: MIN_INTERVAL_MS,
    async run() {
      const desired = desiredRoutes(informer.list(), nodeName, clusterCidr);
      const problems = [...desired.problems, ...(await syncRoutes(exec, desired.routes, log))];
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
}

/** Makes our routes the desired ones; returns what could not be done and why. */
async function syncRoutes(exec: Exec, desired: readonly DesiredRoute[], log: Logger): Promise<readonly string[]> {
  const present = await ourRoutes(exec);
  const problems: string[] = [];
  const wanted = new Set<string>();
  for (const { node, cidr, via } of desired) {
    if (present.some((route) => route.dst === cidr && route.gateway === via)) {
      wanted.add(cidr);
      continue;
    }
    const device = await onLinkDevice(exec, via);
    if (!device) {
      problems.push(
        `node ${node} (${via}) is not on this node's network segment: its pods cannot be reached, only host-gw routing is supported`,
      );
      continue;
    }
    wanted.add(cidr);
    await exec('ip', ['route', 'replace', cidr, 'via', via, 'dev', device, 'proto', ROUTE_PROTOCOL]);
    log.info({ node, route: cidr, via, device }, 'route set');
  }
  for (const { dst } of present) {
    if (wanted.has(dst)) continue;
    await exec('ip', ['route', 'del', dst, 'proto', ROUTE_PROTOCOL]);
    log.info({ route: dst }, 'stale route removed');
  }
  return problems;
}

async function ourRoutes(exec: Exec): Promise<readonly IpRoute[]> {
  return JSON.parse((await exec('ip', ['-json', '-4', 'route', 'show', 'proto', ROUTE_PROTOCOL])).trim() || '[]') as readonly IpRoute[];
}

/** The interface on whose segment `ip` is; undefined where a router is between, or no way at all. */
async function onLinkDevice(exec: Exec, ip: string): Promise<string | undefined> {
  try {
    const [route] = JSON.parse(await exec('ip', ['-json', '-4', 'route', 'get', ip])) as readonly IpRoute[];
    return route?.gateway || route?.dev === 'lo' ? undefined : route?.dev;
  } catch (error) {
    if (error instanceof ExecError && /unreachable/i.test(error.stderr)) return undefined;
    throw error;
  }
}

/** Removes every route of ours from the namespace. */
export async function cleanupRoutes(exec: Exec = systemExec): Promise<void> {
  for (const { dst } of await ourRoutes(exec)) await exec('ip', ['route', 'del', dst, 'proto', ROUTE_PROTOCOL]);
}
