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
import { type Database, type Snapshot, scan } from './database.js';
import { readNumber, readRecord } from './reads.js';
import { decodeRecord, META_COMPACTED, parseRecordKey, recordsFrom, type StoredRecord } from './records.js';
import { inRange } from './transaction.js';
import { WatcherIndex } from './watchers.js';

/** Revisions read from the log for one catch-up step: bounds the memory of a watch that starts far back. */
const REVISIONS_PER_STEP = 1_000;
const NO_VALUE = Buffer.alloc(0);

interface Watcher {
  readonly request: WatchRequest;
  readonly handlers: WatchHandlers;
  /** First revision not yet reported; behind the present once it is live. */
  next: Revision;
  /** Hears of commits directly; otherwise it is still reading the log. */
  live: boolean;
  ended: boolean;
  progressWanted: boolean;
}

export class WatchHub {
  readonly #watchers = new WatcherIndex<Watcher>();

  constructor(
    private readonly db: Database,
    private readonly durable: () => Revision,
    /** What a failed read is told as. */
    private readonly failure: (error: unknown) => unknown,
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
    const told = new Map<Watcher, KeyEvent[]>();
    for (const commit of commits) {
      for (const change of commit.changes) {
        this.#watchers.visit(change.key, (watcher) => {
          if (!watcher.live || commit.revision < watcher.next) return;
          const event = eventOf(change.key, commit.revision, change.next, watcher.request.prevKv ? change.previous : undefined);
          const events = told.get(watcher);
          if (events) events.push(event);
          else told.set(watcher, [event]);
        });
      }
    }
    for (const [watcher, events] of told) if (!watcher.ended) watcher.handlers.onBatch({ revision, events });
  }

  /** Ends every watch; new ones may come. */
  endAll(why: string): void {
    for (const watcher of this.#watchers) this.#end(watcher, new EtcdError('UNAVAILABLE', `etcdserver: ${why}`));
  }

  async #catchUp(watcher: Watcher): Promise<void> {
    try {
      while (!watcher.ended && watcher.next <= this.durable()) await this.#step(watcher);
    } catch (error) {
      if (!watcher.ended) this.#end(watcher, this.failure(error) as Error);
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
      const events = await this.#eventsBetween(watcher, last, snapshot);
      if (watcher.ended) return;
      watcher.next = last + 1;
      if (events.length > 0) watcher.handlers.onBatch({ revision: last, events });
    } finally {
      await snapshot.close();
    }
  }

  async #eventsBetween({ request, next }: Watcher, last: Revision, snapshot: Snapshot): Promise<KeyEvent[]> {
    const found: { readonly key: string; readonly revision: Revision; readonly record: StoredRecord }[] = [];
    await scan(this.db, { gte: recordsFrom(next), lt: recordsFrom(last + 1) }, snapshot, (stored, bytes) => {
      const { key, revision } = parseRecordKey(stored);
      if (inRange(key, request.key, request.rangeEnd)) found.push({ key, revision, record: decodeRecord(stored, bytes) });
    });
    // They lie by key within a revision, and are told in the order of the transaction's operations.
    found.sort((a, b) => a.revision - b.revision || a.record.index - b.record.index);
    return found.map(({ key, revision, record: { kv, previous } }) => {
      // It may be compacted away.
      const before = request.prevKv && previous ? readRecord(this.db, key, previous, snapshot)?.kv : undefined;
      return eventOf(key, revision, kv, before);
    });
  }

  #end(watcher: Watcher, error: Error): void {
    watcher.ended = true;
    this.#watchers.delete(watcher);
    watcher.handlers.onEnd(error);
  }
}

function eventOf(key: string, revision: Revision, kv: KeyValue | undefined, previous: KeyValue | undefined): KeyEvent {
  const prevKv = previous ? { prevKv: previous } : {};
  if (kv) return { type: 'put', kv, ...prevKv };
  return { type: 'delete', kv: { key, value: NO_VALUE, createRevision: 0, modRevision: revision, version: 0, lease: 0n }, ...prevKv };
}
