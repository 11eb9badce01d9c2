// DockerSandboxes: the pause container that holds a pod's namespaces, and its way into the pod network.
import type Docker from 'dockerode';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { PodSandboxConfig } from './config.js';
import { createContainer, removeContainer } from './docker-containers.js';
import { type LogSettings, sandboxOptions } from './docker-create.js';
import { call } from './docker-errors.js';
import { pullDockerImage } from './docker-images.js';
import { attemptOf } from './docker-names.js';
import type { EarlyNews } from './early-news.js';
import type { PodNetwork } from './network.js';
import { type PodSandbox, RuntimeError } from './runtime.js';

/** As engines have said it over the years. */
const UNKNOWN_RUNTIME = /unknown (or invalid )?runtime/i;

export const netnsOf = (pid: number) => `/proc/${pid}/ns/net`;

export interface SandboxOptions {
  readonly pauseImage: string;
  readonly network: PodNetwork;
  readonly settings: LogSettings;
  readonly clock: Clock;
}

export class DockerSandboxes {
  constructor(
    private readonly docker: Docker,
    private readonly options: SandboxOptions,
    private readonly news: EarlyNews,
  ) {}

  async run(config: PodSandboxConfig, created?: (sandboxId: string) => void): Promise<PodSandbox> {
    if (!config.hostNetwork) await this.options.network.whenReady();
    const createdAt_ms = this.options.clock.now();
    const options = sandboxOptions(config, this.options.pauseImage, this.options.settings);
    const id = await createContainer(this.docker, options).catch(async (error: unknown) => {
      if (error instanceof RuntimeError && UNKNOWN_RUNTIME.test(error.message)) {
        throw new RuntimeError(error.code, `failed to get sandbox runtime: no runtime for "${config.runtimeHandler}" is configured`);
      }
      if (!(error instanceof RuntimeError) || error.code !== 404) throw error;
      await pullDockerImage(this.docker, this.options.pauseImage, undefined, this.options.clock, new AbortController().signal);
      return createContainer(this.docker, options);
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
    return this.options.network.setUp({
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
      await this.stop(sandboxId);
      await removeContainer(this.docker, sandboxId);
    } catch (error) {
      throw new RuntimeError(500, `${(cause as Error).message}; and undoing it failed: ${(error as Error).message}`);
    }
  }

  async stop(sandboxId: string): Promise<void> {
    const container = this.docker.getContainer(sandboxId);
    const info = await call(container.inspect(), 404);
    // Only of a running one is the process ID still its own.
    await this.options.network.tearDown(sandboxId, info?.State.Running ? netnsOf(info.State.Pid) : undefined);
    // 409: it is not running.
    if (info?.State.Running) await call(container.kill(), 404, 409);
  }

  /** A sandbox that an agent was killed over before its network was there is not ready, though it runs. */
  from(entry: Docker.ContainerInfo): PodSandbox {
    const ips = this.options.network.ips(entry.Id);
    const wired = entry.HostConfig.NetworkMode === 'host' || ips.length > 0;
    return {
      id: entry.Id,
      attempt: attemptOf(entry.Labels),
      ready: entry.State === 'running' && wired,
      createdAt_ms: entry.Created * 1000,
      ips,
    };
  }
}
