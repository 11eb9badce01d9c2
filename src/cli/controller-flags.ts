// The flags of every command that runs controllers, upstream's names.
import { type Command, InvalidArgumentError } from 'commander';
import { cidrHasCidr, requireCidr } from '../apimachinery/cidr.js';
import type { LeaderElectionFlags } from '../cluster/managed-controllers.js';
import { DEFAULT_CONTROLLERS } from '../controllers/switches.js';
import { NAMESPACE_SYSTEM, POD_CIDR } from '../kinds/wellknown.js';
import { bool, cidr, list, maskSize, positiveDuration_ms } from './flags.js';

export interface ControllerFlags {
  readonly controllers?: readonly string[];
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: number;
  readonly nodeMonitorPeriod: number;
  readonly nodeMonitorGracePeriod: number;
  readonly leaderElect?: boolean;
  readonly leaderElectLeaseDuration: number;
  readonly leaderElectRenewDeadline: number;
  readonly leaderElectRetryPeriod: number;
  readonly leaderElectResourceName: string;
  readonly leaderElectResourceNamespace: string;
}

export function withControllerFlags(command: Command): Command {
  return command
    .option(
      '--controllers <names>',
      `which controllers run, with commas between: * all that are on by default, NAME that one, -NAME not that one; empty: none (default: ${DEFAULT_CONTROLLERS})`,
      list,
    )
    .option('--cluster-cidr <cidr>', 'addresses of pods', podRange, POD_CIDR)
    .option('--node-cidr-mask-size <bits>', "length of each node's part of them", maskSize, 24)
    .option('--node-monitor-period <duration>', 'how often the health of nodes is looked at', positiveDuration_ms, 5_000)
    .option('--node-monitor-grace-period <duration>', 'silence after which a node is not ready', positiveDuration_ms, 40_000)
    .option('--leader-elect [bool]', 'whether they run only while this process holds the Lease, as where several processes run them', bool)
    .option(
      '--leader-elect-lease-duration <duration>',
      'how long others leave a lease alone that is not renewed',
      positiveDuration_ms,
      15_000,
    )
    .option('--leader-elect-renew-deadline <duration>', 'how long its holder works on that could not renew it', positiveDuration_ms, 10_000)
    .option('--leader-elect-retry-period <duration>', 'how often it is renewed, and asked for', positiveDuration_ms, 2_000)
    .option('--leader-elect-resource-name <name>', 'name of the Lease', 'kube-controller-manager')
    .option('--leader-elect-resource-namespace <namespace>', 'its namespace', NAMESPACE_SYSTEM);
}

/** Undefined: without election. */
export function electionOf(flags: ControllerFlags, byDefault: boolean): LeaderElectionFlags | undefined {
  if (!(flags.leaderElect ?? byDefault)) return undefined;
  return {
    leaseDuration_ms: flags.leaderElectLeaseDuration,
    renewDeadline_ms: flags.leaderElectRenewDeadline,
    retryPeriod_ms: flags.leaderElectRetryPeriod,
    resourceName: flags.leaderElectResourceName,
    resourceNamespace: flags.leaderElectResourceNamespace,
  };
}

/** Agents make routes and rules for the usual range only, so a cluster's must lie in it. */
function podRange(text: string): string {
  const [range, usual] = [requireCidr(cidr(text)), requireCidr(POD_CIDR)];
  if (!cidrHasCidr(usual, range)) {
    throw new InvalidArgumentError(`it must lie in ${POD_CIDR}: nodes make routes and rules for no other pods.`);
  }
  return text;
}

export const controllerNames = ({ controllers }: ControllerFlags): readonly string[] => controllers ?? DEFAULT_CONTROLLERS;

export const controllerSettings = (flags: ControllerFlags) => ({
  nodeMonitorPeriod_ms: flags.nodeMonitorPeriod,
  nodeMonitorGracePeriod_ms: flags.nodeMonitorGracePeriod,
  clusterCidr: flags.clusterCidr,
  nodeCidrMaskSize: flags.nodeCidrMaskSize,
});
