// The scheduling queue: pods to try now, pods that back off, and pods that wait for an event that could help them.
import type { Clock, Timer } from '../apimachinery/clock.js';
import { objectKey } from '../apimachinery/object.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { ClusterEvent } from './define.js';
import { Heap } from './heap.js';
import type { Place } from './pod-decisions.js';

/** Upstream's podInitialBackoffSeconds and podMaxBackoffSeconds. */
export const BACKOFF_INITIAL_MS = 1_000;
export const BACKOFF_MAX_MS = 10_000;

export interface QueuedPod {
  readonly key: string;
  readonly pod: Pod;
  /** How often it has been tried. */
  readonly attempts: number;
}

interface Entry {
  readonly key: string;
  pod: Pod;
  attempts: number;
  /** Where it stands; 'out' while it is being scheduled or bound. */
  place: Place;
  /** Order of arrival in the active queue. */
  turn: number;
  /** On the monotonic clock. */
  backoffUntil_ms: number;
  helpedBy: ReadonlySet<ClusterEvent>;
}

/** A heap's item: stale once its entry has moved on. */
interface Ticket {
  readonly entry: Entry;
  readonly turn: number;
  readonly priority: number;
  readonly at_ms: number;
}

export class SchedulingQueue {
  readonly #entries = new Map<string, Entry>();
  readonly #active = new Heap<Ticket>((a, b) => (a.priority === b.priority ? a.turn < b.turn : a.priority > b.priority));
  readonly #backingOff = new Heap<Ticket>((a, b) => a.at_ms < b.at_ms);
  #turns = 0;
  #timer: Timer | undefined;

  /** `wake` is called whenever `pop` may have something new. */
  constructor(
    private readonly clock: Clock,
    private readonly wake: () => void,
  ) {}

  /** A pod without a node, new or changed. A change that could matter gives one that waits another try. */
  put(pod: Pod): void {
    const key = objectKey(pod);
    const entry = this.#entries.get(key);
    if (entry?.pod.metadata.uid !== pod.metadata.uid) this.#add(key, pod);
    else {
      const before = entry.pod;
      entry.pod = pod;
      if (entry.place === 'unschedulable' && couldMatter(before, pod)) this.#retry(entry);
    }
  }

  /** The pod has a node, is gone or is going. */
  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry) entry.place = 'out';
    this.#entries.delete(key);
  }

  /** The next pod to try: highest priority first, then first come. It stays known until `delete`. */
  pop(): QueuedPod | undefined {
    for (let ticket = this.#active.pop(); ticket; ticket = this.#active.pop()) {
      const { entry } = ticket;
      if (entry.place !== 'active' || entry.turn !== ticket.turn) continue;
      entry.place = 'out';
      entry.attempts++;
      return { key: entry.key, pod: entry.pod, attempts: entry.attempts };
    }
    return undefined;
  }

  /** No node fits it: waits until one of the events happens that could change that. */
  unschedulable({ key, pod }: QueuedPod, helpedBy: ReadonlySet<ClusterEvent>): void {
    const entry = this.#entryOf(key, pod);
    if (!entry) return;
    entry.place = 'unschedulable';
    entry.helpedBy = helpedBy;
    entry.backoffUntil_ms = this.clock.monotonic() + backoff_ms(entry.attempts);
  }

  /** It failed for a reason that may pass by itself: tried again after its back-off. */
  backOff({ key, pod }: QueuedPod): void {
    const entry = this.#entryOf(key, pod);
    if (!entry) return;
    entry.backoffUntil_ms = this.clock.monotonic() + backoff_ms(entry.attempts);
    this.#retry(entry);
  }

  /** Gives the pods that `event` could help another try, once their back-off is over. */
  happened(event: ClusterEvent): void {
    for (const entry of this.#entries.values()) {
      if (entry.place === 'unschedulable' && entry.helpedBy.has(event)) this.#retry(entry);
    }
  }

  /** Undefined: it is not known here. */
  placeOf(key: string): Place | undefined {
    return this.#entries.get(key)?.place;
  }

  close(): void {
    this.#timer?.cancel();
    this.#entries.clear();
  }

  #add(key: string, pod: Pod): void {
    this.delete(key);
    const entry: Entry = { key, pod, attempts: 0, place: 'out', turn: 0, backoffUntil_ms: 0, helpedBy: new Set() };
    this.#entries.set(key, entry);
    this.#activate(entry);
  }

  /** Undefined where the pod was deleted, or replaced by a namesake, while it was out. */
  #entryOf(key: string, pod: Pod): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry?.pod.metadata.uid === pod.metadata.uid ? entry : undefined;
  }

  #retry(entry: Entry): void {
    if (entry.backoffUntil_ms <= this.clock.monotonic()) this.#activate(entry);
    else {
      entry.place = 'backoff';
      this.#backingOff.push(this.#ticket(entry));
      this.#setTimer();
    }
  }

  #activate(entry: Entry): void {
    entry.place = 'active';
    this.#active.push(this.#ticket(entry));
    this.wake();
  }

  #ticket(entry: Entry): Ticket {
    entry.turn = ++this.#turns;
    return { entry, turn: entry.turn, priority: entry.pod.spec.priority ?? 0, at_ms: entry.backoffUntil_ms };
  }

  #setTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const first = this.#backingOff.peek();
    if (first) this.#timer = this.clock.after(Math.max(0, first.at_ms - this.clock.monotonic()), () => this.#flush());
  }

  #flush(): void {
    const now_ms = this.clock.monotonic();
    for (let first = this.#backingOff.peek(); first && first.at_ms <= now_ms; first = this.#backingOff.peek()) {
      this.#backingOff.pop();
      if (first.entry.place === 'backoff' && first.entry.turn === first.turn) this.#activate(first.entry);
    }
    this.#setTimer();
  }
}

function backoff_ms(attempts: number): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_INITIAL_MS * 2 ** Math.max(0, attempts - 1));
}

/** Status and bookkeeping do not decide where a pod fits. */
function couldMatter(before: Pod, now: Pod): boolean {
  const text = ({ spec, metadata }: Pod) => JSON.stringify([spec, metadata.labels]);
  return text(before) !== text(now);
}
