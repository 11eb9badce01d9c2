// What to do next for a pod, from its spec and what the runtime has of it: pure, upstream's computePodActions.
import { isSidecar } from '../../src/kinds/core/podutil.js';
import type { Container, Pod } from '../../src/kinds/types/core_v1.js';
import type { PodSandbox, RuntimeContainer, RuntimePod } from '../runtime/runtime.js';
import { containerHash } from './container-hash.js';
import { EXIT_CODE_KILLED, restartsAfter, willRestart } from './restart-policy.js';

export interface StartAction {
  readonly container: Container;
  /** Its restart count. */
  readonly attempt: number;
  /** How it last ended; absent for the first start. */
  readonly last?: RuntimeContainer;
}

export interface KillAction {
  readonly container: RuntimeContainer;
  readonly why: 'changed' | 'liveness' | 'startup' | 'resized';
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

/** What the probes say of running containers, by ID. */
export interface ProbeFacts {
  /** Those that a probe has given up on. */
  readonly failed: ReadonlyMap<string, 'liveness' | 'startup'>;
  /** The startup probe, if it has one, has succeeded. */
  readonly started: (container: Container, id: string) => boolean;
}

/** The newest of each name that was started, or was to be and could not. */
export function latestContainers(observed: RuntimePod): ReadonlyMap<string, RuntimeContainer> {
  const latest = new Map<string, RuntimeContainer>();
  for (const container of observed.containers) {
    if (container.state !== 'created' && !latest.has(container.name)) latest.set(container.name, container);
  }
  return latest;
}

export function computeActions(pod: Pod, observed: RuntimePod, probes: ProbeFacts): PodActions {
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
  const starting = (containers: readonly Container[]) =>
    containers.map((container) => startAction(pod, container, latest.get(container.name)));

  if (!sandbox?.ready || observed.sandboxes.some(({ id, ready }) => ready && id !== sandbox.id)) {
    const wanted = wantedInNewSandbox(pod, observed, latest);
    const first = pod.spec.initContainers?.[0];
    const start = first && wanted.length > 0 ? [first] : wanted;
    return { ...base, killPod: true, createSandbox: start.length > 0, start: starting(start) };
  }

  const ephemeral = (pod.spec.ephemeralContainers ?? []).filter(({ name }) => !latest.has(name));
  const init = initActions(pod, sandbox, latest, probes);
  if (init.state === 'failed') return { ...base, killPod: true };
  if (init.state === 'underway') return { ...base, kill: init.kill, start: starting([...ephemeral, ...init.start]) };

  const main = mainActions(pod, latest, probes);
  // Sidecars keep no pod alive.
  if (main.isOver) return { ...base, killPod: true };
  return { ...base, kill: [...init.kill, ...main.kill], start: starting([...ephemeral, ...init.start, ...main.start]) };
}

/** Main containers that have to run again once the sandbox is a new one; none: the pod is over, and gets none. */
function wantedInNewSandbox({ spec }: Pod, observed: RuntimePod, latest: ReadonlyMap<string, RuntimeContainer>): readonly Container[] {
  const hasBegun = observed.containers.some(({ state }) => state !== 'created');
  if (hasBegun && !spec.containers.some((container) => restartsAfter(spec, container, EXIT_CODE_KILLED))) return [];
  // What still runs is killed with its sandbox, so its exit code is no success.
  return spec.containers.filter((container) => {
    const last = latest.get(container.name);
    return !last || restartsAfter(spec, container, last.state === 'running' ? EXIT_CODE_KILLED : last.exitCode);
  });
}

interface InitActions {
  readonly state: 'underway' | 'done' | 'failed';
  readonly kill: readonly KillAction[];
  readonly start: readonly Container[];
}

/**
 * Init containers in order, counting only runs in this sandbox. The last one that was started tells how far they are; before
 * it, and once all are through, only sidecars matter, which always run.
 */
function initActions(
  pod: Pod,
  { id: sandboxId }: PodSandbox,
  latest: ReadonlyMap<string, RuntimeContainer>,
  probes: ProbeFacts,
): InitActions {
  const inits = pod.spec.initContainers ?? [];
  const here = (container: Container) => {
    const last = latest.get(container.name);
    return last?.sandboxId === sandboxId ? last : undefined;
  };
  const kill: KillAction[] = [];
  const start: Container[] = [];
  let isDone = inits.length === 0 || pod.spec.containers.some(here);
  let isPast = isDone;
  for (const [index, container] of [...inits.entries()].reverse()) {
    const last = here(container);
    const isFrontier = last !== undefined && !isPast;
    isPast ||= isFrontier;
    if (!isFrontier && !(isPast && isSidecar(container))) continue;
    const why = isSidecar(container) && last?.state === 'running' ? replacement(container, last, probes) : undefined;
    if (why) kill.push({ container: last!, why });
    const progress = why ? 'waits' : progressOf(pod, container, last, probes);
    if (progress === 'failed') return { state: 'failed', kill: [], start: [] };
    if (progress === 'again') start.unshift(container);
    if (progress !== 'through' || !isFrontier) continue;
    if (index === inits.length - 1) isDone = true;
    else start.unshift(inits[index + 1]!);
  }
  if (!isPast) start.unshift(inits[0]!);
  return { state: isDone ? 'done' : 'underway', kill, start };
}

/** `through`: the next init container may start. */
function progressOf(
  pod: Pod,
  container: Container,
  last: RuntimeContainer | undefined,
  probes: ProbeFacts,
): 'through' | 'waits' | 'again' | 'failed' {
  if (!last) return 'again';
  if (last.state === 'running') return isSidecar(container) && probes.started(container, last.id) ? 'through' : 'waits';
  if (last.exitCode === 0 && !isSidecar(container)) return 'through';
  return willRestart(pod, last) ? 'again' : 'failed';
}

function mainActions({ spec }: Pod, latest: ReadonlyMap<string, RuntimeContainer>, probes: ProbeFacts) {
  const kill: KillAction[] = [];
  const start: Container[] = [];
  let running = 0;
  for (const container of spec.containers) {
    const current = latest.get(container.name);
    if (current?.state !== 'running') {
      if (!current || restartsAfter(spec, container, current.exitCode)) start.push(container);
      continue;
    }
    running++;
    const why = replacement(container, current, probes);
    if (why) kill.push({ container: current, why });
  }
  return { kill, start, isOver: running === 0 && start.length === 0 };
}

/** Why what runs is not what should. */
function replacement(container: Container, { id, hash }: RuntimeContainer, { failed }: ProbeFacts): KillAction['why'] | undefined {
  return hash === containerHash(container) ? failed.get(id) : 'changed';
}

function startAction(pod: Pod, container: Container, last: RuntimeContainer | undefined): StartAction {
  return { container, attempt: nextAttempt(pod, container.name, last), ...(last ? { last } : {}) };
}

/** One more than the last one's, also where only the API still knows of that. */
function nextAttempt({ status }: Pod, name: string, last: RuntimeContainer | undefined): number {
  if (last) return last.attempt + 1;
  const { initContainerStatuses = [], containerStatuses = [] } = status;
  const known = [...initContainerStatuses, ...containerStatuses].find((container) => container.name === name);
  return (known?.restartCount ?? 0) + (known?.containerID ? 1 : 0);
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
