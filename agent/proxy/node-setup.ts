// What the kernel must allow before Services can work: forwarding, and bridged traffic through iptables.
import { readFile, writeFile } from 'node:fs/promises';
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
  readonly localhostNodePorts: boolean;
  readonly log: Logger;
}

const BRIDGE_NF = 'net/bridge/bridge-nf-call-iptables';

/** Idempotent. Rejects where the kernel refuses what Services cannot do without. */
export async function setUpNode(options: NodeSetupOptions): Promise<void> {
  await setSysctl(options, 'net/ipv4/ip_forward', '1');
  // 127.0.0.1:NodePort; the KUBE-FIREWALL chain keeps neighbours out of the loopback network.
  if (options.localhostNodePorts) await setSysctl(options, 'net/ipv4/conf/all/route_localnet', '1');
  if ((await options.sysctls.read(BRIDGE_NF)) === undefined) await loadBridgeNetfilter(options);
  await setSysctl(options, BRIDGE_NF, '1');
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
