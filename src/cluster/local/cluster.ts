// A whole local cluster: brought up with as much at once as can be, taken down with its data kept, or removed with every trace.
import { rm, rmdir } from 'node:fs/promises';
import type { Clock } from '../../apimachinery/clock.js';
import { dockerMajorVersion, startEngine, stopEngine } from './engine.js';
import { type BuiltImages, type ImageSource, loadMissingImages, prepareImages } from './images.js';
import { enterNode } from './namespaces.js';
import { createNetwork, removeNetwork } from './network.js';
import { needsToken, startAgent, stopAgent } from './nodes.js';
import { nodeResolvConf } from './resolv-conf.js';
import { startServer, stopServer, waitForServer } from './server.js';
import { type ClusterLayout, type NodeLayout, SHARED_DIRS, writeSpec } from './state.js';
import { killProcesses, removeCgroups, unmountAll } from './sweep.js';

export interface StartOptions {
  readonly clock: Clock;
  readonly images: ImageSource;
  readonly serverArgs: readonly string[];
  readonly agentArgs: readonly string[];
  /** Makes a join token; called once the API server answers, and only where a node has not joined before. */
  createToken(): Promise<string>;
  /** Told when the API server answers; what it starts (applying manifests, say) goes on beside the rest. */
  onApiReady(): void;
  progress(line: string): void;
}

/** Resolves once the API server answers and every engine and agent is started; nodes may not be Ready yet. Run after `preflight`. */
export async function startCluster(layout: ClusterLayout, options: StartOptions): Promise<void> {
  const { clock } = options;
  await removeRemains(layout, clock);
  await writeSpec(layout);
  const images = prepareImages(options.images, options.progress);
  const resolvConf = nodeResolvConf();
  const dockerMajor = dockerMajorVersion();
  // The server binds to all addresses, so that it may start before its link is there.
  const server = startServer(layout, options.serverArgs);
  // All are awaited below; one that fails while another is awaited must not end the process by itself.
  for (const begun of [images, resolvConf, dockerMajor, server]) begun.catch(() => {});
  await settled([createNetwork(layout), server]);
  const token = server.then(() => apiReady(layout, options));
  token.catch(() => {});
  await settled(layout.nodeList.map((node) => startNode(layout, node, { options, resolvConf, dockerMajor, images, token })));
}

/** Waits for all to end before it rejects with the first failure: whoever cleans up after it must not race with a start. */
async function settled(parts: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(parts)) if (result.status === 'rejected') throw result.reason;
}

async function apiReady(layout: ClusterLayout, options: StartOptions): Promise<string | undefined> {
  await waitForServer(layout, options.clock);
  options.onApiReady();
  const joining = (await Promise.all(layout.nodeList.map(needsToken))).some(Boolean);
  return joining ? options.createToken() : undefined;
}

interface NodeStart {
  readonly options: StartOptions;
  readonly resolvConf: Promise<string | undefined>;
  readonly dockerMajor: Promise<number>;
  readonly images: Promise<BuiltImages | undefined>;
  readonly token: Promise<string | undefined>;
}

async function startNode(layout: ClusterLayout, node: NodeLayout, start: NodeStart): Promise<void> {
  const { options, images, token } = start;
  const entry = await enterNode(node, await start.resolvConf);
  const engineReady = startEngine(node, { clock: options.clock, entry, dockerMajor: await start.dockerMajor }).then(async (engine) => {
    const built = await images;
    if (built && (await loadMissingImages(engine, built))) options.progress(`${node.name}: images loaded`);
  });
  const agentStarted = token.then((value) => startAgent(layout, node, { token: value, entry, extraArgs: options.agentArgs }));
  await settled([engineReady, agentStarted]);
}

/** Ends everything that runs: agents first, so that they report nothing of what follows, then containers, engines, control plane. */
export async function stopCluster(layout: ClusterLayout, clock: Clock): Promise<void> {
  await Promise.all(layout.nodeList.map((node) => stopAgent(node, clock)));
  await Promise.all([stopServer(layout, clock), ...layout.nodeList.map((node) => stopEngine(node, clock))]);
  await removeRemains(layout, clock);
}

/** Removes every trace, running or not, complete or not. */
export async function cleanCluster(layout: ClusterLayout, clock: Clock): Promise<void> {
  await removeRemains(layout, clock);
  await rm(layout.dataDir, { recursive: true, force: true });
  for (const directory of SHARED_DIRS) await removeIfEmpty(directory);
}

/** Other clusters', or a server's of its own, may be in them. */
async function removeIfEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY') throw error;
  });
}

/** What a stopped or killed cluster may have left, save its data. */
async function removeRemains(layout: ClusterLayout, clock: Clock): Promise<void> {
  await killProcesses(layout, clock);
  await unmountAll(layout);
  await removeCgroups(layout);
  await removeNetwork(layout);
  await rm(layout.runDir, { recursive: true, force: true });
}
