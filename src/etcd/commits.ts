// Group commit: transactions that arrive while a sync is under way share the next one; none is answered before it is on disk.
import { EtcdError, type Key, type KeyValue, type Revision } from './backend.js';
import type { Write } from './database.js';
import type { LeaseChange } from './leases.js';
import { RecentKeys } from './recent-keys.js';
import {
  deletionKey,
  emptyEntry,
  encodeDeletion,
  encodeNewest,
  encodeNumber,
  encodePut,
  META_REVISION,
  NEWEST,
  recordKey,
  valueOfNewest,
} from './records.js';
import type { KeyChange } from './transaction.js';
import type { DatabaseWriter } from './writer.js';

/** One committed transaction, as watchers hear of it. */
export interface Commit {
  readonly revision: Revision;
  readonly changes: readonly KeyChange[];
}

interface Group {
  readonly writes: Write[];
  readonly commits: Commit[];
  /** Done before anybody is answered. */
  readonly onDurable: (() => void)[];
  readonly waiting: { resolve(): void; reject(error: Error): void }[];
}

const emptyGroup = (): Group => ({ writes: [], commits: [], onDurable: [], waiting: [] });

export class CommitLog {
  /** Changed keys that are not yet durable: what the next transaction must see, and readers must not. */
  readonly #undurable = new Map<Key, KeyValue | { readonly deletedAt: Revision }>();
  /** Keys that are durable. */
  readonly recent = new RecentKeys();
  #next = emptyGroup();
  /** The group that is being written. */
  #underWay = emptyGroup();
  #writing: Promise<void> | undefined;
  #durable: Revision;
  #assigned: Revision;

  constructor(
    private readonly writer: DatabaseWriter,
    revision: Revision,
    private readonly told: {
      /** After the writers have been answered. */
      onDurable(commits: readonly Commit[], revision: Revision): void;
      /** Before they are: nothing of what was being written is there. */
      onFailed(): void;
    },
  ) {
    this.#durable = revision;
    this.#assigned = revision;
  }

  /** The newest revision on disk. */
  get durable(): Revision {
    return this.#durable;
  }

  /** The newest revision that a transaction has been given, on disk or not. */
  get assigned(): Revision {
    return this.#assigned;
  }

  /** The newest state of a key that is not yet durable; `null`: deleted; undefined: nothing is under way for it. */
  undurable(key: Key): KeyValue | null | undefined {
    const entry = this.#undurable.get(key);
    return entry === undefined ? undefined : 'deletedAt' in entry ? null : entry;
  }

  /** All such keys with their newest state; undefined: deleted. */
  *undurableKeys(): Iterable<readonly [Key, KeyValue | undefined]> {
    for (const [key, entry] of this.#undurable) yield [key, 'deletedAt' in entry ? undefined : entry];
  }

  /** Takes the next revision for the changes; resolves once they are on disk, rejects if they could not be written. */
  append(changes: readonly KeyChange[], ...beside: readonly (LeaseChange | undefined)[]): Promise<void> {
    const revision = changes.length > 0 ? ++this.#assigned : this.#assigned;
    const group = this.#next;
    for (let i = 0; i < changes.length; i++) this.#stage(group.writes, changes[i]!, i, revision);
    for (const change of beside) {
      if (!change) continue;
      group.writes.push(...change.writes);
      group.onDurable.push(change.onDurable);
    }
    if (changes.length > 0) group.commits.push({ revision, changes });
    return new Promise((resolve, reject) => {
      group.waiting.push({ resolve, reject });
      this.#writing ??= this.#writeGroups();
    });
  }

  /** Resolves when what is being written has been acknowledged; only to be called while something is. */
  acknowledged(): Promise<void> {
    return new Promise((resolve, reject) => this.#underWay.waiting.push({ resolve, reject }));
  }

  /** Goes on behind a revision that was found on disk though its write had failed. Whatever is under way must fail. */
  restart(revision: Revision): void {
    this.recent.clear();
    this.#durable = revision;
  }

  /** Resolves when nothing is under way any more. */
  async drained(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  #stage(writes: Write[], { key, previous, next }: KeyChange, index: number, revision: Revision): void {
    const [newest, record, replaced] = [NEWEST + key, recordKey(key, revision), previous?.modRevision ?? 0];
    if (next) {
      const value = encodeNewest(newest, next);
      writes.push({ type: 'put', key: newest, value });
      writes.push({ type: 'put', key: record, value: encodePut(record, index, replaced, next) });
      // Its own value may be part of something larger, which would be kept with it.
      this.#undurable.set(key, { ...next, value: valueOfNewest(value, next) });
    } else {
      const deletion = deletionKey(key, revision);
      writes.push({ type: 'del', key: newest }, { type: 'put', key: deletion, value: emptyEntry(deletion) });
      writes.push({ type: 'put', key: record, value: encodeDeletion(record, index, replaced) });
      this.#undurable.set(key, { deletedAt: revision });
    }
  }

  async #writeGroups(): Promise<void> {
    // Whatever else arrives in this turn of the event loop shares the first sync.
    await Promise.resolve();
    while (this.#next.waiting.length > 0) {
      const group = this.#next;
      this.#next = emptyGroup();
      this.#underWay = group;
      const revision = group.commits.at(-1)?.revision ?? this.#durable;
      group.writes.push({ type: 'put', key: META_REVISION, value: encodeNumber(META_REVISION, revision) });
      try {
        await this.writer.commit(group.writes);
      } catch (cause) {
        this.#fail(group, cause);
        continue;
      }
      this.#acknowledge(group, revision);
    }
    this.#writing = undefined;
  }

  #acknowledge(group: Group, revision: Revision): void {
    this.#durable = revision;
    for (const { changes } of group.commits) {
      for (const { key } of changes) {
        const entry = this.#undurable.get(key);
        if (entry && 'value' in entry && entry.modRevision <= revision) this.recent.set(entry);
        // Deleted, or already written again: should that fail, it is not what this was before.
        else this.recent.delete(key);
        if (entry && ('deletedAt' in entry ? entry.deletedAt : entry.modRevision) <= revision) this.#undurable.delete(key);
      }
    }
    for (const apply of group.onDurable) apply();
    for (const { resolve } of group.waiting) resolve();
    if (group.commits.length > 0) this.told.onDurable(group.commits, revision);
  }

  /** Later transactions were built on what could not be written, so they fail with it; their revisions are used by none. */
  #fail(group: Group, cause: unknown): void {
    const waiting = [...group.waiting, ...this.#next.waiting];
    this.#next = emptyGroup();
    this.#undurable.clear();
    this.#assigned = this.#durable;
    this.told.onFailed();
    const why = cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : String(cause);
    for (const { reject } of waiting) reject(new EtcdError('UNAVAILABLE', `etcdserver: could not write to the database: ${why}`));
  }
}
