// Static pods: run because a manifest says so, with or without an API server, to which each is shown by a mirror pod.
import type { Clock } from '../../../src/apimachinery/clock.js';
import type { Logger } from '../../../src/apimachinery/logger.js';
import { isBeingDeleted, keyOf } from '../../../src/apimachinery/object.js';
import { isStatus, StatusError } from '../../../src/apimachinery/status.js';
import type { Client } from '../../../src/client/client.js';
import type { Informer } from '../../../src/client/informer.js';
import { WorkQueue } from '../../../src/client/workqueue.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Node, Pod } from '../../../src/kinds/types/core_v1.js';
import { mirroredUid, mirrorOf } from './mirror.js';

/** A node whose server was away shows its static pods within this of its being back. */
const RETRY_MS = 5_000;

/** Who runs pods. */
export interface StaticPodRunner {
  /** It is new, or what the API says of it has changed. */
  update(pod: Pod): void;
  delete(pod: Pod): void;
  wake(uid: string): void;
}

export interface StaticPodsOptions {
  readonly client: Client;
  /** Of this node's pods. */
  readonly informer: Informer<Pod>;
  /** undefined until it is registered. */
  readonly node: () => Node | undefined;
  readonly runner: StaticPodRunner;
  readonly clock: Clock;
  readonly log: Logger;
}

export class StaticPods {
  /** By namespace and name, as all here. */
  private wanted: ReadonlyMap<string, Pod> = new Map();
  /** Those that run, until nothing is left of them: one that follows under the same name waits for that. */
  private readonly running = new Map<string, Pod>();
  private readonly queue: WorkQueue;

  constructor(private readonly options: StaticPodsOptions) {
    this.queue = new WorkQueue(options.clock);
  }

  /** Keeps the mirrors right until the agent stops. To be called once the manifests and the API's pods are known. */
  async keepMirrors(stopping: AbortSignal): Promise<void> {
    const { log } = this.options;
    stopping.addEventListener('abort', () => this.queue.shutDown(), { once: true });
    for (let key = await this.queue.next(); key !== undefined; key = await this.queue.next()) {
      try {
        await this.reconcile(key);
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        log.warn({ pod: key, error: error.message }, 'cannot bring a static pod to the API, trying again');
        this.queue.addAfter(key, RETRY_MS);
      }
      this.queue.done(key);
    }
  }

  /** What the manifests say has changed. */
  setManifests(all: readonly Pod[]): void {
    this.wanted = new Map(all.map((pod) => [keyOf(pod.metadata), pod]));
    for (const key of new Set([...this.wanted.keys(), ...this.running.keys()])) this.place(key);
  }

  /** Nothing of it is left on the node. */
  ended(uid: string): void {
    for (const [key, pod] of this.running) {
      if (pod.metadata.uid !== uid) continue;
      this.running.delete(key);
      this.place(key);
    }
  }

  /** A mirror pod has come, gone or changed. */
  mirrorChanged(old: Pod | undefined, now: Pod | undefined): void {
    const key = keyOf((now ?? old!).metadata);
    const { runner } = this.options;
    const pod = this.running.get(key);
    if (pod && now) {
      runner.update(this.withMirror(pod));
      // A new one knows nothing yet.
      if (old?.metadata.uid !== now.metadata.uid) runner.wake(pod.metadata.uid);
    }
    this.queue.add(key);
  }

  /** Under which uid the API knows a pod; undefined for a static one without a mirror. */
  apiUid(pod: Pod): string | undefined {
    return this.has(pod) ? this.mirror(pod)?.metadata.uid : pod.metadata.uid;
  }

  has({ metadata }: Pod): boolean {
    return this.running.get(keyOf(metadata))?.metadata.uid === metadata.uid;
  }

  private place(key: string): void {
    const { runner } = this.options;
    const [wanted, now] = [this.wanted.get(key), this.running.get(key)];
    if (now && now.metadata.uid !== wanted?.metadata.uid) runner.delete(now);
    if (!now && wanted) {
      this.running.set(key, wanted);
      runner.update(this.withMirror(wanted));
    }
    this.queue.add(key);
  }

  private mirror(pod: Pod): Pod | undefined {
    const { namespace, name, uid } = pod.metadata;
    const mirror = this.options.informer.get({ namespace, name });
    return mirror && mirroredUid(mirror) === uid ? mirror : undefined;
  }

  /** With what the API knows of it. */
  private withMirror(pod: Pod): Pod {
    const mirror = this.mirror(pod);
    if (!mirror || isBeingDeleted(mirror)) return pod;
    const { resourceVersion, generation } = mirror.metadata;
    return { ...pod, metadata: { ...pod.metadata, resourceVersion, ...(generation ? { generation } : {}) }, status: mirror.status };
  }

  private async reconcile(key: string): Promise<void> {
    const { client, informer, node, log } = this.options;
    const [namespace, name] = key.split('/') as [string, string];
    const pod = this.running.get(key);
    const known = informer.get({ namespace, name });
    if (!known) {
      if (!pod) return;
      const owner = node();
      if (owner) await client.create<Pod>(pods, mirrorOf(pod, owner));
      else this.queue.addAfter(key, RETRY_MS);
      return;
    }
    if (mirroredUid(known) === undefined) {
      if (pod) log.warn({ pod: key }, 'another pod has the name of a static pod, which the API so does not show');
      return;
    }
    if (pod && mirroredUid(known) === pod.metadata.uid && !isBeingDeleted(known)) return;
    const { uid } = known.metadata;
    await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } }).catch((error: unknown) => {
      if (!isStatus(error, 'NotFound')) throw error;
    });
  }
}
