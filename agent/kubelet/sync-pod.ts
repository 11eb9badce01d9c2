// What to do next for a pod, from its spec and what the runtime has of it: pure, upstream's computePodActions.
import type { Container, Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime.js';
import { containerHash } from './container-hash.js';

export interface StartAction {
  readonly container: Container;
  readonly init: boolean;
  /** Its restart count. */
  readonly attempt: number;
  /** How it last ended; absent for the first start. */
  readonly last?: RuntimeContainer;
}

export interface KillAction {
  readonly container: RuntimeContainer;
  readonly why: 'changed' | 'liveness' | 'startup';
}

export interface PodActions {
  /** Ends all containers and the sandbox, if any still run. Comes before everything else. */
  readonly killPod: boolean;
  readonly createSandbox: boolean;
  readonly sandboxAttempt: number;
  readonly kill: readonly KillAction[];
  /** In this order. Those killed now are started by the next round. */
  readonly start: readonly StartAction[];
  /** IDs of dead containers that nothing refers to any more: each container keeps only the last one. */
  readonly remove: readonly string[];
}

/** IDs of containers that a probe has given up on. */
export type FailedProbes = ReadonlyMap<string, 'liveness' | 'startup'>;

/** The newest of each name that was started, or was to be and could not. */
export function latestContainers(observed: RuntimePod): ReadonlyMap<string, RuntimeContainer> {
  const latest = new Map<string, RuntimeContainer>();
  for (const container of observed.containers) {
    if (container.state !== 'created' && !latest.has(container.name)) latest.set(container.name, container);
  }
  return latest;
}

export function computeActions(pod: Pod, observed: RuntimePod, failedProbes: FailedProbes): PodActions {
  const latest = latestContainers(observed);
  const sandbox = observed.sandboxes[0];
  const base = {
    killPod: false,
    createSandbox: false,
    sandboxAttempt: sandbox ? sandbox.attempt + 1 : 0,
    kill: [],
    start: [],
    remove: superfluous(observed, latest),
  } as const;
  const starting = (container: Container, init: boolean) => startAction(pod, container, init, latest.get(container.name));

  if (!sandbox?.ready || observed.sandboxes.some(({ id, ready }) => ready && id !== sandbox.id)) {
    const wanted = wantedInNewSandbox(pod, observed, latest);
    const start = wanted.length > 0 ? firstToStart(pod).filter((c) => c.init || wanted.includes(c.container)) : [];
    return { ...base, killPod: true, createSandbox: start.length > 0, start: start.map((c) => starting(c.container, c.init)) };
  }

  const init = nextInit(pod, sandbox.id, observed, latest);
  if (init === 'failed') return { ...base, killPod: true };
  if (init === 'running') return base;
  if (init !== 'done') return { ...base, start: [starting(init, true)] };

  const kill: KillAction[] = [];
  const start: StartAction[] = [];
  let running = 0;
  for (const container of pod.spec.containers) {
    const current = latest.get(container.name);
    if (current?.state !== 'running') {
      if (shouldRestart(pod, current)) start.push(starting(container, false));
      continue;
    }
    running++;
    const why = current.hash !== containerHash(container) ? 'changed' : failedProbes.get(current.id);
    if (why) kill.push({ container: current, why });
  }
  return { ...base, killPod: running === 0 && start.length === 0, kill, start };
}

/** By the pod's restart policy; a container that never was is always started. */
export function shouldRestart(pod: Pod, last: RuntimeContainer | undefined): boolean {
  if (!last) return true;
  const policy = pod.spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && last.exitCode !== 0);
}

/** Main containers that have to run again once the sandbox is a new one; none: the pod is over, and gets none. */
function wantedInNewSandbox(pod: Pod, observed: RuntimePod, latest: ReadonlyMap<string, RuntimeContainer>): readonly Container[] {
  if (pod.spec.restartPolicy === 'Never' && observed.containers.some(({ state }) => state !== 'created')) return [];
  // What still runs is killed with its sandbox, so its exit code is no success.
  return pod.spec.containers.filter((container) => {
    const last = latest.get(container.name);
    return last?.state === 'running' || shouldRestart(pod, last);
  });
}

/** Init containers run anew in a new sandbox, before anything else. */
function firstToStart({ spec }: Pod): readonly { container: Container; init: boolean }[] {
  const first = spec.initContainers?.[0];
  return first ? [{ container: first, init: true }] : spec.containers.map((container) => ({ container, init: false }));
}

/** The init container to start now, counting only runs in this sandbox; `done` also where a main container already runs. */
function nextInit(
  pod: Pod,
  sandboxId: string,
  observed: RuntimePod,
  latest: ReadonlyMap<string, RuntimeContainer>,
): Container | 'done' | 'running' | 'failed' {
  const inits = pod.spec.initContainers ?? [];
  const here = observed.containers.filter((container) => container.sandboxId === sandboxId && container.state !== 'created');
  if (here.some(({ name }) => pod.spec.containers.some((container) => container.name === name))) return 'done';
  for (const [index, container] of [...inits.entries()].reverse()) {
    const last = latest.get(container.name);
    if (!last || last.sandboxId !== sandboxId) continue;
    if (last.state === 'running') return 'running';
    if (last.exitCode === 0) return inits[index + 1] ?? 'done';
    return pod.spec.restartPolicy === 'Never' ? 'failed' : container;
  }
  return inits[0] ?? 'done';
}

function startAction(pod: Pod, container: Container, init: boolean, last: RuntimeContainer | undefined): StartAction {
  return { container, init, attempt: nextAttempt(pod, container.name, last), ...(last ? { last } : {}) };
}

/** One more than the last one's, also where only the API still knows of that. */
function nextAttempt({ status }: Pod, name: string, last: RuntimeContainer | undefined): number {
  if (last) return last.attempt + 1;
  const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const known = statuses.find((container) => container.name === name);
  return known?.containerID ? known.restartCount + 1 : 0;
}

function superfluous(observed: RuntimePod, latest: ReadonlyMap<string, RuntimeContainer>): readonly string[] {
  const kept = new Set<string>();
  return observed.containers
    .filter(({ id, name, state }) => {
      if (state === 'running') return false;
      if (state === 'created') return true;
      if (latest.get(name)?.id === id || !kept.has(name)) {
        kept.add(name);
        return false;
      }
      return true;
    })
    .map(({ id }) => id);
}
