// How long a Job waits before it replaces pods that failed: 10 s, twice as long after each failure, 10 minutes at most. Pure.
import type { Pod } from '../kinds/types/core_v1.js';
import { endedAt_ms, failuresBefore } from './job-pods.js';

/** Upstream's. */
const BACKOFF_MIN_ms = 10_000;
const BACKOFF_MAX_ms = 600_000;

/** Failures since the last success, and when the latest was. */
export interface BackoffRecord {
  readonly failures: number;
  readonly latest_ms: number;
}

export const NO_FAILURES: BackoffRecord = { failures: 0, latest_ms: 0 };

/** After these have ended, too. */
export function recordEnded(record: BackoffRecord, succeeded: readonly Pod[], failed: readonly Pod[]): BackoffRecord {
  const lastSuccess_ms = latest(succeeded, Number.NEGATIVE_INFINITY);
  const since = failed.filter((pod) => endedAt_ms(pod) > lastSuccess_ms);
  const before = succeeded.length > 0 ? NO_FAILURES : record;
  return { failures: before.failures + since.length, latest_ms: latest(since, before.latest_ms) };
}

const latest = (pods: readonly Pod[], least_ms: number) => pods.reduce((time, pod) => Math.max(time, endedAt_ms(pod)), least_ms);

export function remaining_ms({ failures, latest_ms }: BackoffRecord, now_ms: number): number {
  if (failures === 0) return 0;
  const wait_ms = Math.min(BACKOFF_MAX_ms, BACKOFF_MIN_ms * 2 ** Math.min(failures - 1, 30));
  const left_ms = latest_ms + wait_ms - now_ms;
  // An end that lies further ahead than any wait was told by another clock, or before this one was set back: waiting for it could take hours.
  return left_ms > 2 * wait_ms ? 0 : Math.max(0, left_ms);
}

/** Of an index whose last pod is `failed`. */
export function indexRemaining_ms(failed: Pod | undefined, now_ms: number): number {
  if (!failed) return 0;
  const { counted, ignored } = failuresBefore(failed);
  return remaining_ms({ failures: counted + ignored + 1, latest_ms: endedAt_ms(failed) }, now_ms);
}
