// PodDown: brings one pod down: ends what runs of it, takes away what it has on the node, and in the end its object.
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimePod } from '../runtime/runtime.js';
import { deletePod } from './delete-pod.js';
import { PodEnding } from './end-pod.js';
import type { Failure } from './failure.js';
import type { Graces } from './grace.js';
import type { PodReporter } from './pod-reporter.js';
import type { PodServices } from './services.js';

export class PodDown {
  /** Its containers are being ended. */
  isEnding = false;

  /** `grace_s`: as it is now, since a shorter one may have come after a round began. */
  constructor(
    private readonly services: PodServices,
    private readonly graces: Graces,
    private readonly reporter: PodReporter,
    private readonly grace_s: () => number,
  ) {}

  /** Ends what runs of it and its sandboxes; what has exited stays, for its logs. */
  async killAll(pod: Pod, observed: RuntimePod): Promise<void> {
    this.isEnding = true;
    try {
      await this.graces.during(this.grace_s(), (grace) => new PodEnding(pod, observed, grace, this.services).run());
    } finally {
      this.isEnding = false;
    }
  }

  /** The pod is over, but stays in the API. False where it was down already, so that nothing was done. */
  async bringDown(pod: Pod, failure?: Failure): Promise<boolean> {
    const { uid } = pod.metadata;
    const { runtime, probes, cgroups, dirs } = this.services;
    probes.retire(uid);
    const observed = await runtime.podStatus(uid);
    const isDown = observed.sandboxes.length === 0 && observed.containers.every(({ state }) => state !== 'running');
    if (!isDown) await this.killAll(pod, observed);
    probes.remove(uid);
    if (isDown && !failure) return false;
    await cgroups.remove(uid);
    await dirs.removeVolumes(uid);
    const after = await runtime.podStatus(uid);
    await this.reporter.report(this.services.statuses.newest(pod), after, { terminating: true, finished: true, failure });
    return true;
  }

  /** The pod is deleted: all of it goes, and then its object, unless that `isGone`. */
  async remove(pod: Pod, isGone: () => boolean): Promise<void> {
    const { client, runtime, statuses, cgroups, dirs, logs, restarts, images, metrics } = this.services;
    const { uid, name, namespace = '' } = pod.metadata;
    const isCleared = await this.bringDown(pod);
    if (!isGone()) await statuses.flush(uid);
    const left = await runtime.podStatus(uid);
    await Promise.all([...left.containers, ...left.sandboxes].map(({ id }) => runtime.removeContainer(id)));
    if (!isCleared) await cgroups.remove(uid);
    await dirs.remove(uid);
    await logs.remove({ uid, name, namespace });
    if (!isGone()) await deletePod(client, pod);
    restarts.reset(`${uid}/`);
    images.forgetPod(uid);
    metrics.starts.forget(uid);
  }
}
