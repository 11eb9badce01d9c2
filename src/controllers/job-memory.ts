// What the Job controller knows of a Job beyond what the API says: which version is its own doing, and failures of pods that are gone.
import type { BackoffRecord } from './job-backoff.js';
import { perRun } from './run-state.js';

export interface Memory {
  readonly uid: string;
  /** The resourceVersion that this manager's last write of the status was answered with. */
  readonly version: string;
  readonly backoff: BackoffRecord;
}

/** By key, for Jobs that are not over. */
export const memoryOf = perRun(() => new Map<string, Memory>());
