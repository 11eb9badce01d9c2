// Ending containers: the preStop hook, the stop signal, the grace period, SIGKILL.
import { sleep } from '../../src/apimachinery/clock.js';
import { allContainers } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer } from '../runtime/runtime.js';
import { runHook } from './hooks.js';
import { gracePeriod_s } from './sandbox-config.js';
import type { PodServices } from './services.js';
import type { KillAction } from './sync-pod.js';

/** Upstream's: what a container gets after a hook that has used up the grace period. */
const AFTER_HOOK_MIN_S = 2;
/** Upstream's: a pod that is ended at once still gets its signal. */
const GRACE_MIN_S = 1;

/** What a pod that is being deleted has left; otherwise what its spec gives. */
export function deletionGrace_s(pod: Pod): number {
  return Math.max(GRACE_MIN_S, pod.metadata.deletionGracePeriodSeconds ?? gracePeriod_s(pod));
}

/** Resolves when it is dead. */
export async function killContainer(
  pod: Pod,
  container: RuntimeContainer,
  grace_s: number,
  message: string,
  podIp: string,
  services: PodServices,
): Promise<void> {
  const { runtime, events, clock } = services;
  const spec = allContainers(pod.spec).find(({ name }) => name === container.name);
  events.event(pod, 'Normal', 'Killing', message);
  const hook = spec?.lifecycle?.preStop;
  if (!spec || !hook) return runtime.stopContainer(container.id, grace_s);
  const began_ms = clock.monotonic();
  const run = runHook(hook, { container: spec, containerId: container.id, podIp }, runtime, clock, grace_s * 1000).catch((error: Error) =>
    events.event(pod, 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${error.message}`),
  );
  await Promise.race([run, sleep(clock, grace_s * 1000)]);
  const left_s = Math.ceil(grace_s - (clock.monotonic() - began_ms) / 1000);
  await runtime.stopContainer(container.id, Math.max(AFTER_HOOK_MIN_S, left_s));
}

/** For a container that is to be started again. */
export async function restartKill(pod: Pod, { container, why }: KillAction, podIp: string, services: PodServices): Promise<void> {
  const spec = pod.spec.containers.find(({ name }) => name === container.name);
  const probe = why === 'liveness' ? spec?.livenessProbe : why === 'startup' ? spec?.startupProbe : undefined;
  const cause = why === 'changed' ? 'definition changed' : `failed ${why} probe`;
  const message = `Container ${container.name} ${cause}, will be restarted`;
  const grace_s = probe?.terminationGracePeriodSeconds ?? gracePeriod_s(pod);
  await killContainer(pod, container, grace_s, message, podIp, services);
}
