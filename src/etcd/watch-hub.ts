// Watches: each is first brought up to date from the log, then hears of every commit as it becomes durable.
import {
  CompactedError,
  EtcdError,
  type KeyEvent,
  type KeyValue,
  type Revision,
  type Watch,
  type WatchHandlers,
  type WatchRequest,
} from './backend.js';
import type { Commit } from './commits.js';
import { type Database, scan } from './database.js';
import { readAt, readNumber } from './reads.js';
import { decodeLog, LOG, type LoggedChange, logKey, META_COMPACTED, parseRevisionText } from './records.js';
import { inRange } from './transaction.js';

/** Revisions read from the log for one catch-up step: bounds the memory of a watch that starts far back. */
const REVISIONS_PER_STEP = 1_000;
const NO_VALUE = Buffer.alloc(0);

interface Watcher {
  readonly request: WatchRequest;
  readonly handlers: WatchHandlers;
  /** First revision not yet reported. */
  next: Revision;
  /** Hears of commits directly; otherwise it is still reading the log. */
  live: boolean;
  ended: boolean;
  progressWanted: boolean;
}

export class WatchHub {
  readonly #watchers = new Set<Watcher>();

  constructor(
    private readonly db: Database,
    private readonly durable: () => Revision,
  ) {}

  add(request: WatchRequest, handlers: WatchHandlers): Watch {
    const current = this.durable();
    const next = request.startRevision ? request.startRevision : current + 1;
    const watcher: Watcher = { request, handlers, next, live: next > current, ended: false, progressWanted: false };
    this.#watchers.add(watcher);
    if (!watcher.live) void this.#catchUp(watcher);
    return {
      cancel: () => {
        watcher.ended = true;
        this.#watchers.delete(watcher);
      },
      requestProgress: () => {
        if (!watcher.live) watcher.progressWanted = true;
        else if (!watcher.ended) handlers.onBatch({ revision: this.durable(), events: [] });
      },
    };
  }

  /** Tells the live watchers of commits that have just become durable. */
  publish(commits: readonly Commit[], revision: Revision): void {
    for (const watcher of this.#watchers) {
      if (!watcher.live) continue;
      const events: KeyEvent[] = [];
      for (const commit of commits) {
        if (commit.revision < watcher.next) continue;
        for (const change of commit.changes) {
          if (inRange(change.key, watcher.request.key, watcher.request.rangeEnd))
            events.push(eventOf(watcher, change.key, commit.revision, change.next, change.previous));
        }
      }
      watcher.next = Math.max(watcher.next, revision + 1);
      if (events.length > 0) watcher.handlers.onBatch({ revision, events });
    }
  }

  /** Ends every watch; new ones may come. */
  endAll(why: string): void {
    for (const watcher of this.#watchers) this.#end(watcher, new EtcdError('UNAVAILABLE', `etcdserver: ${why}`));
  }

  async #catchUp(watcher: Watcher): Promise<void> {
    try {
      while (!watcher.ended && watcher.next <= this.durable()) await this.#step(watcher);
    } catch (error) {
      if (!watcher.ended) this.#end(watcher, error as Error);
      return;
    }
    if (watcher.ended) return;
    // No await since the loop's last look at `durable`: no commit can have slipped in between.
    watcher.live = true;
    if (watcher.progressWanted) watcher.handlers.onBatch({ revision: this.durable(), events: [] });
  }

  async #step(watcher: Watcher): Promise<void> {
    const snapshot = this.db.snapshot();
    try {
      const compacted = readNumber(this.db, META_COMPACTED, snapshot) ?? 0;
      if (watcher.next < compacted) throw new CompactedError(compacted);
      const last = Math.min(this.durable(), watcher.next + REVISIONS_PER_STEP - 1);
      const found: { readonly revision: Revision; readonly change: LoggedChange }[] = [];
      await scan(this.db, { gte: logKey(watcher.next), lt: logKey(last + 1) }, snapshot, (key, value) => {
        const revision = parseRevisionText(key.slice(LOG.length));
        for (const change of decodeLog(value))
          if (inRange(change.key, watcher.request.key, watcher.request.rangeEnd)) found.push({ revision, change });
      });
      if (watcher.ended) return;
      const events = found.map(({ revision, change }) => {
        const kv = change.type === 'put' ? readAt(this.db, change.key, revision, snapshot) : undefined;
        // A record that was replaced before the compaction may be gone; it was compacted away under this very step.
        if (change.type === 'put' && !kv) throw new CompactedError(compacted);
        const previous = watcher.request.prevKv && change.previous ? readAt(this.db, change.key, change.previous, snapshot) : undefined;
        return eventOf(watcher, change.key, revision, kv, previous);
      });
      watcher.next = last + 1;
      if (events.length > 0) watcher.handlers.onBatch({ revision: last, events });
    } finally {
      await snapshot.close();
    }
  }

  #end(watcher: Watcher, error: Error): void {
    watcher.ended = true;
    this.#watchers.delete(watcher);
    watcher.handlers.onEnd(error);
  }
}

function eventOf(watcher: Watcher, key: string, revision: Revision, kv: KeyValue | undefined, previous: KeyValue | undefined): KeyEvent {
  const prevKv = watcher.request.prevKv && previous ? { prevKv: previous } : {};
  if (kv) return { type: 'put', kv, ...prevKv };
  return { type: 'delete', kv: { key, value: NO_VALUE, createRevision: 0, modRevision: revision, version: 0, lease: 0n }, ...prevKv };
}
