// What the kernel must allow before Services can work: forwarding, bridged traffic through iptables, and a route for cluster IPs.
import { readFile, writeFile } from 'node:fs/promises';
import { ipv4, parseCidr } from '../../src/apimachinery/cidr.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { type Exec, ExecError } from './exec.js';

/** The namespace's /proc/sys: `net/ipv4/ip_forward`. */
export interface Sysctls {
  /** Undefined where the kernel has no such setting. */
  read(path: string): Promise<string | undefined>;
  write(path: string, value: string): Promise<void>;
}

export const systemSysctls: Sysctls = {
  async read(path) {
    try {
      return (await readFile(`/proc/sys/${path}`, 'utf8')).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
  write: (path, value) => writeFile(`/proc/sys/${path}`, value),
};

export interface NodeSetupOptions {
  readonly exec: Exec;
  readonly sysctls: Sysctls;
  readonly serviceCidr: string;
  readonly nodeIp: string;
  readonly log: Logger;
}

const BRIDGE_NF = 'net/bridge/bridge-nf-call-iptables';

/** Idempotent. Rejects where the kernel refuses what Services cannot do without. */
export async function setUpNode(options: NodeSetupOptions): Promise<void> {
  await setSysctl(options, 'net/ipv4/ip_forward', '1');
  // 127.0.0.1:NodePort; the KUBE-FIREWALL chain keeps neighbours out of the loopback network.
  await setSysctl(options, 'net/ipv4/conf/all/route_localnet', '1');
  if ((await options.sysctls.read(BRIDGE_NF)) === undefined) await loadBridgeNetfilter(options);
  await setSysctl(options, BRIDGE_NF, '1');
  await ensureServiceRoute(options);
}

async function setSysctl({ sysctls, log }: NodeSetupOptions, path: string, value: string): Promise<void> {
  const before = await sysctls.read(path);
  if (before === value) return;
  if (before === undefined) throw new Error(`the kernel has no ${path.replaceAll('/', '.')}: Services cannot work on this node`);
  try {
    await sysctls.write(path, value);
  } catch (error) {
    throw new Error(`cannot set ${path.replaceAll('/', '.')}=${value} (it is ${before}): Services cannot work on this node`, {
      cause: error,
    });
  }
  log.info({ sysctl: path.replaceAll('/', '.'), before, value }, 'sysctl set');
}

/** Without it, pods of one bridge answer one another past the address translation of a Service. */
async function loadBridgeNetfilter({ exec, log }: NodeSetupOptions): Promise<void> {
  try {
    await exec('modprobe', ['br_netfilter']);
    log.info({}, 'kernel module br_netfilter loaded');
  } catch (error) {
    if (!(error instanceof ExecError)) throw error;
    throw new Error(`the kernel module br_netfilter is needed and could not be loaded: run modprobe br_netfilter (${error.message})`);
  }
}

/** A local process's packet to a cluster IP needs some route before iptables gets to see it; a default route will do. */
async function ensureServiceRoute({ exec, serviceCidr, nodeIp, log }: NodeSetupOptions): Promise<void> {
  const cidr = parseCidr(serviceCidr);
  if (!cidr) throw new Error(`service CIDR ${JSON.stringify(serviceCidr)} is no IPv4 prefix such as 10.96.0.0/12`);
  if (await routeTo(exec, ipv4(cidr.base + 1))) return;
  const device = await deviceOf(exec, nodeIp);
  await exec('ip', ['route', 'replace', cidr.text, 'dev', device, 'src', nodeIp, 'scope', 'link', 'proto', SERVICE_ROUTE_PROTOCOL]);
  log.info({ route: cidr.text, device }, 'no default route: added one for cluster IPs');
}

/** Marks the route as ours, apart from those to other nodes' pods. */
export const SERVICE_ROUTE_PROTOCOL = '77';

async function routeTo(exec: Exec, ip: string): Promise<boolean> {
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
