// changesSince: the history of a store, revision by revision, up to now.
import { type Backend, CompactedError, type Key, type KeyEvent, prefixEnd, type Revision, type WatchBatch } from './backend.js';

export interface ChangesRequest {
  readonly prefix: Key;
  /** Absent: everything that is not compacted. */
  readonly since?: Revision;
}

/** The events up to the newest revision at the time of the call, in order. Rejects with CompactedError where `since` is compacted. */
export async function* changesSince(backend: Backend, { prefix, since }: ChangesRequest): AsyncGenerator<KeyEvent> {
  const { revision: last } = await backend.range({ key: '\0', keysOnly: true });
  const key = prefix === '' ? '\0' : prefix;
  try {
    yield* changesBetween(backend, key, prefixEnd(prefix), since ?? 1, last);
  } catch (error) {
    if (since !== undefined || !(error instanceof CompactedError)) throw error;
    yield* changesBetween(backend, key, prefixEnd(prefix), error.compactedRevision, last);
  }
}

async function* changesBetween(backend: Backend, key: Key, rangeEnd: Key, first: Revision, last: Revision): AsyncGenerator<KeyEvent> {
  if (first > last) return;
  const batches: WatchBatch[] = [];
  let ended: Error | undefined;
  let wake = () => {};
  const watch = backend.watch(
    { key, rangeEnd, startRevision: first, prevKv: true },
    {
      onBatch(batch) {
        batches.push(batch);
        wake();
      },
      onEnd(error) {
        ended = error;
        wake();
      },
    },
  );
  try {
    // The answer comes behind all events, also where none of the last revisions is about these keys.
    watch.requestProgress();
    for (;;) {
      const batch = batches.shift();
      if (batch) {
        for (const event of batch.events) if (event.kv.modRevision <= last) yield event;
        if (batch.revision >= last) return;
      } else if (ended) {
        throw ended;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  } finally {
    watch.cancel();
  }
}
