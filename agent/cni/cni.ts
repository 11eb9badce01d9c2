// The pod network by CNI: runs the first configuration list for each sandbox and keeps what it takes to undo it.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../../src/apimachinery/json.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { PodNetwork, PodNetworkConfig } from '../runtime/network.js';
import { type PortMapping, RuntimeError } from '../runtime/runtime.js';
import { ensureDefaultConflist, type NetworkConfigList, readConflist } from './conflist.js';
import { runPlugin } from './plugin.js';

const INTERFACE = 'eth0';

export interface CniOptions {
  readonly confDirectory: string;
  readonly binDirectories: readonly string[];
  /** Where attachments and the default list's address allocations are kept. */
  readonly stateDirectory: string;
  readonly log: Logger;
}

/** What is kept of a sandbox, written before its first plugin runs, so that a crash in between leaves a trace to undo. */
interface Attachment {
  readonly pod: PodNetworkConfig;
  readonly list: NetworkConfigList;
  /** The last plugin's; absent until all have run. */
  readonly result?: JsonObject;
}

export class CniNetwork implements PodNetwork {
  private readonly attachments = new Map<string, Attachment>();
  private list: NetworkConfigList | undefined;
  private problem: string | undefined = 'CNI is not configured: waiting for the node to be given a pod CIDR';

  private constructor(private readonly options: CniOptions) {}

  /** Reads what agents before this one left. */
  static async open(options: CniOptions): Promise<CniNetwork> {
    const network = new CniNetwork(options);
    await mkdir(network.resultsDirectory, { recursive: true });
    for (const file of await readdir(network.resultsDirectory)) {
      if (!file.endsWith('.json')) continue;
      const text = await readFile(join(network.resultsDirectory, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
        // What an agent before this one had begun to unwire is done now.
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (text !== undefined) network.attachments.set(file.slice(0, -'.json'.length), JSON.parse(text) as Attachment);
    }
    return network;
  }

  private get resultsDirectory(): string {
    return join(this.options.stateDirectory, 'results');
  }

  private path(sandboxId: string): string {
    return join(this.resultsDirectory, `${sandboxId}.json`);
  }

  /** Looks at the configuration again; called with the node's pod CIDR (absent: not yet given) whenever it may have changed. */
  async reload(podCidr: string | undefined): Promise<void> {
    const { confDirectory, stateDirectory } = this.options;
    try {
      if (podCidr) await ensureDefaultConflist(confDirectory, podCidr, join(stateDirectory, 'networks'));
      this.list = await readConflist(confDirectory);
      this.problem = this.list ? undefined : `no CNI configuration in ${confDirectory}, and the node has no pod CIDR for a default one yet`;
    } catch (error) {
      this.list = undefined;
      this.problem = (error as Error).message;
    }
  }

  notReady(): string | undefined {
    return this.problem;
  }

  ips(sandboxId: string): readonly string[] {
    const ips = this.attachments.get(sandboxId)?.result?.['ips'];
    if (!Array.isArray(ips)) return [];
    return ips.map((ip) => String((ip as JsonObject)['address'] ?? '').split('/')[0]!).filter(Boolean);
  }

  async setUp(pod: PodNetworkConfig): Promise<readonly string[]> {
    const list = this.list;
    if (!list) throw new RuntimeError(503, `network is not ready: ${this.problem}`);
    await this.save(pod.sandboxId, { pod, list });
    let result: JsonObject | undefined;
    for (const plugin of list.plugins)
      result = await runPlugin(call('ADD', pod), pluginConfig(list, plugin, pod, result), this.options.binDirectories);
    if (!result) throw new RuntimeError(500, `CNI network "${list.name}" gave no result`);
    await this.save(pod.sandboxId, { pod, list, result });
    const ips = this.ips(pod.sandboxId);
    if (ips.length === 0) throw new RuntimeError(500, `CNI network "${list.name}" gave no address`);
    return ips;
  }

  private async save(sandboxId: string, attachment: Attachment): Promise<void> {
    const path = this.path(sandboxId);
    await writeFile(`${path}.tmp`, JSON.stringify(attachment));
    await rename(`${path}.tmp`, path);
    this.attachments.set(sandboxId, attachment);
  }

  async tearDown(sandboxId: string, netns: string | undefined): Promise<void> {
    const attachment = this.attachments.get(sandboxId);
    if (!attachment) return;
    const { list, result } = attachment;
    // A namespace that is gone took its links with it; addresses and port mappings still have to be given back.
    const pod = { ...attachment.pod, netns: netns ?? '' };
    for (const plugin of [...list.plugins].reverse()) {
      await runPlugin(call('DEL', pod), pluginConfig(list, plugin, pod, result), this.options.binDirectories);
    }
    await rm(this.path(sandboxId), { force: true });
    this.attachments.delete(sandboxId);
  }

  async collectGarbage(living: () => Promise<ReadonlySet<string>>): Promise<void> {
    // In this order: a sandbox that is made meanwhile is in neither, or in the second.
    const present = [...this.attachments.keys()];
    const alive = await living();
    for (const sandboxId of present) {
      if (alive.has(sandboxId)) continue;
      this.options.log.info({ sandboxId }, 'unwiring a sandbox that is no more');
      await this.tearDown(sandboxId, undefined);
    }
  }
}

function call(command: 'ADD' | 'DEL', pod: PodNetworkConfig) {
  const args = [
    'IgnoreUnknown=1',
    `K8S_POD_NAMESPACE=${pod.namespace}`,
    `K8S_POD_NAME=${pod.name}`,
    `K8S_POD_INFRA_CONTAINER_ID=${pod.sandboxId}`,
    `K8S_POD_UID=${pod.uid}`,
  ];
  return { command, containerId: pod.sandboxId, netns: pod.netns, ifName: INTERFACE, args: args.join(';') };
}

/** A plugin's own configuration, the list's name and version, the result so far, and what it asked for by its capabilities. */
function pluginConfig(list: NetworkConfigList, plugin: JsonObject, pod: PodNetworkConfig, prevResult: JsonObject | undefined): JsonObject {
  const capabilities = (plugin['capabilities'] ?? {}) as JsonObject;
  const wantsPorts = capabilities['portMappings'] === true && pod.portMappings.length > 0;
  return {
    ...plugin,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(prevResult ? { prevResult } : {}),
    ...(wantsPorts ? { runtimeConfig: { portMappings: pod.portMappings.map(portMapping) } } : {}),
  };
}

const portMapping = ({ hostPort, containerPort, protocol, hostIP }: PortMapping): JsonObject => ({
  hostPort,
  containerPort,
  protocol,
  ...(hostIP ? { hostIP } : {}),
});
