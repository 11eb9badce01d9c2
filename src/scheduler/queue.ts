// The scheduling queue: pods to try now, pods that back off, pods that wait for an event that could help them, and pods that are held back.
import type { Clock, Timer } from '../apimachinery/clock.js';
import { type KubeObject, objectKey } from '../apimachinery/object.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { ClusterEvent, ClusterEventHint, QueueItem } from './define.js';
import { Heap } from './heap.js';
import type { Place } from './pod-decisions.js';

/** Upstream's podInitialBackoffSeconds and podMaxBackoffSeconds. */
export const BACKOFF_INITIAL_MS = 1_000;
export const BACKOFF_MAX_MS = 10_000;
/** Upstream's podMaxInUnschedulablePodsDuration: tried again after it without any event, in case that a hint was wrong. */
export const UNSCHEDULABLE_MAX_MS = 300_000;
/** Pods whose back-off ends within one such window come back together, in the order of the active queue; upstream's. */
const BACKOFF_WINDOW_MS = 1_000;

export interface QueueOptions {
  readonly clock: Clock;
  /** Called whenever `pop` may have something new. */
  readonly wake: () => void;
  /** Whether `a` is to be tried before `b`. */
  readonly less: (a: QueueItem, b: QueueItem) => boolean;
  /** The plugin by which the pod is not to be tried yet. */
  readonly gate?: (pod: Pod) => string | undefined;
  readonly backoffInitial_ms?: number;
  readonly backoffMax_ms?: number;
}

export interface QueuedPod {
  readonly key: string;
  readonly pod: Pod;
  /** How often it has been tried. */
  readonly attempts: number;
  /** When it was tried first, on the monotonic clock. */
  readonly firstTried_ms: number;
}

interface Entry {
  readonly key: string;
  pod: Pod;
  attempts: number;
  firstTried_ms: number;
  /** How often it backed off since anything was done for it. */
  backoffs: number;
  /** Where it stands; 'out' while it is being scheduled or bound. */
  place: Place;
  /** Order of arrival in the active queue. */
  turn: number;
  /** On the monotonic clock. */
  backoffUntil_ms: number;
  /** Since when it is unschedulable. */
  since_ms: number;
  hints: readonly ClusterEventHint[];
  /** Plugins by which it was not placed when it was last tried, or is not to be tried; until the next try. */
  refusedBy: readonly string[];
}

/** Who refused a pod, and what they wait for. */
export interface Refusing {
  readonly hints: readonly ClusterEventHint[];
  readonly plugins: readonly string[];
}

/** A heap's item: stale once its entry has moved on. */
interface Ticket extends QueueItem {
  readonly entry: Entry;
  readonly at_ms: number;
}

const NOBODY: readonly string[] = [];
const PLACES: readonly Place[] = ['active', 'backoff', 'unschedulable', 'gated', 'out'];

export class SchedulingQueue {
  readonly #entries = new Map<string, Entry>();
  readonly #places = new Map<Place, Set<Entry>>(PLACES.map((place) => [place, new Set()]));
  /** Who of the unschedulable listens to what, so that an event costs only what it may help. */
  readonly #listening = new Map<ClusterEvent, Set<Entry>>();
  readonly #active: Heap<Ticket>;
  /** Of pods that fitted nowhere: a window ends at its `at_ms`. */
  readonly #backingOff: Heap<Ticket>;
  /** Of pods that failed: nothing brings these back early. */
  readonly #failing = new Heap<Ticket>((a, b) => a.at_ms < b.at_ms);
  readonly #incoming = new Map<Place, Map<string, number>>();
  #turns = 0;
  #timer: Timer | undefined;
  /** When it rings. */
  #timerAt_ms = Number.POSITIVE_INFINITY;

  constructor(private readonly options: QueueOptions) {
    this.#active = new Heap<Ticket>(options.less);
    this.#backingOff = new Heap<Ticket>((a, b) => (a.at_ms === b.at_ms ? options.less(a, b) : a.at_ms < b.at_ms));
  }

  /** A pod without a node, new or changed. A change that could matter gives one that waits another try. */
  put(pod: Pod): void {
    const key = objectKey(pod);
    const entry = this.#entries.get(key);
    if (entry?.pod.metadata.uid !== pod.metadata.uid) {
      this.#add(key, pod);
      return;
    }
    const before = entry.pod;
    entry.pod = pod;
    if (entry.place === 'gated') this.#activate(entry, 'PodUpdate');
    else if (entry.place === 'unschedulable' && couldMatter(before, pod)) this.#retry(entry, 'PodUpdate');
  }

  /** The pod has a node, is gone or is going. */
  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#leave(entry);
    entry.place = 'out';
    this.#entries.delete(key);
  }

  /**
   * The next pod to try, by the profile's order; while none is due, one that something has helped and that still backs off: nobody else would be
   * tried in its time. It stays known until `delete`. Whoever takes it says in the same step what became of it, so that no event is missed.
   */
  pop(): QueuedPod | undefined {
    const entry = firstIn('active', this.#active) ?? firstIn('backoff', this.#backingOff);
    if (!entry) return undefined;
    this.#move(entry, 'out');
    entry.refusedBy = NOBODY;
    if (entry.attempts++ === 0) entry.firstTried_ms = this.options.clock.monotonic();
    return { key: entry.key, pod: entry.pod, attempts: entry.attempts, firstTried_ms: entry.firstTried_ms };
  }

  /** No node fits it: waits until something happens that could change that. `promised`: room is made for it, which is no reason to back off longer. */
  unschedulable({ key, pod }: QueuedPod, { hints, plugins }: Refusing, promised = false): void {
    const entry = this.#entryOf(key, pod);
    if (!entry) return;
    this.#move(entry, 'unschedulable', 'ScheduleAttemptFailure');
    entry.hints = hints;
    entry.refusedBy = plugins;
    entry.since_ms = this.options.clock.monotonic();
    if (promised) entry.backoffs = 0;
    entry.backoffUntil_ms = entry.since_ms + this.#backoff_ms(entry);
    for (const { event } of hints) {
      let listening = this.#listening.get(event);
      if (!listening) this.#listening.set(event, (listening = new Set()));
      listening.add(entry);
    }
    this.#setTimer();
  }

  /** It failed for a reason that may pass by itself: tried again after its back-off. */
  backOff({ key, pod }: QueuedPod): void {
    const entry = this.#entryOf(key, pod);
    if (!entry) return;
    entry.backoffUntil_ms = this.options.clock.monotonic() + this.#backoff_ms(entry);
    this.#move(entry, 'backoff', 'ScheduleAttemptFailure');
    this.#failing.push(this.#ticket(entry, entry.backoffUntil_ms));
    this.#setTimer();
  }

  /** What held the pod back may be over: it gets the try that it had to forgo, if it had to. */
  ungated({ key, pod }: QueuedPod): void {
    const entry = this.#entryOf(key, pod);
    if (entry?.place === 'gated') this.#retry(entry, 'ForceActivate');
  }

  /** Gives the pods that it could help another try, once their back-off is over or nobody else is to be tried. */
  happened(event: ClusterEvent, old?: KubeObject, now?: KubeObject): void {
    for (const entry of this.#listening.get(event) ?? []) {
      const helps = (hint: ClusterEventHint) => hint.event === event && hint.hint?.(entry.pod, old, now) !== 'skip';
      if (entry.hints.some(helps)) this.#retry(entry, event);
    }
  }

  /** Undefined: it is not known here. */
  placeOf(key: string): Place | undefined {
    return this.#entries.get(key)?.place;
  }

  /** How many pods stand there. */
  count(place: Place): number {
    return this.#places.get(place)!.size;
  }

  /** The pods that wait, each with the plugins by which it does. */
  *refused(): Iterable<{ readonly pod: Pod; readonly plugins: readonly string[] }> {
    for (const { pod, place, refusedBy } of this.#entries.values()) if (place !== 'out') yield { pod, plugins: refusedBy };
  }

  /** What brought how many pods to each place so far. */
  get incoming(): ReadonlyMap<Place, ReadonlyMap<string, number>> {
    return this.#incoming;
  }

  close(): void {
    this.#timer?.cancel();
    this.#entries.clear();
    this.#listening.clear();
    for (const place of this.#places.values()) place.clear();
  }

  #add(key: string, pod: Pod): void {
    this.delete(key);
    const entry: Entry = {
      key,
      pod,
      attempts: 0,
      firstTried_ms: 0,
      backoffs: 0,
      place: 'out',
      turn: 0,
      backoffUntil_ms: 0,
      since_ms: 0,
      hints: [],
      refusedBy: NOBODY,
    };
    this.#entries.set(key, entry);
    this.#activate(entry, 'PodAdd');
  }

  /** Undefined where the pod was deleted, or replaced by a namesake, while it was out. */
  #entryOf(key: string, pod: Pod): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry?.pod.metadata.uid === pod.metadata.uid ? entry : undefined;
  }

  #retry(entry: Entry, event: string): void {
    const end_ms = windowEnd(entry.backoffUntil_ms);
    if (end_ms <= this.options.clock.monotonic()) this.#activate(entry, event);
    else if (!this.#isGated(entry, event)) {
      this.#move(entry, 'backoff', event);
      this.#backingOff.push(this.#ticket(entry, end_ms));
      this.#setTimer();
      this.options.wake();
    }
  }

  #activate(entry: Entry, event: string): void {
    if (this.#isGated(entry, event)) return;
    this.#move(entry, 'active', event);
    this.#active.push(this.#ticket(entry, entry.backoffUntil_ms));
    this.options.wake();
  }

  #isGated(entry: Entry, event: string): boolean {
    const plugin = this.options.gate?.(entry.pod);
    if (plugin === undefined) return false;
    entry.refusedBy = [plugin];
    this.#move(entry, 'gated', event);
    return true;
  }

  #ticket(entry: Entry, at_ms: number): Ticket {
    entry.turn = ++this.#turns;
    return { entry, pod: entry.pod, turn: entry.turn, at_ms };
  }

  #move(entry: Entry, place: Place, event?: string): void {
    if (entry.place === place) return;
    this.#leave(entry);
    entry.place = place;
    this.#places.get(place)!.add(entry);
    if (event === undefined) return;
    let events = this.#incoming.get(place);
    if (!events) this.#incoming.set(place, (events = new Map()));
    events.set(event, (events.get(event) ?? 0) + 1);
  }

  #leave(entry: Entry): void {
    this.#places.get(entry.place)!.delete(entry);
    if (entry.place === 'unschedulable') for (const { event } of entry.hints) this.#listening.get(event)?.delete(entry);
  }

  #backoff_ms(entry: Entry): number {
    const { backoffInitial_ms = BACKOFF_INITIAL_MS, backoffMax_ms = BACKOFF_MAX_MS } = this.options;
    return Math.min(backoffMax_ms, backoffInitial_ms * 2 ** entry.backoffs++);
  }

  /** For the first whose back-off ends or who has waited too long; none while nobody waits. */
  #setTimer(): void {
    const { clock } = this.options;
    const [oldest] = this.#places.get('unschedulable')!;
    const at_ms = Math.min(
      this.#backingOff.peek()?.at_ms ?? Number.POSITIVE_INFINITY,
      this.#failing.peek()?.at_ms ?? Number.POSITIVE_INFINITY,
      oldest ? oldest.since_ms + UNSCHEDULABLE_MAX_MS : Number.POSITIVE_INFINITY,
    );
    if (at_ms === this.#timerAt_ms) return;
    this.#timer?.cancel();
    this.#timerAt_ms = at_ms;
    this.#timer = Number.isFinite(at_ms) ? clock.after(Math.max(0, at_ms - clock.monotonic()), () => this.#flush()) : undefined;
  }

  #flush(): void {
    const now_ms = this.options.clock.monotonic();
    for (const heap of [this.#backingOff, this.#failing]) {
      for (let first = heap.peek(); first && first.at_ms <= now_ms; first = heap.peek()) {
        heap.pop();
        if (stands(first, 'backoff')) this.#activate(first.entry, 'BackoffComplete');
      }
    }
    for (const entry of this.#places.get('unschedulable')!) {
      if (entry.since_ms + UNSCHEDULABLE_MAX_MS > now_ms) break;
      this.#retry(entry, 'UnschedulableTimeout');
    }
    this.#timerAt_ms = Number.POSITIVE_INFINITY;
    this.#setTimer();
  }
}

const windowEnd = (ms: number): number => Math.ceil(ms / BACKOFF_WINDOW_MS) * BACKOFF_WINDOW_MS;

/** It is where the ticket was made for. */
const stands = ({ entry, turn }: Ticket, place: Place): boolean => entry.place === place && entry.turn === turn;

/** Takes what is stale with it. */
function firstIn(place: Place, heap: Heap<Ticket>): Entry | undefined {
  for (let ticket = heap.pop(); ticket; ticket = heap.pop()) if (stands(ticket, place)) return ticket.entry;
  return undefined;
}

/** Status and bookkeeping do not decide where a pod fits. */
function couldMatter(before: Pod, now: Pod): boolean {
  if (before.spec === now.spec && before.metadata.labels === now.metadata.labels) return false;
  const text = ({ spec, metadata }: Pod) => JSON.stringify([spec, metadata.labels]);
  return text(before) !== text(now);
}
