// The flags of every command that runs controllers, upstream's names.
import { type Command, InvalidArgumentError } from 'commander';
import { cidrHasCidr, requireCidr } from '../apimachinery/cidr.js';
import { DEFAULT_CONTROLLERS } from '../controllers/switches.js';
import { POD_CIDR } from '../kinds/wellknown.js';
import { type ElectionFlags, withElectionFlags } from './election-flags.js';
import { cidr, list, maskSize, positiveDuration_ms } from './flags.js';

/** Upstream's name of the Lease. */
export const CONTROLLER_LEASE = 'kube-controller-manager';

export interface ControllerFlags extends ElectionFlags {
  readonly controllers?: readonly string[];
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: number;
  readonly nodeMonitorPeriod: number;
  readonly nodeMonitorGracePeriod: number;
}

export function withControllerFlags(command: Command): Command {
  return withElectionFlags(command, CONTROLLER_LEASE)
    .option(
      '--controllers <names>',
      `which controllers run, with commas between: * all that are on by default, NAME that one, -NAME not that one; empty: none (default: ${DEFAULT_CONTROLLERS})`,
      list,
    )
    .option('--cluster-cidr <cidr>', 'addresses of pods', podRange, POD_CIDR)
    .option('--node-cidr-mask-size <bits>', "length of each node's part of them", maskSize, 24)
    .option('--node-monitor-period <duration>', 'how often the health of nodes is looked at', positiveDuration_ms, 5_000)
    .option('--node-monitor-grace-period <duration>', 'silence after which a node is not ready', positiveDuration_ms, 40_000);
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
