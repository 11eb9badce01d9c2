// The decision records that are kept: the last attempts at each pod, whole for as long as the ring has them, then as summaries.
import type { DecisionRecord } from '../client/pod-decisions.js';
import type { Attempt } from './decision.js';
import { recordOf } from './decision-record.js';
import { DecisionRing } from './decision-ring.js';
import { DecisionSlots } from './decision-slots.js';
import { SlotList } from './slot-list.js';

/** Enough to see what changed between attempts; one that waits long is tried again and again with the same outcome. */
const ATTEMPTS_MAX = 5;
/** Less than a KiB each. A pod past it is one that nothing has been decided about for long. */
const DECISIONS_MAX = 16_384;
/** In the place of a slot. */
const NONE = -1;

export class DecisionStore {
  /** The pod's uid -> the slot of its newest. */
  readonly #newest = new Map<string, number>();
  /** Of each slot that of the attempt before at the same pod. */
  readonly #before: Int32Array;
  /** Slots in use. */
  readonly #all: SlotList;
  readonly #free: number[] = [];
  readonly #slots: DecisionSlots;

  constructor(
    private readonly ring = new DecisionRing(),
    private readonly decisionsMax = DECISIONS_MAX,
  ) {
    this.#before = new Int32Array(decisionsMax);
    this.#all = new SlotList(decisionsMax);
    this.#slots = new DecisionSlots(decisionsMax, ring);
  }

  add(attempt: Attempt): void {
    const { uid } = attempt.decision.pod.metadata;
    const ofPod = this.#slotsOf(uid);
    if (ofPod.length === ATTEMPTS_MAX) this.#drop(ofPod.at(-1)!);
    else if (this.#all.size === this.decisionsMax) this.#drop(this.#all.oldest);
    const slot = this.#free.pop() ?? this.#all.size;
    this.#slots.write(slot, attempt);
    this.#before[slot] = this.#newest.get(uid) ?? NONE;
    this.#newest.set(uid, slot);
    this.#all.add(slot);
  }

  /** What the last attempt decided did not come about. */
  failed(uid: string, why: string): void {
    const last = this.#newest.get(uid);
    if (last !== undefined) this.#slots.failed(last, why);
  }

  /** Of all pods. */
  get size(): number {
    return this.#all.size;
  }

  /** The newest first. */
  of(uid: string): readonly DecisionRecord[] {
    return this.#slotsOf(uid).map((slot) => recordOf(this.#slots.read(slot), this.ring));
  }

  /** The pod is gone. */
  forget(uid: string): void {
    for (const slot of this.#slotsOf(uid)) this.#release(slot);
    this.#newest.delete(uid);
  }

  /** Its pod's oldest. */
  #drop(slot: number): void {
    const uid = this.#slots.uidOf(slot);
    const left = this.#slotsOf(uid).slice(0, -1);
    if (left.length > 0) this.#before[left.at(-1)!] = NONE;
    else this.#newest.delete(uid);
    this.#release(slot);
  }

  #release(slot: number): void {
    this.#all.delete(slot);
    this.#free.push(slot);
    this.#slots.clear(slot);
  }

  #slotsOf(uid: string): readonly number[] {
    const slots: number[] = [];
    for (let slot = this.#newest.get(uid) ?? NONE; slot !== NONE; slot = this.#before[slot]!) slots.push(slot);
    return slots;
  }
}

/** Of an attempt that nothing is kept of. */
export function recordOfAttempt(attempt: Attempt): DecisionRecord {
  const ring = DecisionRing.for(attempt.decision, attempt.postFilter?.preemption?.candidates ?? []);
  const store = new DecisionStore(ring, 1);
  store.add(attempt);
  return store.of(attempt.decision.pod.metadata.uid)[0]!;
}
