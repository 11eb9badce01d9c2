// Ending one container: the preStop hook, the stop signal, the grace period, SIGKILL.
import { allContainers } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer } from '../runtime/runtime.js';
import { containerPath } from './container-path.js';
import type { Grace, Graces } from './grace.js';
import { runHook } from './hooks.js';
import { EXIT_CODE_KILLED, willRestart } from './restart-policy.js';
import { gracePeriod_s } from './sandbox-config.js';
import type { PodServices } from './services.js';
import type { KillAction } from './sync-pod.js';

/** Upstream's: what a container gets after a hook, or others, have used up the grace period. */
const AFTER_WAIT_MIN_S = 2;
/** Upstream's: a pod that is ended at once still gets its signal. */
const GRACE_MIN_S = 1;

/** What a pod that is being deleted has left; otherwise what its spec gives. */
export function deletionGrace_s(pod: Pod): number {
  return Math.max(GRACE_MIN_S, pod.metadata.deletionGracePeriodSeconds ?? gracePeriod_s(pod));
}

export interface Kill {
  readonly container: Pick<RuntimeContainer, 'id' | 'name'>;
  readonly grace: Grace;
  /** Of the event. */
  readonly message: string;
  readonly podIp: string;
  /** Its signal waits for this, as long as there is time. */
  readonly turn?: Promise<unknown>;
}

/** Resolves when it is dead. */
export async function killContainer(pod: Pod, { container, grace, message, podIp, turn }: Kill, services: PodServices): Promise<void> {
  const { runtime, events, clock, log } = services;
  const { id, name } = container;
  const path = containerPath(pod.spec, name);
  events.event(pod, 'Normal', 'Killing', message, path);
  const spec = allContainers(pod.spec).find((each) => each.name === name);
  const hook = spec?.lifecycle?.preStop;
  if (spec && hook) {
    const target = { pod, container: spec, containerId: id, podIp };
    const run = runHook(hook, target, runtime, clock, grace.left_s * 1000).catch((error: Error) => {
      log.info({ pod: pod.metadata.name, container: name, error: error.message }, 'a preStop hook failed');
      events.event(pod, 'Warning', 'FailedPreStopHook', 'PreStopHook failed', path);
    });
    await grace.within(run);
  }
  if (turn) await grace.within(turn);
  const least_s = hook || turn ? AFTER_WAIT_MIN_S : GRACE_MIN_S;
  const off = grace.onShortened(() => {
    runtime.stopContainer(id, grace.left_s).catch((error: Error) => {
      log.warn({ container: id, error: error.message }, 'cannot shorten a grace period');
    });
  });
  try {
    await runtime.stopContainer(id, Math.max(least_s, grace.left_s));
  } finally {
    off();
  }
}

/** For a container that is to be started again, if its policy is such. */
export async function restartKill(
  pod: Pod,
  { container, why }: KillAction,
  graces: Graces,
  podIp: string,
  services: PodServices,
): Promise<void> {
  const { name } = container;
  const spec = allContainers(pod.spec).find((each) => each.name === name);
  const probe = why === 'liveness' ? spec?.livenessProbe : why === 'startup' ? spec?.startupProbe : undefined;
  const message = killMessage(pod, name, why);
  await graces.during(probe?.terminationGracePeriodSeconds ?? gracePeriod_s(pod), (grace) =>
    killContainer(pod, { container, grace, message, podIp }, services),
  );
}

function killMessage(pod: Pod, name: string, why: KillAction['why']): string {
  if (why === 'resized') return `Container ${name} resize requires restart`;
  const cause = why === 'changed' ? 'definition changed' : `failed ${why} probe`;
  if (pod.spec.initContainers?.some((container) => container.name === name)) return `Init container ${name} ${cause}`;
  const restarts = why === 'changed' || willRestart(pod, { name, exitCode: EXIT_CODE_KILLED });
  return `Container ${name} ${cause}${restarts ? ', will be restarted' : ''}`;
}
