// The scheduler's configuration file as a flag names it.
import { readFile } from 'node:fs/promises';
import { UserError } from '../cluster/local/user-error.js';
import { ConfigurationError, defaultConfiguration, readConfiguration, type SchedulerConfiguration } from '../scheduler/config.js';
import type { ElectionSettings } from './election-flags.js';

/** Upstream's defaults without a file. What is wrong with it is said with the flag and the field. */
export async function schedulerConfiguration(flag: string, file: string | undefined): Promise<SchedulerConfiguration> {
  if (file === undefined) return defaultConfiguration();
  try {
    return readConfiguration(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof ConfigurationError || (error as NodeJS.ErrnoException).code)
      throw new UserError(`${flag} ${file}: ${(error as Error).message}`, { cause: error });
    throw error;
  }
}

export const electionSettings = ({ leaderElection }: SchedulerConfiguration): ElectionSettings => ({
  leaderElect: leaderElection.leaderElect,
  leaseDuration_ms: leaderElection.leaseDuration,
  renewDeadline_ms: leaderElection.renewDeadline,
  retryPeriod_ms: leaderElection.retryPeriod,
  resourceName: leaderElection.resourceName,
  resourceNamespace: leaderElection.resourceNamespace,
});
