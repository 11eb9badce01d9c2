// `porthole agent`: the command line of a node's agent. What it assembles is in node-agent.ts, loaded only when it runs.
import { hostname } from 'node:os';
import { Command } from 'commander';
import { keepAlive } from '../src/apimachinery/clock.js';
import { addKubeletFlags, configurationFromFlags } from './config/flags.js';
import { loadSettings } from './config/load.js';
import { addresses, dockerEndpoint, duration_ms, labels, list, serverUrl, socketPath, stubDomains } from './flags.js';
import type { AgentFlags, NodeAgent } from './node-agent.js';

export const agentCommand = new Command('agent')
  .description('Run a node: kubelet, kube-proxy and DNS, joined to a cluster')
  .requiredOption('--server <url>', "the cluster's API server, such as https://192.168.1.10:6443", serverUrl)
  .option('--token <token>', 'join token, made by `porthole token create`; needed to join, not afterwards')
  .option('--hostname-override <name>', "the node's name", hostname().toLowerCase())
  .option('--node-ip <ip>', "the node's address (default: the one towards the server)", addresses)
  .option('--node-labels <labels>', 'labels for the node, key=value with commas between', labels, {})
  .option('--root-dir <dir>', "where pods' files and volumes lie", '/var/lib/kubelet')
  .option('--cert-dir <dir>', "where the node's certificates lie", '/var/lib/kubelet/pki')
  .option('--docker-endpoint <url>', 'the Docker Engine', dockerEndpoint, 'unix:///var/run/docker.sock')
  .option(
    '--containerd <path>',
    'the socket of the containerd below it, which tells of deaths first',
    socketPath,
    '/run/containerd/containerd.sock',
  )
  .option('--pod-infra-container-image <image>', 'image of the container that holds a pod together', 'registry.k8s.io/pause:3.10')
  .option('--cni-conf-dir <dir>', 'CNI configuration; where it is empty, a bridge is configured', '/etc/cni/net.d')
  .option('--cni-bin-dir <dirs>', 'CNI plugins, several directories with commas between', list, ['/usr/lib/cni', '/opt/cni/bin'])
  .option('--overlay', "carry pods' traffic to every node by VXLAN (default: only to those behind a router)", false)
  .option(
    '--dns-stub-domains <domains>',
    'name servers of domains outside the cluster: domain=address+address, commas between',
    stubDomains,
    {},
  )
  .option('--node-lease-renew-interval <duration>', 'time between heartbeats (default: an eighth of what a Lease says)', duration_ms)
  .option('--proxy-config <file>', 'a KubeProxyConfiguration')
  .option('--config <file>', 'a KubeletConfiguration; flags go before it')
  .action(run);
addKubeletFlags(agentCommand);

async function run(flags: AgentFlags & { readonly config?: string }): Promise<void> {
  // While the server is away nothing is open that would hold the process, and it must not end without a word.
  const alive = keepAlive();
  try {
    const settings = await loadSettings(flags.config, configurationFromFlags({ ...flags }));
    const { startNodeAgent } = await import('./node-agent.js');
    stopOnSignal(await startNodeAgent(flags, settings));
  } catch (error) {
    // What keeps an agent from starting is for a person to put right; a defect keeps its stack.
    const isDefect = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
    process.stderr.write(`porthole agent: ${isDefect ? (error as Error).stack : (error as Error).message}\n`);
    process.exit(1);
  } finally {
    alive.cancel();
  }
}

/** Pods run on. A second signal does not wait: whoever sends it means it. What keeps agents running starts an outdated one anew. */
function stopOnSignal(agent: NodeAgent): void {
  let stopping = false;
  const onSignal = () => {
    if (stopping) process.exit(1);
    stopping = true;
    void agent.stop().then(() => process.exit(0));
  };
  void agent.outdated.then((why) => {
    process.stderr.write(`porthole agent: ${why}: it ends, to be started anew\n`);
    onSignal();
  });
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
