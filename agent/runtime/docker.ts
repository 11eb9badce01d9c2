// The container runtime on the Docker Engine, as dockershim did it: a pause container holds each pod's namespaces.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { ContainerConfig, ContainerResources, PodSandboxConfig } from './config.js';
import { dockerAttach } from './docker-attach.js';
import { CommandLedger } from './docker-commands.js';
import { createContainer, removeContainer } from './docker-containers.js';
import { containerOptions, type LogSettings, resourceOptions } from './docker-create.js';
import { dial } from './docker-dial.js';
import { call } from './docker-errors.js';
import { dockerEvents } from './docker-events.js';
import { inspectDockerImage, listDockerImages, pullDockerImage, removeDockerImage } from './docker-images.js';
import { gracePeriodOf, LABEL_POD_NAME, LABEL_POD_NAMESPACE, LABEL_POD_UID, LABEL_TYPE, TYPE_SANDBOX } from './docker-names.js';
import { DockerPods, listLabelled } from './docker-pods.js';
import { dockerExec, dockerLogs } from './docker-process.js';
import { DockerRuns } from './docker-runs.js';
import { DockerSandboxes, netnsOf, type SandboxOptions } from './docker-sandboxes.js';
import { EarlyNews } from './early-news.js';
import { openNetnsDialer } from './netns-dialer.js';
import type { PodNetwork } from './network.js';
import {
  type ContainerRuntime,
  type ExecOptions,
  type FirstStart,
  type Image,
  type LogOptions,
  type PodDialer,
  type PodSandbox,
  type RegistryAuth,
  type RunningContainer,
  RuntimeError,
  type RuntimeEvent,
  type RuntimeInfo,
  type RuntimePod,
  type RuntimePodName,
  type RuntimeVersion,
} from './runtime.js';

/** An engine that does not say its version for so long is taken for dead. */
const VERSION_TIMEOUT_MS = 5_000;

export interface DockerRuntimeOptions extends SandboxOptions {
  /** `unix:///path` or `tcp://host:port`. */
  readonly endpoint: string;
  /** The socket of the containerd that the engine stands on; where none is, containers begin and end a little later. */
  readonly containerdSocket: string;
  readonly settings: LogSettings & Pick<KubeletSettings, 'runtimeRequestTimeout'>;
  /** Where it keeps what an agent after this one must know. */
  readonly stateDirectory: string;
}

interface EngineInfo {
  readonly CgroupDriver?: string;
  readonly CgroupVersion?: string;
  readonly DockerRootDir: string;
}

export class DockerRuntime implements ContainerRuntime {
  private readonly docker: Docker;
  /** For what takes as long as it is told to. */
  private readonly patient: Docker;
  private readonly network: PodNetwork;
  private readonly news = new EarlyNews();
  private readonly sandboxes: DockerSandboxes;
  private readonly pods: DockerPods;

  private readonly commands: CommandLedger;
  private readonly runs: DockerRuns;

  constructor(private readonly options: DockerRuntimeOptions) {
    const connectTo = connection(options.endpoint);
    // Until the answer's first byte, whatever its name: streams are not cut. The client's types do not know it.
    const patience = { connectionTimeout: options.settings.runtimeRequestTimeout };
    this.docker = new Docker({ ...connectTo, ...patience });
    this.patient = new Docker(connectTo);
    this.network = options.network;
    this.sandboxes = new DockerSandboxes(this.docker, options, this.news);
    this.pods = new DockerPods(this.docker, this.sandboxes, this.news);
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

  runPodSandbox(config: PodSandboxConfig, created?: (sandboxId: string) => void): Promise<PodSandbox> {
    return this.sandboxes.run(config, created);
  }

  stopPodSandbox(sandboxId: string): Promise<void> {
    return this.sandboxes.stop(sandboxId);
  }

  removePodSandbox(sandboxId: string): Promise<void> {
    return removeContainer(this.docker, sandboxId);
  }

  createContainer(sandboxId: string, config: ContainerConfig, sandbox: PodSandboxConfig): Promise<string> {
    return createContainer(this.docker, containerOptions(sandboxId, config, sandbox, this.options.settings));
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

  removeContainer(containerId: string): Promise<void> {
    return removeContainer(this.docker, containerId);
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
    const listed = await listLabelled(this.docker, LABEL_TYPE);
    const byUid = new Map<string, RuntimePodName>();
    for (const { Labels: labels } of listed) {
      const uid = labels[LABEL_POD_UID];
      if (!uid) continue;
      const name = labels[LABEL_POD_NAME] ?? '';
      byUid.set(uid, { uid, name, namespace: labels[LABEL_POD_NAMESPACE] ?? '', terminationGracePeriod_s: gracePeriodOf(labels) });
    }
    return [...byUid.values()];
  }

  podStatus(podUid: string, first?: FirstStart): Promise<RuntimePod> {
    return this.pods.status(podUid, first);
  }

  podStatusWith(podUid: string, containerId: string): Promise<RuntimePod | undefined> {
    return this.pods.statusWith(podUid, containerId);
  }

  async running(): Promise<readonly RunningContainer[]> {
    return this.runs.of(await call(this.docker.listContainers({ filters: { label: [LABEL_TYPE] } })));
  }

  events(signal: AbortSignal, opened?: () => void) {
    return dockerEvents(this.docker, signal, opened);
  }

  deaths(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    return this.pods.deaths(this.options.containerdSocket, signal);
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
      const listed = await listLabelled(this.docker, `${LABEL_TYPE}=${TYPE_SANDBOX}`);
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

function connection(endpoint: string): Docker.DockerOptions {
  if (endpoint.startsWith('unix://')) return { socketPath: endpoint.slice('unix://'.length) };
  const url = new URL(endpoint);
  return { host: url.hostname, port: Number(url.port || 2375), protocol: 'http' };
}
