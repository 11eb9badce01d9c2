// Brings pods' statuses to the API: at once, only what changed, one request a pod at a time, again until it is there.
import { type Clock, type Random, sleep, type Timer } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import { pods } from '../../src/kinds/core/pod.js';
import type { Pod, PodStatus } from '../../src/kinds/types/core_v1.js';
import { PASSING_CONDITIONS } from './conditions.js';
import { statusPatch } from './status-patch.js';

const RETRY_MIN_MS = 200;
/** A node that was cut off reports again within this of being back. */
const RETRY_MAX_MS = 5_000;
/** Before what someone else has written is put right, doubling each time: two that disagree must not do so as fast as they can. */
const CORRECTION_MIN_MS = 1_000;
const CORRECTION_MAX_MS = 60_000;

interface Entry {
  /** The newest object known, from the informer or from the answer to our own patch. */
  pod: Pod;
  wanted: PodStatus | undefined;
  sending: Promise<void> | undefined;
  correction: Timer | undefined;
  /** Since the status was last as wanted. */
  corrections: number;
}

export interface StatusManagerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Aborted when the agent stops. */
  readonly stopping: AbortSignal;
  /** Under which uid the API knows it: a static pod under that of its mirror, if it has one. Absent: its own. */
  readonly apiUid?: (pod: Pod) => string | undefined;
}

export class StatusManager {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly options: StatusManagerOptions) {}

  /** The pod with the newest status known, ours on its way to the API included: what a new status is built upon. */
  newest(pod: Pod): Pod {
    const entry = this.entries.get(pod.metadata.uid);
    if (!entry) return pod;
    const known = isNewer(entry.pod, pod) ? entry.pod.status : pod.status;
    const { wanted } = entry;
    if (!wanted) return { ...pod, status: known };
    const own = wanted.conditions ?? [];
    const others = (known.conditions ?? []).filter(
      ({ type }) => !own.some((condition) => condition.type === type) && !PASSING_CONDITIONS.includes(type),
    );
    return { ...pod, status: { ...known, ...wanted, conditions: [...own, ...others] } };
  }

  /** The API's object changed; a status that is no longer what it should be is put right soon. */
  observed(pod: Pod): void {
    const entry = this.entries.get(pod.metadata.uid);
    if (!entry || !isNewer(pod, entry.pod)) return;
    entry.pod = pod;
    this.correctLater(entry);
  }

  private correctLater(entry: Entry): void {
    if (this.entries.get(entry.pod.metadata.uid) !== entry || entry.sending || entry.correction || this.options.stopping.aborted) return;
    if (!this.patchOf(entry)) {
      entry.corrections = 0;
      return;
    }
    const delay_ms = Math.min(CORRECTION_MAX_MS, CORRECTION_MIN_MS * 2 ** Math.min(entry.corrections++, 10));
    entry.correction = this.options.clock.after(delay_ms, () => {
      entry.correction = undefined;
      this.send(entry);
    });
  }

  set(pod: Pod, status: PodStatus): void {
    const { uid } = pod.metadata;
    const entry = this.entries.get(uid) ?? { pod, wanted: undefined, sending: undefined, correction: undefined, corrections: 0 };
    this.entries.set(uid, entry);
    if (isNewer(pod, entry.pod)) entry.pod = pod;
    entry.wanted = status;
    this.send(entry);
  }

  /** Resolves once the API has the last status that was set, or no longer has the pod. */
  async flush(uid: string): Promise<void> {
    await this.entries.get(uid)?.sending;
  }

  forget(uid: string): void {
    this.entries.get(uid)?.correction?.cancel();
    this.entries.delete(uid);
  }

  private send(entry: Entry): void {
    if (entry.sending || this.options.stopping.aborted || !this.patchOf(entry)) return;
    entry.sending = this.sendAll(entry).finally(() => {
      entry.sending = undefined;
      // It was sent, and is not what is there: someone else writes it too.
      this.correctLater(entry);
    });
  }

  private async sendAll(entry: Entry): Promise<void> {
    const { clock, random, stopping, log } = this.options;
    let sent: PodStatus | undefined;
    for (let failures = 0; this.entries.get(entry.pod.metadata.uid) === entry; ) {
      const patch = this.patchOf(entry);
      if (!patch || entry.wanted === sent) return;
      try {
        const { wanted } = entry;
        const answer = await this.patch(entry.pod, patch);
        if (isNewer(answer, entry.pod)) this.renew(entry, answer);
        sent = wanted;
        failures = 0;
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        if (error.code === 404 || (error.code === 409 && !(await this.refreshed(entry)))) {
          // A static pod is there without the API's, which comes again.
          if (this.apiUid(entry.pod) === entry.pod.metadata.uid) this.forget(entry.pod.metadata.uid);
          return;
        }
        const delay_ms = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** failures++) * (0.75 + random.next() / 2);
        log.warn({ pod: entry.pod.metadata.name, error: error.message }, 'cannot report a pod status, trying again');
        const stopped = await sleep(clock, delay_ms, stopping).then(
          () => false,
          () => true,
        );
        if (stopped) return;
      }
    }
  }

  /** After a conflict: false where the pod is gone, and another has its name, so that there is nobody to tell. */
  private async refreshed(entry: Entry): Promise<boolean> {
    const { namespace, name } = entry.pod.metadata;
    try {
      const pod = await this.options.client.get(pods, { namespace, name });
      if (pod.metadata.uid !== this.apiUid(entry.pod)) return false;
      this.renew(entry, pod);
      return true;
    } catch (error) {
      if (error instanceof StatusError) return error.code !== 404;
      throw error;
    }
  }

  private apiUid(pod: Pod): string | undefined {
    return this.options.apiUid ? this.options.apiUid(pod) : pod.metadata.uid;
  }

  private patchOf({ pod, wanted }: Entry): object | undefined {
    const uid = this.apiUid(pod);
    return wanted && uid !== undefined ? statusPatch(pod, wanted, uid) : undefined;
  }

  /** What the API has of it, under our own uid. */
  private renew(entry: Entry, pod: Pod): void {
    entry.pod = { ...pod, metadata: { ...pod.metadata, uid: entry.pod.metadata.uid } };
  }

  private async patch({ metadata }: Pod, patch: object): Promise<Pod> {
    const name = { namespace: metadata.namespace, name: metadata.name };
    return this.options.client.patch(pods, name, 'application/strategic-merge-patch+json', patch, 'status');
  }
}

const isNewer = (a: Pod, b: Pod) => Number(a.metadata.resourceVersion) > Number(b.metadata.resourceVersion);
