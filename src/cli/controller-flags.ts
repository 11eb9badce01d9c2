// The flags of every command that runs controllers, upstream's names.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { cidrHasCidr, requireCidr } from '../apimachinery/cidr.js';
import { formatDuration } from '../apimachinery/duration.js';
import { DEFAULT_OPTIONS } from '../controllers/default-options.js';
import type { ControllerOptions } from '../controllers/define.js';
import { DEFAULT_CONTROLLERS } from '../controllers/switches.js';
import { POD_CIDR } from '../kinds/wellknown.js';
import { type ElectionFlags, withElectionFlags } from './election-flags.js';
import { bool, cidr, duration_ms, list, maskSize, notNegative, positiveDuration_ms, positiveNumber, share, wholeNumber } from './flags.js';

/** Upstream's name of the Lease. */
export const CONTROLLER_LEASE = 'kube-controller-manager';

/** How many keys a controller works on at once: the flag, the controller, and the controller's own number. */
export const SYNC_FLAGS: readonly (readonly [flag: string, controller: string, its: number])[] = [
  ['--concurrent-cron-job-syncs', 'cronjob', 5],
  ['--concurrent-daemonset-syncs', 'daemonset', 2],
  ['--concurrent-deployment-syncs', 'deployment', 5],
  ['--concurrent-endpoint-syncs', 'endpoints', 5],
  ['--concurrent-ephemeralvolume-syncs', 'ephemeral-volume', 5],
  ['--concurrent-gc-syncs', 'garbage-collector', 20],
  ['--concurrent-horizontal-pod-autoscaler-syncs', 'horizontal-pod-autoscaler', 5],
  ['--concurrent-job-syncs', 'job', 5],
  ['--concurrent-namespace-syncs', 'namespace', 10],
  ['--concurrent-rc-syncs', 'replicationcontroller', 5],
  ['--concurrent-replicaset-syncs', 'replicaset', 5],
  ['--concurrent-resource-quota-syncs', 'resourcequota', 5],
  ['--concurrent-service-endpoint-syncs', 'endpointslice', 5],
  ['--concurrent-serviceaccount-token-syncs', 'serviceaccount-token', 5],
  ['--concurrent-statefulset-syncs', 'statefulset', 5],
  ['--concurrent-ttl-after-finished-syncs', 'ttl-after-finished', 5],
  ['--concurrent-validating-admission-policy-status-syncs', 'validatingadmissionpolicy-status', 5],
  ['--mirroring-concurrent-service-endpoint-syncs', 'endpointslice-mirroring', 5],
];

/** Those that are one setting each. */
const SETTING_FLAGS: readonly (readonly [flag: string, what: string, parse: (text: string) => unknown, setting: Setting])[] = [
  ['--cluster-cidr <cidr>', 'addresses of pods', podRange, 'clusterCidr'],
  ['--node-cidr-mask-size <bits>', "length of each node's part of them", maskSize, 'nodeCidrMaskSize'],
  ['--node-monitor-period <duration>', 'how often the health of nodes is looked at', positiveDuration_ms, 'nodeMonitorPeriod_ms'],
  ['--node-monitor-grace-period <duration>', 'silence after which a node is not ready', positiveDuration_ms, 'nodeMonitorGracePeriod_ms'],
  ['--node-startup-grace-period <duration>', 'the same of one that never reported', positiveDuration_ms, 'nodeStartupGracePeriod_ms'],
  ['--node-eviction-rate <n>', 'nodes of a zone that begin to be emptied in a second', notNegative, 'nodeEvictionRate'],
  ['--secondary-node-eviction-rate <n>', 'the same while a large zone is not well', notNegative, 'secondaryNodeEvictionRate'],
  ['--unhealthy-zone-threshold <share>', 'share of nodes down by which a zone is not well', share, 'unhealthyZoneThreshold'],
  ['--large-cluster-size-threshold <n>', 'no more nodes: a small zone, not emptied then', wholeNumber, 'largeClusterSizeThreshold'],
  ['--terminated-pod-gc-threshold <n>', 'so many pods that are over are kept; 0: all', wholeNumber, 'terminatedPodGcThreshold'],
  ['--cluster-signing-duration <duration>', 'how long signed certificates are valid', positiveDuration_ms, 'clusterSigningDuration_ms'],
  [
    '--legacy-service-account-token-clean-up-period <duration>',
    'how long the token of a ServiceAccount is unused before it is marked',
    positiveDuration_ms,
    'legacyTokenCleanUpPeriod_ms',
  ],
  ['--horizontal-pod-autoscaler-sync-period <duration>', 'how often metrics are asked', positiveDuration_ms, 'hpaSyncPeriod_ms'],
  ['--horizontal-pod-autoscaler-tolerance <share>', 'deviation from the target that is let be', notNegative, 'hpaTolerance'],
  [
    '--horizontal-pod-autoscaler-downscale-stabilization <duration>',
    'how long more replicas that were wanted hold up fewer',
    duration_ms,
    'hpaDownscaleStabilization_ms',
  ],
  [
    '--horizontal-pod-autoscaler-cpu-initialization-period <duration>',
    'how long the CPU use of a pod that starts is believed only while it is ready',
    duration_ms,
    'hpaCpuInitializationPeriod_ms',
  ],
  [
    '--horizontal-pod-autoscaler-initial-readiness-delay <duration>',
    'how soon after its start a pod that ceases to be ready has never been it',
    duration_ms,
    'hpaInitialReadinessDelay_ms',
  ],
];

type Setting = keyof typeof DEFAULT_OPTIONS;

export interface ControllerFlags extends ElectionFlags {
  readonly controllers?: readonly string[];
  readonly allocateNodeCidrs: boolean;
}

export function withControllerFlags(command: Command): Command {
  withElectionFlags(command, CONTROLLER_LEASE)
    .option(
      '--controllers <names>',
      `which controllers run, with commas between: * all that are on by default, NAME that one, -NAME not that one; empty: none (default: ${DEFAULT_CONTROLLERS})`,
      list,
    )
    .option('--allocate-node-cidrs [bool]', 'whether each node is given its part of the addresses of pods', bool, true);
  for (const [flag, what, parse, setting] of SETTING_FLAGS) {
    const value = DEFAULT_OPTIONS[setting];
    const shown = setting.endsWith('_ms') ? formatDuration(Number(value)) : String(value);
    command.addOption(new Option(flag, what).argParser(parse).default(value, shown));
  }
  for (const [flag, controller, its] of SYNC_FLAGS)
    command.option(`${flag} <n>`, `how many keys ${controller} works on at once (default: ${its})`, positiveNumber);
  return command;
}

/** Agents make routes and rules for the usual range only, so a cluster's must lie in it. */
function podRange(text: string): string {
  const [range, usual] = [requireCidr(cidr(text)), requireCidr(POD_CIDR)];
  if (!cidrHasCidr(usual, range)) {
    throw new InvalidArgumentError(`it must lie in ${POD_CIDR}: nodes make routes and rules for no other pods.`);
  }
  return text;
}

/** Which controllers are on, by `--controllers` and by the flags that turn a single one off. */
export function controllerNames({ controllers = DEFAULT_CONTROLLERS, allocateNodeCidrs }: ControllerFlags): readonly string[] {
  return allocateNodeCidrs ? controllers : ['-node-ipam', ...controllers];
}

export function controllerSettings(flags: ControllerFlags): typeof DEFAULT_OPTIONS & Pick<ControllerOptions, 'concurrentSyncs'> {
  const values = flags as unknown as { readonly [attribute: string]: unknown };
  const given = (flag: string) => values[new Option(flag).attributeName()];
  const settings = SETTING_FLAGS.map(([flag, , , setting]) => [setting, given(flag)]);
  const syncs = SYNC_FLAGS.map(([flag, controller]) => [controller, given(flag)]).filter(([, number]) => number !== undefined);
  return { ...Object.fromEntries(settings), concurrentSyncs: Object.fromEntries(syncs) };
}
