// The flags of every command of which several processes may run and one is at work, upstream's names.
import type { Command } from 'commander';
import { ELECTION_DEFAULTS } from '../client/leader-election.js';
import type { LeaderElectionFlags } from '../cluster/elected.js';
import { NAMESPACE_SYSTEM } from '../kinds/wellknown.js';
import { bool, positiveDuration_ms } from './flags.js';

export interface ElectionFlags {
  readonly leaderElect?: boolean;
  readonly leaderElectLeaseDuration?: number;
  readonly leaderElectRenewDeadline?: number;
  readonly leaderElectRetryPeriod?: number;
  readonly leaderElectResourceName?: string;
  readonly leaderElectResourceNamespace?: string;
}

export interface ElectionSettings extends LeaderElectionFlags {
  readonly leaderElect: boolean;
}

/** No flag has a value unless it is given, so that a configuration file can stand behind them. */
export function withElectionFlags(command: Command, resourceName: string): Command {
  return command
    .option('--leader-elect [bool]', 'whether it works only while this process holds the Lease, as where several processes run it', bool)
    .option(
      '--leader-elect-lease-duration <duration>',
      'how long others leave a lease alone that is not renewed (default: 15s)',
      positiveDuration_ms,
    )
    .option(
      '--leader-elect-renew-deadline <duration>',
      'how long its holder works on that could not renew it (default: 10s)',
      positiveDuration_ms,
    )
    .option('--leader-elect-retry-period <duration>', 'how often it is renewed, and asked for (default: 2s)', positiveDuration_ms)
    .option('--leader-elect-resource-name <name>', `name of the Lease (default: ${resourceName})`)
    .option('--leader-elect-resource-namespace <namespace>', `its namespace (default: ${NAMESPACE_SYSTEM})`);
}

export const electionDefaults = (resourceName: string, leaderElect: boolean): ElectionSettings => ({
  ...ELECTION_DEFAULTS,
  leaderElect,
  resourceName,
  resourceNamespace: NAMESPACE_SYSTEM,
});

/** Undefined: without election. */
export function electionOf(flags: ElectionFlags, settings: ElectionSettings): LeaderElectionFlags | undefined {
  if (!(flags.leaderElect ?? settings.leaderElect)) return undefined;
  return {
    leaseDuration_ms: flags.leaderElectLeaseDuration ?? settings.leaseDuration_ms,
    renewDeadline_ms: flags.leaderElectRenewDeadline ?? settings.renewDeadline_ms,
    retryPeriod_ms: flags.leaderElectRetryPeriod ?? settings.retryPeriod_ms,
    resourceName: flags.leaderElectResourceName ?? settings.resourceName,
    resourceNamespace: flags.leaderElectResourceNamespace ?? settings.resourceNamespace,
  };
}
