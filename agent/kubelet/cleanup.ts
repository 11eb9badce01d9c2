// Ends and removes what is left on the node of pods that the API no longer has: containers, sandboxes, networks, volumes, control groups.
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { ContainerRuntime, RuntimePodName } from '../runtime/runtime.js';
import type { CgroupManager } from './cgroups/manager.js';
import type { PodDirs } from './pod-dirs.js';
import type { PodLogs } from './pod-logs.js';

/** Upstream's housekeeping looks every 2 s; what is left behind here costs nothing meanwhile. */
const INTERVAL_MS = 60_000;
/** After something could not be removed: most often it was not quite over yet. */
const RETRY_MS = 5_000;

export interface CleanupOptions {
  readonly runtime: ContainerRuntime;
  readonly dirs: PodDirs;
  readonly logs: PodLogs;
  readonly cgroups: CgroupManager;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stopping: AbortSignal;
  /** The pod has a worker, whose business it is. */
  readonly isKnown: (podUid: string) => boolean;
}

/** To be called only once the API's pods are known, or every running pod would look orphaned. Runs until the agent stops. */
export async function runCleanup(options: CleanupOptions): Promise<void> {
  const { clock, log, stopping } = options;
  while (!stopping.aborted) {
    const isClean = await cleanUpOnce(options).catch((error: Error) => {
      log.warn({ error: error.message }, 'cleaning up after pods that are gone failed, trying again later');
      return false;
    });
    const stopped = await sleep(clock, isClean ? INTERVAL_MS : RETRY_MS, stopping).then(
      () => false,
      () => true,
    );
    if (stopped) return;
  }
}

/** Resolves to whether nothing is left: what cannot be removed now is no reason to leave the rest. */
async function cleanUpOnce({ runtime, dirs, logs, cgroups, log, isKnown }: CleanupOptions): Promise<boolean> {
  let isClean = true;
  const each = <T>(items: readonly T[], uidOf: (item: T) => string, remove: (item: T) => Promise<unknown>) =>
    Promise.all(
      items
        .filter((item) => !isKnown(uidOf(item)))
        .map((item) =>
          remove(item).catch((error: Error) => {
            isClean = false;
            log.warn({ uid: uidOf(item), error: error.message }, 'cannot remove all of a pod that is gone, trying again later');
          }),
        ),
    );
  const self = (uid: string) => uid;
  const pods = await runtime.listPods();
  await each(
    pods,
    ({ uid }) => uid,
    (pod) => removePod(pod, runtime, log),
  );
  await each(await cgroups.list(), self, (uid) => cgroups.remove(uid));
  await each(await dirs.list(), self, (uid) => dirs.remove(uid));
  await each(
    pods,
    ({ uid }) => uid,
    (pod) => logs.remove(pod),
  );
  await logs.sweep(isKnown);
  await runtime.collectNetworkGarbage();
  await runtime.endOrphanedCommands();
  return isClean;
}

async function removePod(pod: RuntimePodName, runtime: ContainerRuntime, log: Logger): Promise<void> {
  log.info({ pod: pod.name, namespace: pod.namespace, uid: pod.uid }, 'ending a pod that the API no longer has');
  const { sandboxes, containers } = await runtime.podStatus(pod.uid);
  const running = containers.filter(({ state }) => state === 'running');
  await Promise.all(running.map(({ id }) => runtime.stopContainer(id, pod.terminationGracePeriod_s)));
  for (const { id } of sandboxes) {
    await runtime.stopPodSandbox(id);
    await runtime.removePodSandbox(id);
  }
  await Promise.all(containers.map(({ id }) => runtime.removeContainer(id)));
}
