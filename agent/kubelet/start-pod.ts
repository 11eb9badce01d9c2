// The effects of starting: sandbox, images, volumes and containers, as much as possible at the same time.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Container, EphemeralContainer, Pod } from '../../src/kinds/types/core_v1.js';
import type { PodDns, PodSandboxConfig } from '../runtime/config.js';
import type { FirstStart, PodSandbox, RuntimePod } from '../runtime/runtime.js';
import { type ReadyVolume, setUpVolumes } from '../volumes/index.js';
import { VolumeError } from '../volumes/volume.js';
import { containerConfig } from './container-config.js';
import { containerPath } from './container-path.js';
import { ContainerConfigError, envNeedsPodIp } from './env.js';
import type { Graces } from './grace.js';
import { hostNetworkHosts, kernelHostname, podHosts } from './hosts.js';
import { ImageVolumes } from './image-volumes.js';
import { networkNotReady } from './node-status.js';
import { pullSecrets } from './pull-secrets.js';
import { dnsOverflow, formatResolvConf, parseResolvConf, podDns } from './resolv-conf.js';
import { sandboxConfig } from './sandbox-config.js';
import type { PodServices } from './services.js';
import { startContainer } from './start-container.js';
import { isStaticPod } from './static/mirror.js';
import type { PodActions, StartAction } from './sync-pod.js';
import { refusal } from './unsupported.js';
import { WaitingError } from './waiting.js';

export type StartFailure = (action: StartAction, error: WaitingError) => void;

interface Sandbox {
  /** As soon as it exists: containers can be created in it. */
  readonly id: Promise<string>;
  /** Once it is wired. */
  readonly ready: Promise<PodSandbox>;
  readonly config: PodSandboxConfig;
}

/** One round of starting a pod's containers. `failed` is told of each that could not, `started` of each that could. */
export class PodStart {
  constructor(
    private readonly pod: Pod,
    private readonly services: PodServices,
    private readonly cgroupParent: string,
    private readonly signal: AbortSignal,
    private readonly graces: Graces,
    private readonly failed: StartFailure,
    private readonly started: (action: StartAction) => void,
  ) {}

  /** Rejects where nothing of the pod can start: no sandbox, no volumes. Tells what there is of it now where there was nothing before. */
  async run(actions: PodActions, observed: RuntimePod): Promise<FirstStart | undefined> {
    const { dirs } = this.services;
    const starts = actions.start.filter((action) => this.mayStart(action));
    if (starts.length === 0) return undefined;
    await dirs.make(this.pod.metadata.uid);
    const [runtimeHandler, dns] = await Promise.all([this.runtimeHandler(), this.dns()]).catch((error) => {
      throw this.eventOf(error);
    });
    const sandbox = this.sandbox(actions, observed, dns, runtimeHandler);
    const files = this.writeFiles(dns);
    const volumes = this.volumes();
    const images = new ImageVolumes(this.pod, this.services, this.signal);
    const ready = Promise.all([sandbox.ready, files, this.whenServicesKnown()]).then(([wired]) => this.writeHosts(wired));
    const created = starts.map((action) =>
      settled(this.create(action, sandbox, ready, files, volumes, images, targetOf(action.container, observed))),
    );
    // All are awaited, so that nothing of this round is still under way when the next one begins.
    const outcomes = await Promise.all([settled(sandbox.ready), settled(volumes), settled(ready)]);
    const problem = outcomes.find((outcome) => outcome.error !== undefined)?.error;
    for (const [index, action] of starts.entries()) {
      const { value: containerId, error } = await created[index]!;
      if (problem !== undefined) continue;
      if (error !== undefined) this.report(action, error);
      else await this.start(action, containerId!, (await sandbox.ready).ips[0] ?? this.services.node.ips[0] ?? '');
    }
    await images.settled();
    if (problem !== undefined) throw this.eventOf(problem);
    if (observed.sandboxes.length + observed.containers.length > 0) return undefined;
    const containerIds = (await Promise.all(created)).flatMap(({ value }) => (value === undefined ? [] : [value]));
    return { sandbox: await sandbox.ready, containerIds };
  }

  /** Not while it backs off, and not with fields that this node cannot honour. */
  private mayStart(action: StartAction): boolean {
    const { events, restarts } = this.services;
    const { metadata, spec } = this.pod;
    const { container, last } = action;
    const path = containerPath(spec, container.name);
    const refused = refusal(spec, container);
    if (refused) {
      const error = new WaitingError('CreateContainerConfigError', refused);
      events.event(this.pod, 'Warning', 'Failed', `Error: ${error.message}`, path);
      this.failed(action, error);
      return false;
    }
    if (!last) return true;
    const key = restartKey(this.pod, action);
    const wait_ms = last.state === 'exited' ? restarts.remaining_ms(key, last.finishedAt_ms) : 0;
    const podName = `${metadata.name}_${metadata.namespace}(${metadata.uid})`;
    if (wait_ms > 0) {
      events.event(this.pod, 'Warning', 'BackOff', `Back-off restarting failed container ${container.name} in pod ${podName}`, path);
      const message = `back-off ${formatDelay(restarts.delay_ms(key))} restarting failed container=${container.name} pod=${podName}`;
      this.failed(action, new WaitingError('CrashLoopBackOff', message, wait_ms));
      return false;
    }
    restarts.next(key, last.finishedAt_ms || this.services.clock.now());
    return true;
  }

  private async runtimeHandler(): Promise<string | undefined> {
    const { runtimeClassName } = this.pod.spec;
    return runtimeClassName ? this.services.sources.runtimeHandler(runtimeClassName) : undefined;
  }

  private sandbox(actions: PodActions, observed: RuntimePod, dns: PodDns, runtimeHandler: string | undefined): Sandbox {
    const { runtime } = this.services;
    const existing = observed.sandboxes[0];
    if (!actions.createSandbox && existing) {
      const config = this.sandboxConfig(existing.attempt, dns, runtimeHandler);
      return { id: Promise.resolve(existing.id), ready: Promise.resolve(existing), config };
    }
    const config = this.sandboxConfig(actions.sandboxAttempt, dns, runtimeHandler);
    let created: (id: string) => void = () => undefined;
    const exists = new Promise<string>((resolve) => {
      created = resolve;
    });
    const ready = runtime.runPodSandbox(config, (id) => created(id));
    return { id: Promise.race([exists, ready.then(({ id }) => id)]), ready, config };
  }

  /** What the API server itself may need in order to come up does not wait for it. */
  private async whenServicesKnown(): Promise<void> {
    if (!isStaticPod(this.pod)) await this.services.sources.whenServicesKnown(this.signal);
  }

  private sandboxConfig(attempt: number, dns: PodDns, runtimeHandler: string | undefined): PodSandboxConfig {
    const { oomFloor, clusterDns } = this.services;
    const context = { oomFloor, clusterDomain: clusterDns.domain, cgroupParent: this.cgroupParent, dns };
    try {
      return sandboxConfig(this.pod, attempt, { ...context, ...(runtimeHandler === undefined ? {} : { runtimeHandler }) });
    } catch (error) {
      throw this.eventOf(error);
    }
  }

  private async dns(): Promise<PodDns> {
    const { clusterDns, resolvConf } = this.services;
    const { metadata, spec } = this.pod;
    return podDns(spec, metadata.namespace ?? '', clusterDns, parseResolvConf(readFileSync(resolvConf, 'utf8')));
  }

  private async writeFiles(dns: PodDns): Promise<void> {
    const { dirs, clusterDns } = this.services;
    const { metadata, spec } = this.pod;
    await dirs.touch(dirs.hosts(metadata.uid));
    for (const message of dnsOverflow(dns)) this.services.events.event(this.pod, 'Warning', 'DNSConfigForming', message);
    await dirs.write(dirs.resolvConf(metadata.uid), formatResolvConf(dns));
    await dirs.write(dirs.hostname(metadata.uid), `${spec.hostNetwork ? hostname() : kernelHostname(this.pod, clusterDns.domain)}\n`);
  }

  private async writeHosts(sandbox: PodSandbox): Promise<PodSandbox> {
    const { dirs, clusterDns } = this.services;
    const { metadata, spec } = this.pod;
    const text = spec.hostNetwork
      ? hostNetworkHosts(readFileSync('/etc/hosts', 'utf8'), spec)
      : podHosts(this.pod, sandbox.ips, clusterDns.domain);
    await dirs.write(dirs.hosts(metadata.uid), text);
    return sandbox;
  }

  private volumes(): Promise<ReadonlyMap<string, ReadyVolume>> {
    const { dirs, node, sources, metrics } = this.services;
    return setUpVolumes(dirs.pod(this.pod.metadata.uid), this.pod.spec.volumes ?? [], { pod: this.pod, node, sources, metrics });
  }

  /** Creates the container as soon as it can be, which is before its sandbox runs. */
  private async create(
    { container, attempt }: StartAction,
    sandbox: Sandbox,
    ready: Promise<PodSandbox>,
    files: Promise<void>,
    volumes: Promise<ReadonlyMap<string, ReadyVolume>>,
    ofImages: ImageVolumes,
    targetId: string | undefined,
  ): Promise<string> {
    const { runtime, images, sources, node, dirs, oomFloor, settings } = this.services;
    const ensured = pullSecrets(this.pod, sources).then((secrets) => images.ensure(this.pod, container, secrets, this.signal, volumes));
    const needed = [files, this.whenServicesKnown()];
    const [image, sandboxId, own, shown] = await Promise.all([ensured, sandbox.id, volumes, ofImages.of(container), ...needed]);
    const mounted = new Map([...own, ...shown]);
    const podIps = envNeedsPodIp(container) ? (this.pod.spec.hostNetwork ? node.ips : (await ready).ips) : [];
    const context = { pod: this.pod, podIps, image, volumes: mounted, node, sources, dirs, oomFloor, settings, targetId };
    const config = await containerConfig(container, attempt, context);
    try {
      return await runtime.createContainer(sandboxId, config, sandbox.config);
    } catch (error) {
      throw new WaitingError('CreateContainerError', (error as Error).message);
    }
  }

  private async start(action: StartAction, containerId: string, podIp: string): Promise<void> {
    const { pod, signal, graces } = this;
    if (signal.aborted) return;
    const started = () => this.started(action);
    await startContainer({ pod, action, containerId, podIp, signal, graces, started }, this.services).catch((error) =>
      this.report(action, error),
    );
  }

  private report(action: StartAction, error: unknown): void {
    if (this.signal.aborted) return;
    const waiting = toWaiting(error);
    if (!OWN_EVENTS.has(waiting.reason)) {
      const path = containerPath(this.pod.spec, action.container.name);
      this.services.events.event(this.pod, 'Warning', 'Failed', `Error: ${waiting.message}`, path);
    }
    this.failed(action, waiting);
  }

  private eventOf(problem: unknown): unknown {
    if (this.signal.aborted) return problem;
    const { message } = problem as Error;
    const network = this.pod.spec.hostNetwork ? undefined : this.services.runtime.networkNotReady();
    const tell = (reason: string, text: string) => this.services.events.event(this.pod, 'Warning', reason, text);
    if (problem instanceof VolumeError) for (const text of problem.each) tell('FailedMount', text);
    else if (network !== undefined) tell('NetworkNotReady', `network is not ready: ${networkNotReady(network)}`);
    else tell('FailedCreatePodSandBox', `Failed to create pod sandbox: ${message}`);
    return problem;
  }
}

/** Reasons whose events have been told where they came up. */
const OWN_EVENTS = new Set(['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName', 'PostStartHookError']);

/** A problem of the container's own; anything else is the engine's or the API's, which passes. */
function toWaiting(error: unknown): WaitingError {
  if (error instanceof WaitingError) return error;
  const reason = error instanceof ContainerConfigError ? 'CreateContainerConfigError' : 'CreateContainerError';
  return new WaitingError(reason, (error as Error).message);
}

export const restartKey = (pod: Pod, { container }: StartAction) => `${pod.metadata.uid}/${container.name}/${container.image}`;

/** Go's way to write whole seconds. */
function formatDelay(delay_ms: number): string {
  const seconds = Math.round(delay_ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** The running container that an ephemeral one looks into. */
function targetOf({ targetContainerName }: Container & Partial<EphemeralContainer>, { containers }: RuntimePod): string | undefined {
  return targetContainerName && containers.find(({ name, state }) => name === targetContainerName && state === 'running')?.id;
}

function settled<T>(promise: Promise<T>): Promise<{ value?: T; error?: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}
