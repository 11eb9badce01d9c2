// createEventRecorder: writes core/v1 Events in the background; repeats raise the count of the first instead of making new ones.
import { type Clock, type Random, rfc3339, sleep } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import type { KubeObject } from '../apimachinery/object.js';
import { isStatus, StatusError } from '../apimachinery/status.js';
import { events } from '../kinds/core/event.js';
import type { Event } from '../kinds/types/core_v1.js';
import { NAMESPACE_DEFAULT } from '../kinds/wellknown.js';
import { Backoff } from './backoff.js';
import type { Client } from './client.js';
import type { EventRecorder } from './events.js';

/** Upstream's numbers: events remembered for counting, and each object's burst and refill before its events are dropped as spam. */
const REMEMBERED_MAX = 4096;
const SPAM_BURST = 25;
const SPAM_REFILL_ms = 300_000;
/** Events that wait for the API server: what a scheduler tells of in ten seconds of a burst. Beyond it new ones are dropped. */
const QUEUE_MAX = 10_000;
/** Events under way at once: enough to share the store's syncs, and few beside what they tell of. Those of one object keep their order. */
const LANES = 4;
const TRIES_MAX = 12;
const RETRY_MIN_ms = 500;
const RETRY_MAX_ms = 10_000;
/** Upstream's limit of a message (NoteLengthLimit). */
const MESSAGE_MAX_chars = 1024;
const NAME_MAX_chars = 253;

export interface EventRecorderOptions {
  readonly client: Client;
  /** Upstream's component name: `kubelet`, `replicaset-controller`, `default-scheduler`. */
  readonly component: string;
  /** The node, for components that run on one. */
  readonly host?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Occurrence {
  readonly about: KubeObject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly fieldPath: string | undefined;
  readonly at_ms: number;
}

interface Remembered {
  readonly name: string;
  readonly namespace: string;
  count: number;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

class Recorder implements EventRecorder {
  readonly #lanes = Array.from({ length: LANES }, () => new Lane((occurrence) => this.#store(occurrence)));
  readonly #remembered = new Map<string, Remembered>();
  readonly #budgets = new Map<string, { tokens: number; at_ms: number }>();

  constructor(private readonly options: EventRecorderOptions) {}

  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void {
    const text = message.length > MESSAGE_MAX_chars ? message.slice(0, MESSAGE_MAX_chars) : message;
    const occurrence: Occurrence = { about, type, reason, message: text, fieldPath, at_ms: this.options.clock.now() };
    if (this.#isSpam(about)) this.#drop(occurrence, 'too many events about this object');
    else if (this.#lanes.reduce((sum, { waiting }) => sum + waiting, 0) >= QUEUE_MAX)
      this.#drop(occurrence, 'too many events wait for the API server');
    else this.#lanes[laneOf(about)]!.add(occurrence);
  }

  /** A token bucket for each object, so that one that fails in a loop cannot flood the store. */
  #isSpam(about: KubeObject): boolean {
    const now_ms = this.options.clock.monotonic();
    const id = `${about.kind}/${about.metadata.uid}`;
    const budget = this.#budgets.get(id) ?? { tokens: SPAM_BURST, at_ms: now_ms };
    budget.tokens = Math.min(SPAM_BURST, budget.tokens + (now_ms - budget.at_ms) / SPAM_REFILL_ms);
    budget.at_ms = now_ms;
    remember(this.#budgets, id, budget);
    if (budget.tokens < 1) return true;
    budget.tokens--;
    return false;
  }

  async #store(occurrence: Occurrence): Promise<void> {
    const { clock, random } = this.options;
    const backoff = new Backoff({ random, initial_ms: RETRY_MIN_ms, max_ms: RETRY_MAX_ms });
    for (let tries = 1; ; tries++) {
      try {
        return await this.#write(occurrence);
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        if (!mayPass(error) || tries === TRIES_MAX) return this.#drop(occurrence, error.message);
        await sleep(clock, backoff.next_ms());
      }
    }
  }

  async #write(occurrence: Occurrence): Promise<void> {
    const { about, type, reason, message, fieldPath, at_ms } = occurrence;
    const { namespace, name, uid } = about.metadata;
    const id = [about.kind, namespace, name, uid, fieldPath, type, reason, message].join('\0');
    const known = this.#remembered.get(id);
    if (known) {
      const patch = { count: known.count + 1, lastTimestamp: rfc3339(at_ms) };
      try {
        await this.options.client.patch(events, known, 'application/merge-patch+json', patch);
        known.count++;
        remember(this.#remembered, id, known);
        return;
      } catch (error) {
        // It has outlived its TTL or went with its namespace: the next repeat is a new event.
        if (!isStatus(error, 'NotFound')) throw error;
        this.#remembered.delete(id);
      }
    }
    const made = await this.options.client.create<Event>(events, this.#object(occurrence));
    remember(this.#remembered, id, { name: made.metadata.name, namespace: made.metadata.namespace ?? NAMESPACE_DEFAULT, count: 1 });
  }

  #object({ about, type, reason, message, fieldPath, at_ms }: Occurrence): Omit<Event, 'metadata'> & { readonly metadata: object } {
    const { component, host, random } = this.options;
    const { name, namespace, uid, resourceVersion } = about.metadata;
    const suffix = `.${at_ms.toString(16)}${Buffer.from(random.bytes(3)).toString('hex')}`;
    const at = rfc3339(at_ms);
    return {
      apiVersion: events.apiVersion,
      kind: events.kind,
      metadata: { name: name.slice(0, NAME_MAX_chars - suffix.length) + suffix, namespace: namespace ?? NAMESPACE_DEFAULT },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name,
        uid,
        resourceVersion,
        ...(namespace && { namespace }),
        ...(fieldPath && { fieldPath }),
      },
      type,
      reason,
      message,
      source: { component, ...(host && { host }) },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  #drop({ about, reason, message }: Occurrence, why: string): void {
    const { kind, metadata } = about;
    this.options.log.warn({ kind, name: metadata.name, namespace: metadata.namespace, reason, event: message }, `event dropped: ${why}`);
  }
}

const DONE_MAX = 1000;

/** Occurrences that are stored one after the other. */
class Lane {
  #queue: Occurrence[] = [];
  /** Of `#queue`, how many are through: taking each off by itself would move all that wait. */
  #done = 0;
  #sending = false;

  constructor(private readonly store: (occurrence: Occurrence) => Promise<void>) {}

  get waiting(): number {
    return this.#queue.length - this.#done;
  }

  add(occurrence: Occurrence): void {
    this.#queue.push(occurrence);
    if (!this.#sending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.waiting > 0) {
      await this.store(this.#queue[this.#done++]!);
      if (this.#done === this.#queue.length || this.#done === DONE_MAX) {
        this.#queue = this.#queue.slice(this.#done);
        this.#done = 0;
      }
    }
    this.#sending = false;
  }
}

function laneOf({ metadata: { uid = '' } }: KubeObject): number {
  let hash = 0;
  for (let i = 0; i < uid.length; i++) hash = (hash * 31 + uid.charCodeAt(i)) | 0;
  return Math.abs(hash) % LANES;
}

/** Sets the newest entry and lets the oldest go past the bound. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= REMEMBERED_MAX) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

/** Failures of the server or the way to it, and names taken by chance, which a later try may not meet. */
function mayPass(error: StatusError): boolean {
  return error.code >= 500 || error.code === 429 || error.code === 409;
}
