// kube-proxy: prepares the node, then keeps its iptables what Services and EndpointSlices say. What the agent starts and stops.
import { availableParallelism } from 'node:os';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { Informers } from '../../src/client/informer.js';
import { nodes } from '../../src/kinds/core/node.js';
import { type KubeProxySettings, kubeProxyConfiguration } from '../config/kube-proxy-configuration.js';
import { kubeProxyConfigz } from '../config/load.js';
import { raiseConntrackLimits } from './conntrack-limits.js';
import { type Exec, ExecError, systemExec } from './exec.js';
import { type Iptables, openIptables } from './iptables.js';
import { ProxyMetrics } from './metrics.js';
import { type HostPort, isIPv4, parseHostPort } from './net.js';
import { type Sysctls, setUpNode, systemSysctls } from './node-setup.js';
import { type Proxier, startProxier } from './proxier.js';
import { cleanupRules } from './rule-writer.js';
import { SERVICE_ROUTE_PROTOCOL, startServiceRoutes } from './service-routes.js';
import { startStatusServer } from './status-server.js';

export interface KubeProxyOptions {
  readonly informers: Informers;
  readonly nodeName: string;
  /** The node's InternalIP. */
  readonly nodeIp: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Its configuration file's; upstream's defaults if absent. */
  readonly settings?: KubeProxySettings;
  /** Absent: problems are logged only. */
  readonly events?: EventRecorder;
  /** Absent: the machine's own, in the backend it already uses. */
  readonly iptables?: Iptables;
  readonly exec?: Exec;
  readonly sysctls?: Sysctls;
  readonly checkInterval_ms?: number;
}

/** A flush is noticed within this: two listings of one chain with one rule, about 0.1 % of a core. */
const CHECK_INTERVAL_MS = 3_000;
const PORT_HEALTHZ = 10256;
const PORT_METRICS = 10249;

/** Rejects with one clear line where the node cannot do it: no iptables, no rights, no bridge netfilter. */
export async function startKubeProxy(options: KubeProxyOptions): Promise<Proxier> {
  const { informers, nodeName, nodeIp, clock, exec = systemExec, settings = kubeProxyConfiguration.initial } = options;
  const log = options.log.child({ component: 'kube-proxy' });
  if (!isIPv4(nodeIp)) throw new Error(`node address ${JSON.stringify(nodeIp)} is no IPv4 address`);
  const healthz = bindAddress('healthzBindAddress', settings.healthzBindAddress, PORT_HEALTHZ);
  const metricsAt = bindAddress('metricsBindAddress', settings.metricsBindAddress, PORT_METRICS);
  const iptables = options.iptables ?? (await openIptables({ exec, log }));
  const { localhostNodePorts, masqueradeAll, masqueradeBit, minSyncPeriod } = settings.iptables;
  const sysctls = options.sysctls ?? systemSysctls;
  await setUpNode({ exec, sysctls, localhostNodePorts, log });
  await raiseConntrackLimits({ sysctls, settings: settings.conntrack, cores: availableParallelism(), log });
  const nodePortAddresses = settings.nodePortAddresses.map((range) => (range === 'primary' ? `${nodeIp}/32` : range));
  const metrics = new ProxyMetrics(clock);
  const proxier = startProxier({
    informers,
    nodeName,
    nodeIp,
    clusterCidr: settings.clusterCIDR,
    policy: { nodePortAddresses, localhostNodePorts, masqueradeAll, masqueradeBit },
    metrics,
    iptables,
    exec,
    clock,
    log,
    ...(options.events ? { events: options.events } : {}),
    minInterval_ms: minSyncPeriod,
    checkInterval_ms: options.checkInterval_ms ?? CHECK_INTERVAL_MS,
  });
  const routes = startServiceRoutes({ informers, nodeIp, exec, clock, log });
  const node = () => informers.of(nodes).get({ name: nodeName });
  const ruleCounts = () => countRules(proxier);
  const status = await startStatusServer({
    healthz,
    metricsAt,
    metrics,
    node,
    ruleCounts,
    settings: kubeProxyConfigz(settings),
    clock,
    log,
  });
  return {
    whenSynced: () => proxier.whenSynced(),
    get ruleSet() {
      return proxier.ruleSet;
    },
    get foreignRules() {
      return proxier.foreignRules;
    },
    async stop() {
      status.close();
      await routes.stop();
      await proxier.stop();
    },
  };
}

/** Undefined for an empty one: nowhere. */
function bindAddress(field: string, text: string, defaultPort: number): HostPort | undefined {
  if (text === '') return undefined;
  const at = parseHostPort(text, defaultPort);
  if (!at) throw new Error(`${field} ${JSON.stringify(text)} is no address such as 0.0.0.0:${defaultPort}`);
  return at;
}

function countRules({ ruleSet }: Proxier): { readonly [table: string]: number } {
  const counts: { [table: string]: number } = {};
  for (const { table, rules } of ruleSet.chains) counts[table] = (counts[table] ?? 0) + rules.length;
  return counts;
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
