// DEFAULT_OPTIONS: kube-controller-manager's own defaults, and so those of the flags.
import { POD_CIDR } from '../kinds/wellknown.js';
import type { ControllerOptions } from './define.js';

export const DEFAULT_OPTIONS = {
  nodeMonitorPeriod_ms: 5_000,
  nodeMonitorGracePeriod_ms: 40_000,
  nodeStartupGracePeriod_ms: 60_000,
  nodeEvictionRate: 0.1,
  secondaryNodeEvictionRate: 0.01,
  unhealthyZoneThreshold: 0.55,
  largeClusterSizeThreshold: 50,
  terminatedPodGcThreshold: 12_500,
  clusterCidr: POD_CIDR,
  nodeCidrMaskSize: 24,
  clusterSigningDuration_ms: 365 * 24 * 3_600_000,
  legacyTokenCleanUpPeriod_ms: 365 * 24 * 3_600_000,
  hpaSyncPeriod_ms: 15_000,
  hpaTolerance: 0.1,
  hpaDownscaleStabilization_ms: 300_000,
  hpaCpuInitializationPeriod_ms: 300_000,
  hpaInitialReadinessDelay_ms: 30_000,
} satisfies Partial<ControllerOptions>;
