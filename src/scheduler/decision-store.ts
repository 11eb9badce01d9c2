// The decision records that are kept: the last attempts at each pod, whole for as long as the ring has them, then as summaries.
import type { DecisionRecord } from '../client/pod-decisions.js';
import { type Attempt, type KeptDecision, keptDecision } from './decision.js';
import { recordOf } from './decision-record.js';
import { DecisionRing } from './decision-ring.js';

/** Enough to see what changed between attempts; one that waits long is tried again and again with the same outcome. */
const ATTEMPTS_MAX = 5;
/** About a KiB each. A pod past it is one that nothing has been decided about for long. */
const DECISIONS_MAX = 16_384;

export class DecisionStore {
  /** By the pod's uid, the newest last. */
  readonly #byPod = new Map<string, KeptDecision[]>();
  /** The oldest first. */
  readonly #all = new Set<KeptDecision>();

  constructor(
    private readonly ring = new DecisionRing(),
    private readonly decisionsMax = DECISIONS_MAX,
  ) {}

  add(attempt: Attempt): void {
    const kept = keptDecision(attempt, this.ring);
    const ofPod = this.#byPod.get(kept.uid);
    if (ofPod) ofPod.push(kept);
    else this.#byPod.set(kept.uid, [kept]);
    this.#all.add(kept);
    if (ofPod && ofPod.length > ATTEMPTS_MAX) this.#drop(ofPod[0]!);
    if (this.#all.size > this.decisionsMax) this.#drop(this.#all.values().next().value!);
  }

  /** What the last attempt decided did not come about. */
  failed(uid: string, why: string): void {
    const last = this.#byPod.get(uid)?.at(-1);
    if (last) last.message = why;
  }

  /** Of all pods. */
  get size(): number {
    return this.#all.size;
  }

  /** The newest first. */
  of(uid: string): readonly DecisionRecord[] {
    return (this.#byPod.get(uid) ?? []).map((kept) => recordOf(kept, this.ring)).reverse();
  }

  /** The pod is gone. */
  forget(uid: string): void {
    for (const kept of this.#byPod.get(uid) ?? []) this.#all.delete(kept);
    this.#byPod.delete(uid);
  }

  /** Its pod's oldest. */
  #drop(kept: KeptDecision): void {
    this.#all.delete(kept);
    const left = this.#byPod.get(kept.uid)!.slice(1);
    if (left.length > 0) this.#byPod.set(kept.uid, left);
    else this.#byPod.delete(kept.uid);
  }
}
