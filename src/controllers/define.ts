// defineController: the shape of a control loop. One controller, one file; index.ts lists them; manager.ts runs them.
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import type { KubeObject } from '../apimachinery/object.js';
import type { Client } from '../client/client.js';
import type { EventRecorder } from '../client/events.js';
import type { AnyKind, Input, Kind, Lister, MappedInput, Output } from '../kinds/define.js';

/**
 * What a reconcile has to work with. Reads come from informer caches that have seen this key's own earlier writes: the
 * manager waits for them, so no controller keeps expectations.
 */
export interface ReconcileContext extends Lister {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly options: ControllerOptions;
  /**
   * What `owner` controls and what nobody in its namespace does: all that it could own. By an index, since among thousands of pods of a namespace
   * each owner has few.
   */
  claimable<T extends KubeObject>(kind: Kind<T>, owner: KubeObject): readonly T[];
}

/** Flags of kube-controller-manager that reconcilers go by, in their upstream meaning. */
export interface ControllerOptions {
  readonly nodeMonitorPeriod_ms: number;
  readonly nodeMonitorGracePeriod_ms: number;
  /** Of a node that has never reported. */
  readonly nodeStartupGracePeriod_ms: number;
  /** Nodes of a zone that begin to be emptied in a second; the secondary rate is for large zones of which most is down. */
  readonly nodeEvictionRate: number;
  readonly secondaryNodeEvictionRate: number;
  /** The share of a zone that is down from which on it is not well. */
  readonly unhealthyZoneThreshold: number;
  /** Of no more nodes a zone is small: nothing is evicted while most of it is down. */
  readonly largeClusterSizeThreshold: number;
  /** So many pods that are over are kept; 0: all. */
  readonly terminatedPodGcThreshold: number;
  readonly clusterCidr: string;
  /** Addresses of Services besides those of ServiceCIDRs: no node's pods get any of them. */
  readonly serviceClusterIpRange?: string;
  readonly nodeCidrMaskSize: number;
  readonly clusterSigningDuration_ms: number;
  /** Unused for so long, a token that was made for a ServiceAccount is marked, and as long after that deleted. */
  readonly legacyTokenCleanUpPeriod_ms: number;
  readonly hpaSyncPeriod_ms: number;
  readonly hpaTolerance: number;
  readonly hpaDownscaleStabilization_ms: number;
  readonly hpaCpuInitializationPeriod_ms: number;
  readonly hpaInitialReadinessDelay_ms: number;
  /** How many keys at once, by controller, where that is not the controller's own number. */
  readonly concurrentSyncs?: { readonly [controller: string]: number };
  /** PEM of the cluster's CA, which signs certificate signing requests. */
  readonly clusterSigningCert: string;
  readonly clusterSigningKey: string;
  /** PEM, published to every namespace: by it pods know the API server. */
  readonly rootCa: string;
  /** PEM, signs the tokens that are kept in Secrets; absent: none are made. */
  readonly serviceAccountPrivateKey?: string;
}

export interface ReconcileResult {
  /** Reconcile this key again after so long, even if nothing changes. */
  readonly requeueAfter_ms?: number;
}

export interface ControllerDefinition {
  /** Upstream's controller name without `-controller`. */
  readonly name: string;
  readonly inputs: readonly Input[];
  /** Takes every kind that is defined at run time as an input, too. */
  readonly customInputs?: (kind: AnyKind) => MappedInput;
  readonly outputs: readonly Output[];
  /** The ServiceAccount of kube-system that it writes as; `<name>-controller` if absent, null: the controller manager's own user. */
  readonly serviceAccount?: string | null;
  /** Who its events are from, as `kubectl describe` names it; `<name>-controller` if absent. */
  readonly eventSource?: string;
  /** How many keys at once; 5 if absent, as upstream's. One key is never reconciled twice at the same time. */
  readonly concurrency?: number;
  /** Makes what is (caches) what should be, for one key. Must be idempotent; a rejection is retried with back-off. */
  reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | void>;
}

export const defineController = (definition: ControllerDefinition): ControllerDefinition => definition;
