// kube-proxy: prepares the node, then keeps its iptables what Services and EndpointSlices say. What the agent starts and stops.

import { parseCidr } from '../../src/apimachinery/cidr.js';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { Informers } from '../../src/client/informer.js';
import { POD_CIDR, SERVICE_CIDR } from '../../src/kinds/wellknown.js';
import { type Exec, ExecError, systemExec } from './exec.js';
import { type Iptables, openIptables } from './iptables.js';
import { isIPv4 } from './net.js';
import { SERVICE_ROUTE_PROTOCOL, type Sysctls, setUpNode, systemSysctls } from './node-setup.js';
import { type Proxier, startProxier } from './proxier.js';
import { cleanupRules } from './rule-writer.js';

export interface KubeProxyOptions {
  readonly informers: Informers;
  readonly nodeName: string;
  /** The node's InternalIP. */
  readonly nodeIp: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** All pods' addresses; POD_CIDR if absent. */
  readonly clusterCidr?: string;
  /** SERVICE_CIDR if absent. */
  readonly serviceCidr?: string;
  /** Absent: the machine's own, in the backend it already uses. */
  readonly events?: EventRecorder;
  readonly iptables?: Iptables;
  readonly exec?: Exec;
  readonly sysctls?: Sysctls;
  readonly minInterval_ms?: number;
  readonly checkInterval_ms?: number;
}

/** Rules follow within a second by far, and a burst of endpoints costs one write. */
const MIN_INTERVAL_MS = 100;
/** A flush is noticed within this: two listings of one chain with one rule, about 0.1 % of a core. */
const CHECK_INTERVAL_MS = 3_000;
/** Upstream's bit, and its ways of old: node ports at all addresses. */
const DEFAULT_POLICY = { nodePortAddresses: [], localhostNodePorts: true, masqueradeAll: false, masqueradeBit: 14 };

/** Rejects with one clear line where the node cannot do it: no iptables, no rights, no bridge netfilter. */
export async function startKubeProxy(options: KubeProxyOptions): Promise<Proxier> {
  const { informers, nodeName, nodeIp, clock, exec = systemExec } = options;
  const log = options.log.child({ component: 'kube-proxy' });
  const clusterCidr = parseCidr(options.clusterCidr ?? POD_CIDR);
  if (!clusterCidr) throw new Error(`cluster CIDR ${JSON.stringify(options.clusterCidr)} is no IPv4 prefix such as ${POD_CIDR}`);
  if (!isIPv4(nodeIp)) throw new Error(`node address ${JSON.stringify(nodeIp)} is no IPv4 address`);
  const iptables = options.iptables ?? (await openIptables({ exec, log }));
  await setUpNode({ exec, sysctls: options.sysctls ?? systemSysctls, serviceCidr: options.serviceCidr ?? SERVICE_CIDR, nodeIp, log });
  return startProxier({
    informers,
    nodeName,
    nodeIp,
    clusterCidr: clusterCidr.text,
    policy: DEFAULT_POLICY,
    ...(options.events ? { events: options.events } : {}),
    iptables,
    exec,
    clock,
    log,
    minInterval_ms: options.minInterval_ms ?? MIN_INTERVAL_MS,
    checkInterval_ms: options.checkInterval_ms ?? CHECK_INTERVAL_MS,
  });
}

/** Takes all rules, chains and the service route away again, also those of an agent that is long gone. Sysctls stay. */
export async function cleanupKubeProxy({ exec = systemExec, iptables }: { exec?: Exec; iptables: Iptables }): Promise<void> {
  await cleanupRules(iptables);
  try {
    await exec('ip', ['route', 'flush', 'proto', SERVICE_ROUTE_PROTOCOL]);
  } catch (error) {
    // A kernel without a single route says so by failing.
    if (!(error instanceof ExecError && /FIB table does not exist/.test(error.stderr))) throw error;
  }
}
