// One pod's resizes: what it is given, its running containers brought to that without a restart, and the conditions that tell of it.
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimePod } from '../runtime/runtime.js';
import type { ResizeCondition } from './conditions.js';
import {
  type Allocation,
  allocationFromStatus,
  isGiven,
  type ResizeActions,
  type ResizePending,
  requested,
  resizeActions,
  resizeMessage,
  withAllocation,
} from './resize.js';
import { containerResources } from './resources.js';
import type { PodServices } from './services.js';

/** A limit below what is in use can be had once that has shrunk. */
const RETRY_MS = 10_000;

const NOTHING: ResizeActions = { update: [], restart: [] };

export class PodResize {
  private allocation: Allocation | undefined;
  private pending: ResizePending | undefined;
  /** It was given something new, which its containers do not all have yet. */
  private inProgress: { error?: string } | undefined;

  constructor(private readonly services: PodServices) {}

  get isDeferred(): boolean {
    return this.pending?.reason === 'Deferred';
  }

  /** The pod as it was given resources so far. */
  given(pod: Pod): Pod {
    this.allocation ??= this.recalled(pod);
    return withAllocation(pod, this.allocation);
  }

  private recalled(pod: Pod): Allocation {
    if (pod.status.conditions?.some(({ type }) => type === 'PodResizeInProgress')) this.inProgress = {};
    return allocationFromStatus(pod);
  }

  /** Gives the pod what it asks for if that can be had, and returns it with what it has been given. */
  allocate(pod: Pod): Pod {
    const { services } = this;
    const given = this.given(pod);
    if (isGiven(pod, this.allocation!)) {
      this.pending = undefined;
      return given;
    }
    const pending = services.cannotResize(pod);
    if (pending) {
      if (pending.message !== this.pending?.message) {
        const what = pending.reason === 'Deferred' ? 'deferred' : 'infeasible';
        services.events.event(pod, 'Warning', `Resize${pending.reason}`, resizeMessage(what, pod, pending.message));
      }
      this.pending = pending;
      return given;
    }
    this.pending = undefined;
    this.allocation = requested(pod);
    this.inProgress = {};
    services.events.event(pod, 'Normal', 'ResizeStarted', resizeMessage('started', pod));
    return pod;
  }

  get conditions(): readonly ResizeCondition[] {
    const { pending, inProgress } = this;
    return [
      ...(pending ? [{ type: 'PodResizePending', ...pending }] : []),
      ...(inProgress ? [{ type: 'PodResizeInProgress', ...(inProgress.error ? { reason: 'Error', message: inProgress.error } : {}) }] : []),
    ];
  }

  /** Updates what runs, the pod's own group first made wide enough for both; returns what is still to be done by restarts. */
  async actuate(pod: Pod, observed: RuntimePod): Promise<ResizeActions> {
    if (!this.inProgress) return NOTHING;
    const { runtime, cgroups } = this.services;
    const actions = this.actionsFor(pod, observed);
    try {
      if (actions.update.length > 0) await cgroups.widen(pod);
      for (const { container, resources } of actions.update) await runtime.updateContainer(container.id, resources);
      if (actions.restart.length === 0) await cgroups.apply(pod);
      this.inProgress = {};
    } catch (error) {
      const { message } = error as Error;
      if (this.inProgress.error !== message) {
        this.services.events.event(pod, 'Warning', 'ResizeError', resizeMessage('error', pod, message));
      }
      this.inProgress = { error: message };
    }
    return actions;
  }

  /** Called with what is seen after that: is it over? Returns when to try again what failed; restarts wake the pod by themselves. */
  settle(pod: Pod, observed: RuntimePod): number | undefined {
    if (!this.inProgress) return undefined;
    if (this.inProgress.error) return RETRY_MS;
    const { update, restart } = this.actionsFor(pod, observed);
    const running = new Set(observed.containers.filter(({ state }) => state === 'running').map(({ name }) => name));
    if (update.length + restart.length > 0 || !pod.spec.containers.every(({ name }) => running.has(name))) return undefined;
    this.inProgress = undefined;
    this.services.events.event(pod, 'Normal', 'ResizeCompleted', resizeMessage('completed', pod));
    return undefined;
  }

  private actionsFor(pod: Pod, observed: RuntimePod): ResizeActions {
    const { node, oomFloor, settings } = this.services;
    const context = { spec: pod.spec, nodeMemory_bytes: node.memory_bytes, oomFloor, settings };
    return resizeActions(pod, observed, (container) => containerResources(container, context));
  }
}
