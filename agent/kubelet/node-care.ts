// What a node does for itself: evicts pods where it runs short, collects images, and ends its pods before the machine goes down.
import type { ContainerImage } from '../../src/kinds/types/core_v1.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import { systemExec } from '../proxy/exec.js';
import type { ContainerRuntime } from '../runtime/runtime.js';
import { imagesMounted } from '../volumes/image.js';
import type { CgroupManager } from './cgroups/manager.js';
import { EvictionManager, type EvictionOptions } from './eviction/manager.js';
import { nodeSignals, type ReadSignals } from './eviction/signals.js';
import { PressureState, parseThresholds } from './eviction/thresholds.js';
import { ImageGc } from './image-gc.js';
import type { PodDirs } from './pod-dirs.js';
import { PodUsages } from './pod-usage.js';
import type { PodWorkers } from './pod-workers.js';
import type { PulledImages } from './pulled-images.js';
import { checkShutdown } from './shutdown/groups.js';
import { type Logind, systemdLogind } from './shutdown/logind.js';
import { ShutdownManager } from './shutdown/manager.js';

/** Upstream's. */
const EVICTION_MONITORING_PERIOD_MS = 10_000;

/** What a test has otherwise than the machine it runs on. */
export interface NodeCareSeams {
  /** What the node has left; absent: what the kernel says. */
  readonly signals?: ReadSignals;
  readonly evictionMonitoringPeriod_ms?: number;
  /** Absent: this machine's. */
  readonly logind?: Logind;
}

export interface NodeCareOptions
  extends NodeCareSeams,
    Pick<EvictionOptions, 'metrics' | 'events' | 'clock' | 'log' | 'stopping' | 'node' | 'changed'> {
  readonly settings: KubeletSettings;
  readonly dirs: PodDirs;
  readonly runtime: ContainerRuntime;
  readonly pulled: PulledImages;
}

export class NodeCare {
  private readonly eviction: EvictionManager;
  private readonly images: ImageGc;
  private readonly shutdown: ShutdownManager;

  /** Throws where a setting makes no sense. */
  constructor(private readonly options: NodeCareOptions) {
    const { settings, dirs } = options;
    checkShutdown(settings);
    const signals = options.signals ?? nodeSignals(dirs.root, imageDirectory(options.runtime));
    this.eviction = new EvictionManager({
      ...options,
      state: new PressureState(parseThresholds(settings), settings.evictionPressureTransitionPeriod),
      signals,
      interval_ms: options.evictionMonitoringPeriod_ms ?? EVICTION_MONITORING_PERIOD_MS,
      softGrace_s: settings.evictionMaxPodGracePeriod,
    });
    this.images = new ImageGc({
      ...options,
      disk: async () => (await signals()).get('imagefs.available'),
      mounted: async () => imagesMounted((await dirs.list()).map((uid) => dirs.pod(uid))),
    });
    this.shutdown = new ShutdownManager({ ...options, logind: options.logind ?? systemdLogind(systemExec) });
  }

  /** Looks once, before the node says how it is. */
  observe(): Promise<void> {
    return this.eviction.observe();
  }

  /** `MemoryPressure` and the like, while they last. */
  get pressures(): readonly string[] {
    return this.eviction.conditions;
  }

  get isShuttingDown(): boolean {
    return this.shutdown.isShuttingDown;
  }

  /** For the node's status. */
  listImages(): Promise<readonly ContainerImage[]> {
    return this.images.list();
  }

  /** Once the API's pods are known; goes on until the agent stops. */
  run(workers: PodWorkers, cgroups: CgroupManager): void {
    const { runtime, dirs } = this.options;
    const usages = new PodUsages({ cgroups, runtime, dirs, exec: systemExec });
    const reclaimDisk = async () => {
      await workers.removeDead();
      await this.images.removeUnused();
    };
    void this.eviction.run({ pods: workers, usages, reclaimDisk });
    void this.images.run();
    void this.shutdown.run(workers);
  }
}

/** It does not change while an engine runs, and an engine that hangs must not hold up who looks at memory. */
function imageDirectory(runtime: ContainerRuntime): () => Promise<string | undefined> {
  let known: string | undefined;
  return async () => (known ??= (await runtime.info().catch(() => undefined))?.rootDirectory);
}
