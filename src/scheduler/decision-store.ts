// The decision records that are kept: the last attempts at each pod, whole for as long as there is room for them, then as summaries.
import type { DecisionRecord } from '../client/pod-decisions.js';
import { type Attempt, bytesOf, type KeptDecision, keptDecision, recordOf, thinned } from './decision.js';

/** Enough to see what changed between attempts; one that waits long is tried again and again with the same outcome. */
const ATTEMPTS_MAX = 5;
/** Of whole records: some 80 of clusters of 5,000 nodes, a thousand of small ones. What lives long costs the collector of garbage: with four times as much a tenth fewer pods were placed a second. */
const WHOLE_BYTES_MAX = 4 * 1024 * 1024;
/** About a KiB each. A pod past it is one that nothing has been decided about for long. */
const SUMMARIES_MAX = 16_384;

interface Entry {
  readonly pod: string;
  kept: KeptDecision;
}

export class DecisionStore {
  /** By the pod's uid, the newest last. */
  readonly #byPod = new Map<string, Entry[]>();
  /** The oldest first. */
  readonly #whole = new Set<Entry>();
  readonly #summaries = new Set<Entry>();
  #bytes = 0;

  constructor(
    private readonly wholeBytesMax = WHOLE_BYTES_MAX,
    private readonly summariesMax = SUMMARIES_MAX,
  ) {}

  add(attempt: Attempt): void {
    const kept = keptDecision(attempt);
    const { uid } = kept.pod.metadata;
    let entries = this.#byPod.get(uid);
    if (!entries) this.#byPod.set(uid, (entries = []));
    const entry: Entry = { pod: uid, kept };
    entries.push(entry);
    this.#whole.add(entry);
    this.#bytes += bytesOf(kept);
    if (entries.length > ATTEMPTS_MAX) this.#drop(entries[0]!);
    while (this.#bytes > this.wholeBytesMax && this.#whole.size > 1) this.#thin(first(this.#whole));
    while (this.#summaries.size > this.summariesMax) this.#drop(first(this.#summaries));
  }

  /** What the last attempt decided did not come about. */
  failed(uid: string, why: string): void {
    const last = this.#byPod.get(uid)?.at(-1);
    if (last) last.kept = { ...last.kept, message: why };
  }

  /** Of all pods. */
  get size(): number {
    return this.#whole.size + this.#summaries.size;
  }

  /** The newest first. */
  of(uid: string): readonly DecisionRecord[] {
    return (this.#byPod.get(uid) ?? []).map(({ kept }) => recordOf(kept)).reverse();
  }

  /** The pod is gone. */
  forget(uid: string): void {
    for (const entry of this.#byPod.get(uid) ?? []) this.#take(entry);
    this.#byPod.delete(uid);
  }

  #thin(entry: Entry): void {
    this.#take(entry);
    entry.kept = thinned(entry.kept);
    this.#summaries.add(entry);
  }

  #drop(entry: Entry): void {
    this.#take(entry);
    const left = this.#byPod.get(entry.pod)!.filter((other) => other !== entry);
    if (left.length > 0) this.#byPod.set(entry.pod, left);
    else this.#byPod.delete(entry.pod);
  }

  #take(entry: Entry): void {
    if (this.#whole.delete(entry)) this.#bytes -= bytesOf(entry.kept);
    else this.#summaries.delete(entry);
  }
}

const first = (entries: ReadonlySet<Entry>): Entry => entries.values().next().value!;
