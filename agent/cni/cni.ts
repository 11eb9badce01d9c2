// The pod network by CNI: runs the first configuration list for each sandbox and keeps what it takes to undo it.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../../src/apimachinery/json.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { PodNetwork, PodNetworkConfig } from '../runtime/network.js';
import { RuntimeError } from '../runtime/runtime.js';
import { type Attachment, addressesOf, busyPlugins, INTERFACE, listConfig, pluginCall, pluginConfig } from './attachment.js';
import { conflistMark, isAtLeast, type NetworkConfigList, readConflist } from './conflist.js';
import { ensureDefaultConflist } from './default-network.js';
import { type CniCommand, runPlugin } from './plugin.js';
import { holders } from './reservations.js';

export interface CniOptions {
  readonly confDirectory: string;
  readonly binDirectories: readonly string[];
  /** Where attachments and the default list's address allocations are kept. */
  readonly stateDirectory: string;
  /** Of pods' links in our default network; absent: the kernel's own choice. */
  readonly mtu?: number;
  readonly log: Logger;
}

/** Upstream's words for it. */
const NOT_INITIALIZED = 'Network plugin returns error: cni plugin not initialized';

export class CniNetwork implements PodNetwork {
  private readonly attachments = new Map<string, Attachment>();
  private list: NetworkConfigList | undefined;
  /** Why there is no list. */
  private missing = `${NOT_INITIALIZED}: the node has not been given a pod CIDR yet`;
  /** Why the list's plugins cannot wire pods now, in their own words. */
  private unable: string | undefined;
  private podCidr: string | undefined;
  private refreshing: Promise<void> | undefined;
  /** How the directory of configurations was when the list was read. */
  private mark = '';
  private collected = false;
  /** What agents before this one were wiring when they ended. */
  private interrupted: readonly Attachment[] = [];

  private constructor(private readonly options: CniOptions) {}

  /** Reads what agents before this one left. */
  static async open(options: CniOptions): Promise<CniNetwork> {
    const network = new CniNetwork(options);
    await mkdir(network.resultsDirectory, { recursive: true });
    await network.recallAll();
    network.interrupted = [...network.attachments.values()].filter(({ result }) => !result);
    return network;
  }

  private async recallAll(): Promise<void> {
    const files = (await readdir(this.resultsDirectory)).filter((file) => file.endsWith('.json'));
    for (const file of files) await this.recall(file);
  }

  private async recall(file: string): Promise<void> {
    const sandboxId = file.slice(0, -'.json'.length);
    if (this.attachments.has(sandboxId)) return;
    const path = join(this.resultsDirectory, file);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      // What an agent before this one had begun to unwire is done now.
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return;
    const attachment = parseAttachment(text);
    if (attachment) {
      this.attachments.set(sandboxId, attachment);
      return;
    }
    // Cut off by a crash. The pod's sandbox is made anew, and its address found in what host-local has written down.
    this.options.log.warn({ path }, 'what was kept of a pod network attachment is unreadable and given up');
    await rm(path, { force: true });
  }

  private get resultsDirectory(): string {
    return join(this.options.stateDirectory, 'results');
  }

  private get ipamDirectory(): string {
    return join(this.options.stateDirectory, 'networks');
  }

  private path(sandboxId: string): string {
    return join(this.resultsDirectory, `${sandboxId}.json`);
  }

  /** Looks at the configuration again; called with the node's pod CIDR (absent: not yet given) whenever it may have changed. */
  async reload(podCidr: string | undefined): Promise<void> {
    this.podCidr = podCidr;
    await this.refresh();
    await this.askStatus();
  }

  private isAsRead(): boolean {
    try {
      return this.list !== undefined && conflistMark(this.options.confDirectory, this.list.name) === this.mark;
    } catch {
      // Why it cannot be read is told by whoever reads it.
      return false;
    }
  }

  /** Pods that start at the same time share one look. */
  private refresh(): Promise<void> {
    this.refreshing ??= this.look().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async look(): Promise<void> {
    const { confDirectory, binDirectories, mtu, log } = this.options;
    const before = this.list;
    try {
      // Before it is read: what changes meanwhile is read again.
      this.mark = conflistMark(confDirectory, before?.name);
      const network = { podCidr: this.podCidr ?? '', ipamDirectory: this.ipamDirectory, ...(mtu === undefined ? {} : { mtu }) };
      if (this.podCidr) await ensureDefaultConflist(confDirectory, network, binDirectories);
      this.list = await readConflist(confDirectory);
      this.missing = `${NOT_INITIALIZED}: no CNI configuration in ${confDirectory}`;
    } catch (error) {
      this.list = undefined;
      this.missing = `${NOT_INITIALIZED}: ${(error as Error).message}`;
    }
    if (this.list && this.list.name !== before?.name) log.info({ network: this.list.name }, 'pods get this network');
    if (this.list?.name !== before?.name) this.unable = undefined;
  }

  /** Plugins of before version 1.1.0 cannot say. */
  private async askStatus(): Promise<void> {
    const { list } = this;
    if (!list || !isAtLeast(list.cniVersion, '1.1.0')) return;
    try {
      for (const plugin of list.plugins) await runPlugin({ command: 'STATUS' }, listConfig(list, plugin), this.options.binDirectories);
      this.unable = undefined;
    } catch (error) {
      this.unable = `Network plugin returns error: ${(error as Error).message}`;
    }
  }

  notReady(): string | undefined {
    return this.list ? this.unable : this.missing;
  }

  async whenReady(): Promise<void> {
    if (!this.isAsRead()) await this.refresh();
    if (this.unable) await this.askStatus();
    const problem = this.notReady();
    if (problem) throw new RuntimeError(503, `network is not ready: ${problem}`);
  }

  ips(sandboxId: string): readonly string[] {
    return addressesOf(this.attachments.get(sandboxId)?.result);
  }

  async setUp(pod: PodNetworkConfig): Promise<readonly string[]> {
    const { list } = this;
    if (!list) throw new RuntimeError(503, `network is not ready: ${this.missing}`);
    const attachment: Attachment = { pod, list, ...(this.podCidr ? { podCidrs: [this.podCidr] } : {}) };
    await this.save(pod.sandboxId, attachment);
    let result: JsonObject | undefined;
    try {
      for (const plugin of busyPlugins(attachment)) result = await this.run('ADD', attachment, plugin, result);
    } catch (error) {
      throw new RuntimeError(500, `failed to setup network for sandbox "${pod.sandboxId}": ${(error as Error).message}`);
    }
    if (!result) throw new RuntimeError(500, `CNI network "${list.name}" gave no result`);
    await this.save(pod.sandboxId, { ...attachment, result });
    const ips = this.ips(pod.sandboxId);
    if (ips.length === 0) throw new RuntimeError(500, `CNI network "${list.name}" gave no address`);
    return ips;
  }

  private run(command: CniCommand, attachment: Attachment, plugin: JsonObject, prevResult: JsonObject | undefined) {
    return runPlugin(pluginCall(command, attachment.pod), pluginConfig(attachment, plugin, prevResult), this.options.binDirectories);
  }

  private async save(sandboxId: string, attachment: Attachment): Promise<void> {
    const path = this.path(sandboxId);
    writeFileSync(`${path}.tmp`, JSON.stringify(attachment));
    renameSync(`${path}.tmp`, path);
    this.attachments.set(sandboxId, attachment);
  }

  async tearDown(sandboxId: string, netns: string | undefined): Promise<void> {
    const attachment = this.attachments.get(sandboxId);
    if (!attachment) return;
    try {
      await this.delete(attachment, netns, busyPlugins(attachment));
    } catch (error) {
      throw new RuntimeError(500, `failed to destroy network for sandbox "${sandboxId}": ${(error as Error).message}`);
    }
    // In one step: what is being wired meanwhile is known afterwards, and collected, or not there.
    rmSync(this.path(sandboxId), { force: true });
    this.attachments.delete(sandboxId);
  }

  private async delete(attachment: Attachment, netns: string | undefined, plugins: readonly JsonObject[]): Promise<void> {
    // A namespace that is gone took its links with it; addresses and port mappings still have to be given back.
    const pod = { ...attachment.pod, netns: netns ?? '' };
    const { list, result } = attachment;
    // Versions before 0.4.0 know no result of before here.
    const prevResult = isAtLeast(list.cniVersion, '0.4.0') ? result : undefined;
    for (const plugin of [...plugins].reverse()) await this.run('DEL', { ...attachment, pod }, plugin, prevResult);
  }

  async collectGarbage(living: () => Promise<ReadonlySet<string>>): Promise<void> {
    // One that an agent before this one was still wiring when this one began.
    await this.recallAll();
    // In this order: a sandbox that is made meanwhile is in neither, or in the second.
    const present = [...this.attachments.keys()];
    const holding = this.list ? await holders(this.list, this.ipamDirectory) : new Set<string>();
    const alive = await living();
    const stale = present.filter((id) => !alive.has(id));
    for (const sandboxId of stale) {
      this.options.log.info({ sandboxId }, 'unwiring a sandbox that is no more');
      await this.tearDown(sandboxId, undefined);
    }
    const leaked = [...holding].filter((id) => !alive.has(id) && !present.includes(id) && !this.attachments.has(id));
    for (const sandboxId of leaked) await this.release(sandboxId);
    if (!this.collected || stale.length + leaked.length > 0) await this.tellWhatLives();
    if (!this.collected) await this.check(alive);
    else await this.undoInterrupted(alive);
    this.collected = true;
  }

  /** Once more, at the second look: a plugin that outlived its agent may have been at work when its sandbox was unwired. */
  private async undoInterrupted(alive: ReadonlySet<string>): Promise<void> {
    for (const attachment of this.interrupted) {
      const { sandboxId } = attachment.pod;
      if (alive.has(sandboxId) || this.attachments.has(sandboxId)) continue;
      await this.delete(attachment, undefined, busyPlugins(attachment));
      await rm(this.path(sandboxId), { force: true });
    }
    this.interrupted = [];
  }

  /** An address of a sandbox that nothing else is known of any more. */
  private async release(sandboxId: string): Promise<void> {
    const { list } = this;
    if (!list) return;
    this.options.log.warn({ sandboxId, network: list.name }, 'giving back an address that nobody has');
    const pod = { sandboxId, netns: '', name: '', namespace: '', uid: '', portMappings: [] };
    await this.delete({ pod, list }, undefined, list.plugins);
  }

  /** Lets the plugins collect what they have kept of attachments that are no more. */
  private async tellWhatLives(): Promise<void> {
    const { list } = this;
    if (!list || list.disableGC || !isAtLeast(list.cniVersion, '1.1.0')) return;
    const valid = [...this.attachments].filter(([, attachment]) => attachment.list.name === list.name);
    const attachments = valid.map(([containerID]) => ({ containerID, ifname: INTERFACE }));
    for (const plugin of list.plugins) {
      const config = { ...listConfig(list, plugin), 'cni.dev/valid-attachments': attachments };
      await runPlugin({ command: 'GC' }, config, this.options.binDirectories).catch((error: Error) =>
        this.options.log.warn({ error: error.message }, 'a CNI plugin could not collect its garbage'),
      );
    }
  }

  /** Once for what agents before this one have wired. A pod whose network is said to be broken runs on: its probes judge it. */
  private async check(alive: ReadonlySet<string>): Promise<void> {
    for (const [sandboxId, attachment] of this.attachments) {
      const { list, result } = attachment;
      if (!result || !alive.has(sandboxId) || list.disableCheck || !isAtLeast(list.cniVersion, '0.4.0')) continue;
      try {
        for (const plugin of busyPlugins(attachment)) await this.run('CHECK', attachment, plugin, result);
      } catch (error) {
        const { namespace, name } = attachment.pod;
        const fields = { pod: `${namespace}/${name}`, sandboxId, error: (error as Error).message };
        this.options.log.warn(fields, "the pod's network is not as it was set up");
      }
    }
  }
}

function parseAttachment(text: string): Attachment | undefined {
  try {
    const value = JSON.parse(text) as Partial<Attachment> | null;
    return value?.pod && value.list ? (value as Attachment) : undefined;
  } catch {
    return undefined;
  }
}
