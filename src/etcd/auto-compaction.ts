// Auto-compaction: forgets history by itself, as etcd's flags have it: what is older than a time, or more revisions back than a number.
import type { Clock, Timer } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { type Backend, CompactedError, type Revision } from './backend.js';

const HOUR_ms = 3600_000;
/** etcd's: at the most so long between two compactions by time... */
const PERIODIC_INTERVAL_MS = HOUR_ms;
/** ...with so many looks at the revision between, which is how exact the time is; ... */
const LOOKS_PER_INTERVAL = 10;
/** ...and so long between two by revision. */
const REVISION_INTERVAL_MS = 5 * 60_000;

export type AutoCompaction =
  | { readonly mode: 'periodic'; readonly retention_ms: number }
  | { readonly mode: 'revision'; readonly retention: number };

export interface AutoCompactionOptions {
  readonly backend: Backend;
  readonly policy: AutoCompaction;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Runs until `stop` is called. A compaction that fails is logged and done with the next one. */
export function startAutoCompaction(options: AutoCompactionOptions): { stop(): void } {
  const { policy, clock, log } = options;
  const due = policy.mode === 'periodic' ? byTime(policy.retention_ms, clock) : byRevision(policy.retention);
  const interval_ms =
    policy.mode === 'periodic' ? Math.min(policy.retention_ms, PERIODIC_INTERVAL_MS) / LOOKS_PER_INTERVAL : REVISION_INTERVAL_MS;
  let timer: Timer;
  let stopped = false;
  const look = async () => {
    try {
      await compactWhatIsDue(options, due);
    } catch (error) {
      if (!stopped) log.warn({ err: error }, 'the history could not be compacted; it is tried again later');
    }
    if (!stopped) arm();
  };
  const arm = () => {
    timer = clock.after(interval_ms, () => void look());
  };
  arm();
  return {
    stop() {
      stopped = true;
      timer.cancel();
    },
  };
}

/** Given the current revision, the one to compact to now; undefined: none. */
type Due = (revision: Revision) => Revision | undefined;

async function compactWhatIsDue({ backend, log }: AutoCompactionOptions, due: Due): Promise<void> {
  const { revision } = await backend.range({ key: '\0', keysOnly: true });
  const target = due(revision);
  if (target === undefined || target < 1) return;
  try {
    await backend.compact(target);
    log.info({ revision: target }, 'compacted the history');
  } catch (error) {
    // Someone has compacted further already, or nothing has been written since the last time.
    if (!(error instanceof CompactedError)) throw error;
  }
}

const byRevision =
  (retention: number): Due =>
  (revision) =>
    revision > retention ? revision - retention : undefined;

function byTime(retention_ms: number, clock: Clock): Due {
  const looks: { readonly at_ms: number; readonly revision: Revision }[] = [];
  const interval_ms = Math.min(retention_ms, PERIODIC_INTERVAL_MS);
  let last_ms = clock.monotonic();
  return (revision) => {
    const now_ms = clock.monotonic();
    looks.push({ at_ms: now_ms, revision });
    if (now_ms - last_ms < interval_ms) return undefined;
    let old: Revision | undefined;
    while (looks[0] && now_ms - looks[0].at_ms >= retention_ms) old = looks.shift()!.revision;
    if (old !== undefined) last_ms = now_ms;
    return old;
  };
}

/** etcd's two flags: `5m`, `24h`, or whole hours for periodic; a number of revisions for revision; 0: off. Throws an Error of one line. */
export function parseAutoCompaction(mode: string, retention: string, duration_ms: (text: string) => number): AutoCompaction | undefined {
  const isNumber = /^\d+$/.test(retention);
  if (mode === 'revision') {
    if (!isNumber) throw new Error(`--auto-compaction-retention ${retention} is no number of revisions`);
    return retention === '0' ? undefined : { mode, retention: Number(retention) };
  }
  if (mode !== 'periodic') throw new Error(`--auto-compaction-mode ${mode} is not known: give periodic or revision`);
  const retention_ms = isNumber ? Number(retention) * HOUR_ms : duration_ms(retention);
  return retention_ms === 0 ? undefined : { mode, retention_ms };
}
