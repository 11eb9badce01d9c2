// CacheEvent: one change of one object in a watch cache, and EventView: how one kind of watcher sees it, encoded once
// for all of them.
import type { StoredObject } from './stored.js';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';
export type Matcher = (object: StoredObject) => boolean;

/** What a watcher is told. Shared by all watchers that see the change the same way. */
export class EventView {
  readonly #frames = new Map<string, Buffer>();

  constructor(
    readonly type: EventType,
    readonly object: StoredObject,
  ) {}

  /** The encoded event in the named form, made by `make` the first time. */
  frame(form: string, make: (view: EventView) => Buffer): Buffer {
    let frame = this.#frames.get(form);
    if (!frame) {
      frame = make(this);
      this.#frames.set(form, frame);
    }
    return frame;
  }
}

export class CacheEvent {
  /** Made for the first watcher that sees the change so, for all that see it so. */
  #views: Map<EventType, EventView> | undefined;

  constructor(
    readonly key: string,
    readonly revision: number,
    /** When it was seen, on the monotonic clock. */
    readonly seenAt_ms: number,
    /** Absent when the object is gone. */
    readonly current: StoredObject | undefined,
    readonly previous: StoredObject | undefined,
  ) {}

  /**
   * What a watcher that wants only what `matches` sees: an object that begins to match is ADDED to its view, one that
   * ceases to is DELETED from it, in its last matching state.
   */
  viewFor(matches: Matcher | undefined): EventView | undefined {
    const now = this.current !== undefined && (!matches || matches(this.current));
    const before = this.previous !== undefined && (!matches || matches(this.previous));
    if (now) return this.#view(before ? 'MODIFIED' : 'ADDED');
    return before ? this.#view('DELETED') : undefined;
  }

  /** All who watch now have been told: who comes later has the encoded event made anew, and it is not kept for them. */
  told(): void {
    this.#views = undefined;
  }

  #view(type: EventType): EventView {
    this.#views ??= new Map();
    let view = this.#views.get(type);
    if (!view) {
      view = new EventView(type, type === 'DELETED' ? this.previous!.at(this.revision) : this.current!);
      this.#views.set(type, view);
    }
    return view;
  }
}
