// startNodeAgent: joins the cluster and runs everything a node consists of, in one process.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../src/apimachinery/clock.js';
import type { Logger } from '../src/apimachinery/logger.js';
import { ApiClient } from '../src/client/api-client.js';
import { createEventRecorder } from '../src/client/event-recorder.js';
import { createInformers } from '../src/client/informers.js';
import { pods } from '../src/kinds/core/pod.js';
import { CLUSTER_IP_DNS, PORT_NODE_DNS, PORT_NODE_DNS_METRICS } from '../src/kinds/wellknown.js';
import { bootstrapNode, type NodeIdentity } from './bootstrap.js';
import { CniNetwork } from './cni/cni.js';
import { podMtu, startRoutes } from './cni/routes.js';
import type { KubeletSettings } from './config/kubelet-configuration.js';
import { loadKubeProxySettings } from './config/load.js';
import { countedTransport } from './counted-transport.js';
import { publishDnsEndpoints } from './dns/publish.js';
import { startDns } from './dns/server.js';
import type { GlassBox } from './glassbox/proxyz.js';
import { startKubelet } from './kubelet/kubelet.js';
import { KubeletMetrics } from './kubelet/metrics.js';
import { parseResolvConf } from './kubelet/resolv-conf.js';
import { podLookup } from './kubelet/static/mirror.js';
import { createAgentLogger } from './logger.js';
import { addressTowards, defaultResolvConf, watchAddress } from './node-addresses.js';
import { policedNetwork } from './policy/network.js';
import { type Policies, startPolicies } from './policy/policies.js';
import { systemExec } from './proxy/exec.js';
import { openIptables } from './proxy/iptables.js';
import { startKubeProxy } from './proxy/kube-proxy.js';
import { DockerRuntime } from './runtime/docker.js';
import { measuredRuntime } from './runtime/measured.js';
import { startKubeletServer } from './server.js';
import { startLocalPaths } from './volumes/local-path.js';

export interface AgentFlags {
  readonly server: string;
  readonly token?: string;
  readonly hostnameOverride: string;
  readonly nodeIp?: readonly string[];
  readonly nodeLabels: { readonly [key: string]: string };
  readonly rootDir: string;
  readonly certDir: string;
  readonly dockerEndpoint: string;
  readonly containerd: string;
  readonly podInfraContainerImage: string;
  readonly proxyConfig?: string;
  readonly cniConfDir: string;
  readonly cniBinDir: readonly string[];
  readonly overlay: boolean;
  readonly dnsStubDomains: { readonly [domain: string]: readonly string[] };
  readonly nodeLeaseRenewInterval?: number;
}

export interface NodeAgent {
  /** Ends the agent's work; pods, routes and rules stay as they are. */
  stop(): Promise<void>;
  /** Resolves, saying why, when all that it knows of the node is to be found out anew: by another that is started in its place. */
  readonly outdated: Promise<string>;
}

const clock = systemClock;
const random = systemRandom;

/** Resolves when all parts run. Rejects with an error of one line where the node cannot join or lacks what it needs. */
export async function startNodeAgent(flags: AgentFlags, settings: KubeletSettings): Promise<NodeAgent> {
  const log = createAgentLogger(settings.logging.verbosity);
  const nodeName = flags.hostnameOverride;
  const nodeIps = flags.nodeIp ?? [await addressTowards(flags.server)];
  await mkdir(flags.rootDir, { recursive: true });
  const identity = await bootstrapNode({
    server: flags.server,
    ...(flags.token === undefined ? {} : { token: flags.token }),
    nodeName,
    nodeIPs: nodeIps,
    certDir: flags.certDir,
    clock,
    random,
    log,
  });
  const stops = await startParts(flags, settings, identity, nodeName, nodeIps, log);
  log.info({ node: nodeName, addresses: nodeIps, server: flags.server }, 'the agent runs');
  let unwatch = () => {};
  const outdated = new Promise<string>((resolve) => {
    if (flags.nodeIp) return;
    const changed = (address: string) => resolve(`the node's address is ${address} now, and was ${nodeIps[0]}`);
    unwatch = watchAddress({ address: nodeIps[0]!, find: () => addressTowards(flags.server), clock, changed });
  });
  return {
    outdated,
    async stop() {
      unwatch();
      for (const stop of stops) await stop();
      identity.stop();
    },
  };
}

/** How to stop each part, in the order to do so. */
async function startParts(
  flags: AgentFlags,
  settings: KubeletSettings,
  identity: NodeIdentity,
  nodeName: string,
  nodeIps: readonly string[],
  log: Logger,
): Promise<readonly (() => Promise<void> | void)[]> {
  const metrics = new KubeletMetrics(clock);
  const { host } = new URL(flags.server);
  const client = new ApiClient(countedTransport(identity.transport, (method, code) => metrics.apiRequest(method, host, code)));
  const informers = createInformers({ client, clock, random, log });
  const events = createEventRecorder({ client, component: 'kubelet', host: nodeName, clock, random, log });
  const nodeIp = nodeIps[0]!;
  const resolvConf = settings.resolvConf || (await defaultResolvConf());
  // First of all what running pods ask all the time: an agent that is restarted is missed by nobody else.
  const dnsIp = settings.clusterDNS[0] ?? CLUSTER_IP_DNS;
  const upstreams = parseResolvConf(await readFile(resolvConf, 'utf8')).nameservers;
  const dns = await startDns({
    informers,
    address: nodeIp,
    port: PORT_NODE_DNS,
    upstreams,
    clock,
    random,
    log,
    domain: settings.clusterDomain,
    dnsIp,
    stubDomains: flags.dnsStubDomains,
    pagesPort: PORT_NODE_DNS_METRICS,
    recordsFile: join(flags.rootDir, 'dns/records.json'),
  });
  const network = await CniNetwork.open({
    confDirectory: flags.cniConfDir,
    binDirectories: flags.cniBinDir,
    stateDirectory: join(flags.rootDir, 'cni'),
    mtu: await podMtu(nodeIp, flags.overlay),
    log,
  });
  let policies: Policies;
  let glassBox: GlassBox | undefined;
  const docker = new DockerRuntime({
    endpoint: flags.dockerEndpoint,
    containerdSocket: flags.containerd,
    pauseImage: flags.podInfraContainerImage,
    network: policedNetwork(network, () => policies),
    stateDirectory: flags.rootDir,
    settings,
    clock,
  });
  const runtime = measuredRuntime(docker, clock, (...operation) => metrics.operation(...operation));

  // What listens comes early: a port that is taken must be found out before the node says that it is there.
  const ours = informers.of(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  const server = await startKubeletServer({
    settings,
    ...identity.serving(),
    clientCa: identity.ca,
    nodeName,
    rootDirectory: flags.rootDir,
    client,
    metrics,
    glassBox: () => glassBox,
    lookup: podLookup(ours),
    runtime,
    clock,
    log,
  });
  identity.onServingChange((serving) => server.setServing(serving));
  const iptables = await openIptables({ exec: systemExec, log });
  const proxy = await startKubeProxy({
    informers,
    nodeName,
    nodeIp,
    settings: await loadKubeProxySettings(flags.proxyConfig),
    events: createEventRecorder({ client, component: 'kube-proxy', host: nodeName, clock, random, log }),
    iptables,
    clock,
    log,
  });
  policies = startPolicies({ informers, nodeName, dnsIp, iptables, events, clock, log });
  glassBox = { nodeName, informers, proxy, policies, iptables, exec: systemExec, clusterDomain: settings.clusterDomain, dnsIp };
  const routes = startRoutes({ informers, nodeName, nodeIp, overlay: flags.overlay, clock, log });
  const kubelet = await startKubelet({
    nodeName,
    nodeIps,
    nodeLabels: flags.nodeLabels,
    rootDirectory: flags.rootDir,
    resolvConf,
    settings,
    port: settings.port,
    ...(flags.nodeLeaseRenewInterval === undefined ? {} : { nodeLeaseRenewInterval_ms: flags.nodeLeaseRenewInterval }),
    client,
    informers,
    events,
    metrics,
    runtime,
    network,
    clock,
    random,
    log,
  });
  const localPaths = startLocalPaths({ client, informers, nodeName, rootDirectory: flags.rootDir, clock, log });
  const publishing = publishDnsEndpoints({
    client,
    informers,
    nodeName,
    nodeIp,
    port: dns.port,
    metricsPort: PORT_NODE_DNS_METRICS,
    clock,
    log,
  });
  return [
    () => kubelet.stop(),
    () => server.close(),
    () => publishing.stop(),
    () => localPaths.stop(),
    () => proxy.stop(),
    () => policies.stop(),
    () => routes.stop(),
    () => informers.stop(),
    // As it was the first to start: what running pods ask is answered for as long as can be.
    () => dns.stop(),
  ];
}
