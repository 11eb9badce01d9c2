// What every pod's worker works with: the node's shared parts, handed in once.
import type { Clock, Random } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { Client } from '../../src/client/client.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { ProbeManager } from '../probes/manager.js';
import type { ContainerRuntime } from '../runtime/runtime.js';
import type { VolumeSources } from '../volumes/volume.js';
import type { Admission } from './admission.js';
import type { Backoff } from './backoff.js';
import type { CgroupManager } from './cgroups/manager.js';
import type { EnvSources } from './env.js';
import type { NodeFacts } from './field-path.js';
import type { ImageManager } from './image-manager.js';
import type { KubeletMetrics } from './metrics.js';
import type { PodDirs } from './pod-dirs.js';
import type { PodLogs } from './pod-logs.js';
import type { ResizePending } from './resize.js';
import type { ClusterDns } from './resolv-conf.js';
import type { StatusManager } from './status-manager.js';

/** Reads of API objects that pods refer to. */
export interface PodSources extends EnvSources, VolumeSources {
  /** What a RuntimeClass calls the runtime. Rejects where there is no such class. */
  runtimeHandler(runtimeClassName: string): Promise<string>;
  /** Resolves once Services are known: an environment made earlier would lack them for good. */
  whenServicesKnown(signal: AbortSignal): Promise<void>;
}

export interface PodServices {
  readonly runtime: ContainerRuntime;
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly statuses: StatusManager;
  readonly probes: ProbeManager;
  readonly metrics: KubeletMetrics;
  readonly images: ImageManager;
  /** Of containers that end: CrashLoopBackOff. */
  readonly restarts: Backoff;
  readonly dirs: PodDirs;
  readonly logs: PodLogs;
  readonly sources: PodSources;
  readonly node: NodeFacts;
  readonly settings: KubeletSettings;
  readonly clusterDns: ClusterDns;
  /** The node's own, which pods' are made from. */
  readonly resolvConf: string;
  /** The lowest OOM score that the runtime may set here. */
  readonly oomFloor: number;
  readonly cgroups: CgroupManager;
  /** Why the pod cannot have now what it asks for; undefined: it can. */
  cannotResize(pod: Pod): ResizePending | undefined;
  /** Whether the node takes the pod beside those that it has. */
  admit(pod: Pod, others: readonly Pod[]): Admission;
}
