// The container runtime on the Docker Engine, as dockershim did it: a pause container holds each pod's namespaces.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import { dockerAttach } from './docker-attach.js';
import { CommandLedger } from './docker-commands.js';
import { containerOptions, type LogSettings, resourceOptions, sandboxOptions } from './docker-create.js';
import { dial } from './docker-dial.js';
import { call } from './docker-errors.js';
import { dockerEvents } from './docker-events.js';
import { inspectDockerImage, listDockerImages, pullDockerImage, removeDockerImage } from './docker-images.js';
import { attemptOf, gracePeriodOf, LABEL_POD_NAME, LABEL_POD_NAMESPACE, LABEL_POD_UID, LABEL_TYPE, TYPE_SANDBOX } from './docker-names.js';
import { dockerExec, dockerLogs } from './docker-process.js';
import { DockerRuns } from './docker-runs.js';
import { containerFrom } from './docker-status.js';
import { EarlyNews } from './early-news.js';
import { openNetnsDialer } from './netns-dialer.js';
import type { PodNetwork } from './network.js';
import {
  type ContainerConfig,
  type ContainerResources,
  type ContainerRuntime,
  type ExecOptions,
  type Image,
  type LogOptions,
  type PodDialer,
  type PodSandbox,
  type PodSandboxConfig,
  type RegistryAuth,
  type RunningContainer,
  type RuntimeContainer,
  RuntimeError,
  type RuntimeEvent,
  type RuntimeInfo,
  type RuntimePod,
  type RuntimePodName,
  type RuntimeVersion,
} from './runtime.js';

/** An engine that does not say its version for so long is taken for dead. */
const VERSION_TIMEOUT_MS = 5_000;

export interface DockerRuntimeOptions {
  /** `unix:///path` or `tcp://host:port`. */
  readonly endpoint: string;
  /** The socket of the containerd that the engine stands on; where none is, containers begin and end a little later. */
  readonly containerdSocket: string;
  readonly pauseImage: string;
  readonly network: PodNetwork;
  readonly settings: LogSettings & Pick<KubeletSettings, 'runtimeRequestTimeout'>;
  /** Where it keeps what an agent after this one must know. */
  readonly stateDirectory: string;
  readonly clock: Clock;
}

interface EngineInfo {
  readonly CgroupDriver?: string;
  readonly CgroupVersion?: string;
  readonly DockerRootDir: string;
}

/** One entry of a listing; the times and the rest come from inspection. */
type Listed = Docker.ContainerInfo;

export class DockerRuntime implements ContainerRuntime {
  private readonly docker: Docker;
  /** For what takes as long as it is told to. */
  private readonly patient: Docker;
  private readonly network: PodNetwork;
  /** Pods as they were looked at last: what has exited no longer changes, so it is inspected once. Forgotten when nothing of a pod is listed. */
  private readonly looked = new Map<string, RuntimePod>();
  private readonly news = new EarlyNews();

  private readonly commands: CommandLedger;
  private readonly runs: DockerRuns;

  constructor(private readonly options: DockerRuntimeOptions) {
    const connectTo = connection(options.endpoint);
    // Until the answer's first byte, whatever its name: streams are not cut. The client's types do not know it.
    const patience = { connectionTimeout: options.settings.runtimeRequestTimeout };
    this.docker = new Docker({ ...connectTo, ...patience });
    this.patient = new Docker(connectTo);
    this.network = options.network;
    this.runs = new DockerRuns(this.docker);
    this.commands = new CommandLedger(join(options.stateDirectory, 'commands'));
  }

  async version(): Promise<RuntimeVersion> {
    const abortSignal = AbortSignal.timeout(VERSION_TIMEOUT_MS);
    const answer = await dial<Docker.DockerVersion>(this.docker, { path: '/version', method: 'GET', abortSignal });
    const { Version: version, ApiVersion: apiVersion } = answer;
    return { name: 'docker', version, apiVersion };
  }

  async info(): Promise<RuntimeInfo> {
    const abortSignal = AbortSignal.timeout(VERSION_TIMEOUT_MS);
    const info = await dial<EngineInfo>(this.docker, { path: '/info', method: 'GET', abortSignal });
    return {
      cgroupDriver: info.CgroupDriver === 'systemd' ? 'systemd' : 'cgroupfs',
      // Engines before 20.10 know only the one, and do not say so.
      cgroupVersion: info.CgroupVersion === '2' ? 2 : 1,
      rootDirectory: info.DockerRootDir,
    };
  }

  networkNotReady(): string | undefined {
    return this.network.notReady();
  }

  async runPodSandbox(config: PodSandboxConfig, created?: (sandboxId: string) => void): Promise<PodSandbox> {
    if (!config.hostNetwork) await this.network.whenReady();
    const createdAt_ms = this.options.clock.now();
    const options = sandboxOptions(config, this.options.pauseImage, this.options.settings);
    const id = await this.create(options).catch(async (error: unknown) => {
      if (error instanceof RuntimeError && UNKNOWN_RUNTIME.test(error.message)) {
        throw new RuntimeError(error.code, `failed to get sandbox runtime: no runtime for "${config.runtimeHandler}" is configured`);
      }
      if (!(error instanceof RuntimeError) || error.code !== 404) throw error;
      await pullDockerImage(this.docker, this.options.pauseImage, undefined, this.options.clock, new AbortController().signal);
      return this.create(options);
    });
    try {
      created?.(id);
      const started = call(this.docker.getContainer(id).start());
      const ips = config.hostNetwork ? [] : await this.wire(id, started, config);
      await started;
      return { id, attempt: config.attempt, ready: true, createdAt_ms, ips };
    } catch (error) {
      await this.undo(id, error);
      throw error;
    }
  }

  /** From when its namespaces are there on, which is before it has started. */
  private async wire(id: string, started: Promise<void>, config: PodSandboxConfig): Promise<readonly string[]> {
    const told = await Promise.race([this.news.processOf(id, started), started.then(() => undefined)]);
    const pid = told ?? (await call(this.docker.getContainer(id).inspect())).State.Pid;
    try {
      return await this.setUpNetwork(id, pid, config);
    } finally {
      // Nothing is under way any more when what has failed is undone.
      await started;
    }
  }

  private setUpNetwork(id: string, pid: number, config: PodSandboxConfig): Promise<readonly string[]> {
    const { name, namespace, uid, portMappings, bandwidth, dns, annotations, cgroupParent } = config;
    return this.network.setUp({
      sandboxId: id,
      netns: netnsOf(pid),
      ...{ name, namespace, uid, portMappings },
      ...(bandwidth && { bandwidth }),
      ...(dns && { dns }),
      ...(annotations && { annotations }),
      ...(cgroupParent === undefined ? {} : { cgroupParent }),
    });
  }

  private async undo(sandboxId: string, cause: unknown): Promise<void> {
    try {
      await this.stopPodSandbox(sandboxId);
      await this.removePodSandbox(sandboxId);
    } catch (error) {
      throw new RuntimeError(500, `${(cause as Error).message}; and undoing it failed: ${(error as Error).message}`);
    }
  }

  async stopPodSandbox(sandboxId: string): Promise<void> {
    const container = this.docker.getContainer(sandboxId);
    const info = await call(container.inspect(), 404);
    // Only of a running one is the process ID still its own.
    await this.network.tearDown(sandboxId, info?.State.Running ? netnsOf(info.State.Pid) : undefined);
    // 409: it is not running.
    if (info?.State.Running) await call(container.kill(), 404, 409);
  }

  removePodSandbox(sandboxId: string): Promise<void> {
    return this.removeContainer(sandboxId);
  }

  createContainer(sandboxId: string, config: ContainerConfig, sandbox: PodSandboxConfig): Promise<string> {
    return this.create(containerOptions(sandboxId, config, sandbox, this.options.settings));
  }

  /** A name can be taken by what an agent that was killed had just created: that one never ran, and makes way. */
  private async create(options: Docker.ContainerCreateOptions): Promise<string> {
    try {
      return (await call(this.docker.createContainer(options))).id;
    } catch (error) {
      const holder = error instanceof RuntimeError && error.code === 409 ? /by container "?([0-9a-f]{12,64})/.exec(error.message) : null;
      if (!holder) throw error;
      await call(this.docker.getContainer(holder[1]!).remove({ v: true }), 404);
      return (await call(this.docker.createContainer(options))).id;
    }
  }

  async startContainer(containerId: string): Promise<void> {
    await call(this.docker.getContainer(containerId).start(), 304);
  }

  async updateContainer(containerId: string, resources: ContainerResources): Promise<void> {
    await call(this.docker.getContainer(containerId).update(resourceOptions(resources)));
  }

  async stopContainer(containerId: string, gracePeriod_s: number): Promise<void> {
    const abortSignal = AbortSignal.timeout(gracePeriod_s * 1000 + this.options.settings.runtimeRequestTimeout);
    await call(this.patient.getContainer(containerId).stop({ t: gracePeriod_s, abortSignal }), 304, 404);
  }

  async removeContainer(containerId: string): Promise<void> {
    // A removal that is already under way is a conflict: it may fail yet, so whoever asks again learns how it ended.
    await call(this.docker.getContainer(containerId).remove({ v: true, force: true }), 404);
  }

  async diskUsage_bytes(containerId: string): Promise<number> {
    const path = `/containers/${containerId}/json?`;
    const options = { size: true };
    const info = await call(
      dial<Docker.ContainerInspectInfo & { readonly SizeRw?: number }>(this.docker, { path, method: 'GET', options }),
      404,
    );
    if (!info) return 0;
    return (info.SizeRw ?? 0) + (await logSize_bytes(info.LogPath));
  }

  async listPods(): Promise<readonly RuntimePodName[]> {
    const listed = await this.list(`${LABEL_TYPE}`);
    const byUid = new Map<string, RuntimePodName>();
    for (const { Labels: labels } of listed) {
      const uid = labels[LABEL_POD_UID];
      if (!uid) continue;
      const name = labels[LABEL_POD_NAME] ?? '';
      byUid.set(uid, { uid, name, namespace: labels[LABEL_POD_NAMESPACE] ?? '', terminationGracePeriod_s: gracePeriodOf(labels) });
    }
    return [...byUid.values()];
  }

  private list(label: string): Promise<Listed[]> {
    return call(this.docker.listContainers({ all: true, filters: { label: [label] } }));
  }

  async podStatus(podUid: string): Promise<RuntimePod> {
    const listed = await this.list(`${LABEL_POD_UID}=${podUid}`);
    const isSandbox = ({ Labels: labels }: Listed) => labels[LABEL_TYPE] === TYPE_SANDBOX;
    const sandboxes = listed.filter(isSandbox).map((entry) => this.sandboxFrom(entry));
    const known = this.looked.get(podUid)?.containers.filter(({ id, state }) => state === 'exited' && !this.news.hasEnded(id)) ?? [];
    const details = ({ Id, State }: Listed) => (State === 'running' ? undefined : known.find(({ id }) => id === Id)) ?? this.inspect(Id);
    const inspected = await Promise.all(listed.filter((entry) => !isSandbox(entry)).map(details));
    const pod: RuntimePod = {
      sandboxes: sandboxes.sort((a, b) => b.attempt - a.attempt || b.createdAt_ms - a.createdAt_ms),
      containers: inspected.filter((container) => container !== undefined).sort((a, b) => b.createdAt_ms - a.createdAt_ms),
    };
    if (listed.length > 0) this.looked.set(podUid, pod);
    else this.looked.delete(podUid);
    return pod;
  }

  async podStatusWith(podUid: string, containerId: string): Promise<RuntimePod | undefined> {
    const isIt = ({ id }: RuntimeContainer) => id === containerId;
    const last = this.looked.get(podUid)?.containers.find(isIt);
    if (last?.state !== 'running') return undefined;
    const now = this.news.hasEnded(containerId) ? this.news.applyTo(last) : await this.inspect(containerId);
    const before = this.looked.get(podUid);
    if (!now || !before) return undefined;
    const pod = { ...before, containers: before.containers.map((container) => (isIt(container) ? now : container)) };
    this.looked.set(podUid, pod);
    return pod;
  }

  async running(): Promise<readonly RunningContainer[]> {
    return this.runs.of(await call(this.docker.listContainers({ filters: { label: [LABEL_TYPE] } })));
  }

  /** A sandbox that an agent was killed over before its network was there is not ready, though it runs. */
  private sandboxFrom(entry: Listed): PodSandbox {
    const ips = this.network.ips(entry.Id);
    const wired = entry.HostConfig.NetworkMode === 'host' || ips.length > 0;
    return {
      id: entry.Id,
      attempt: attemptOf(entry.Labels),
      ready: entry.State === 'running' && wired,
      createdAt_ms: entry.Created * 1000,
      ips,
    };
  }

  private async inspect(id: string): Promise<RuntimeContainer | undefined> {
    const info = await call(this.docker.getContainer(id).inspect(), 404);
    return info && this.news.applyTo(containerFrom(info));
  }

  events(signal: AbortSignal, opened?: () => void) {
    return dockerEvents(this.docker, signal, opened);
  }

  async *deaths(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    for await (const containerId of this.news.follow(this.options.containerdSocket, signal)) {
      for (const [podUid, { containers }] of this.looked) {
        const last = containers.find(({ id }) => id === containerId);
        // Its last words are in its log once the engine is through with it.
        if (last?.state === 'running' && last.terminationMessagePolicy === 'File') yield { type: 'died', podUid, containerId };
      }
    }
  }

  async logs(containerId: string, options: LogOptions): Promise<Readable> {
    // Whoever sees that it has ended finds all of its log.
    if (this.news.hasEnded(containerId)) await call(this.docker.getContainer(containerId).wait({ condition: 'not-running' }), 404);
    return dockerLogs(this.docker, this.patient, containerId, options);
  }

  exec(containerId: string, options: ExecOptions) {
    return dockerExec(this.docker, { clock: this.options.clock, commands: this.commands }, containerId, options);
  }

  attach(containerId: string) {
    return dockerAttach(this.docker, this.options.clock, containerId);
  }

  async dialer(sandboxId: string): Promise<PodDialer> {
    const info = await call(this.docker.getContainer(sandboxId).inspect());
    if (!info.State.Running) throw new RuntimeError(409, `sandbox ${sandboxId} is not running`);
    return openNetnsDialer(netnsOf(info.State.Pid));
  }

  endOrphanedCommands(): Promise<void> {
    return this.commands.endOthers(this.docker, this.options.clock);
  }

  inspectImage(reference: string): Promise<Image | undefined> {
    return inspectDockerImage(this.docker, reference);
  }

  async listImages(): Promise<readonly Image[]> {
    const images = await listDockerImages(this.docker);
    return images.map((image) => (image.tags.includes(this.options.pauseImage) ? { ...image, pinned: true } : image));
  }

  async imagesInUse(): Promise<ReadonlySet<string>> {
    const all = await call(this.docker.listContainers({ all: true }));
    return new Set(all.map(({ ImageID: id }) => id));
  }

  removeImage(image: Image): Promise<void> {
    return removeDockerImage(this.docker, image);
  }

  pullImage(reference: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<void> {
    return pullDockerImage(this.docker, reference, auth, this.options.clock, signal);
  }

  collectNetworkGarbage(): Promise<void> {
    return this.network.collectGarbage(async () => {
      const listed = await this.list(`${LABEL_TYPE}=${TYPE_SANDBOX}`);
      return new Set(listed.map(({ Id: id }) => id));
    });
  }
}

/** With the rotated ones beside it. */
async function logSize_bytes(path: string): Promise<number> {
  if (!path) return 0;
  const names = await readdir(dirname(path)).catch(() => []);
  const logs = names.filter((name) => name.startsWith(basename(path)));
  const sizes = logs.map((name) =>
    stat(join(dirname(path), name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** As engines have said it over the years. */
const UNKNOWN_RUNTIME = /unknown (or invalid )?runtime/i;

const netnsOf = (pid: number) => `/proc/${pid}/ns/net`;

function connection(endpoint: string): Docker.DockerOptions {
  if (endpoint.startsWith('unix://')) return { socketPath: endpoint.slice('unix://'.length) };
  const url = new URL(endpoint);
  return { host: url.hostname, port: Number(url.port || 2375), protocol: 'http' };
}
