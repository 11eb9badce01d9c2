// Watches HorizontalPodAutoscalers; asks metrics at intervals, since they tell nobody that they have changed, how many replicas each target
// should have, and scales it within limits.

import { rfc3339 } from '../apimachinery/clock.js';
import { parseSelector, type Selector } from '../apimachinery/labels.js';
import { type ObjectName, parseKey } from '../apimachinery/object.js';
import { StatusError } from '../apimachinery/status.js';
import { customResourceDefinitions } from '../kinds/apiextensions/customresourcedefinition.js';
import { apiServices } from '../kinds/apiregistration/apiservice.js';
import { horizontalPodAutoscalers } from '../kinds/autoscaling/horizontalpodautoscaler.js';
import { sameJson } from '../kinds/checks.js';
import { pods } from '../kinds/core/pod.js';
import type { AnyKind, Kind } from '../kinds/define.js';
import { kinds } from '../kinds/index.js';
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus, MetricStatus } from '../kinds/types/autoscaling_v2.js';
import { defineController, type ReconcileContext, type ReconcileResult } from './define.js';
import { type Bounds, forget, type History, limitReplicas, NO_HISTORY, type Said } from './hpa-limits.js';
import { FAILURE_REASONS, propose } from './hpa-metrics.js';
import type { Proposal, Target } from './hpa-proposal.js';
import { MetricError } from './hpa-replicas.js';
import { type Scale, targetKind } from './hpa-target.js';
import { perRun } from './run-state.js';

interface Memory {
  readonly uid: string;
  readonly spec: HorizontalPodAutoscaler['spec'];
  readonly due_ms: number;
  history: History;
  selector?: Selector;
}

const memoryOf = perRun(() => new Map<string, Memory>());

export const horizontalPodAutoscaler = defineController({
  name: 'horizontal-pod-autoscaler',
  eventSource: 'horizontal-pod-autoscaler',
  serviceAccount: 'horizontal-pod-autoscaler',
  // Pods, definitions and who serves metrics are only looked at.
  inputs: [horizontalPodAutoscalers, ...[pods, customResourceDefinitions, apiServices].map((kind) => kind.mapped(() => []))],
  outputs: [
    horizontalPodAutoscalers.status,
    ...kinds.filter(({ subresources }) => subresources?.scale).map((kind) => ({ of: kind, subresource: 'scale' })),
  ],
  async reconcile(key, context) {
    const object = context.get(horizontalPodAutoscalers, parseKey(key));
    const memories = memoryOf(context);
    if (!object) {
      memories.delete(key);
      return;
    }
    // Not the wall clock, which may be set back: nothing would be asked until it is again as late.
    const now_ms = context.clock.monotonic();
    const known = memories.get(key);
    const ours = known?.uid === object.metadata.uid ? known : undefined;
    // Its own status brings it back here, too: nothing is to be asked again for that.
    if (ours && ours.due_ms > now_ms && sameJson(ours.spec, object.spec)) return { requeueAfter_ms: ours.due_ms - now_ms };
    const memory: Memory = {
      uid: object.metadata.uid,
      spec: object.spec,
      due_ms: now_ms + context.options.hpaSyncPeriod_ms,
      history: ours?.history ?? NO_HISTORY,
      ...(ours?.selector ? { selector: ours.selector } : {}),
    };
    memories.set(key, memory);
    try {
      return await new Autoscaling(context, object, memory).run();
    } catch (error) {
      memories.set(key, { ...memory, due_ms: now_ms });
      throw error;
    }
  },
});

/** What ends a pass without a number: what is said of it is said already. */
class Unscaled extends Error {}

/** One pass over one autoscaler. */
class Autoscaling {
  #status: HorizontalPodAutoscalerStatus;
  /** What is told. */
  readonly #now_ms: number;
  /** What is remembered: on a clock that nobody sets. */
  readonly #at_ms: number;

  constructor(
    private readonly context: ReconcileContext,
    private readonly autoscaler: HorizontalPodAutoscaler,
    private readonly memory: Memory,
  ) {
    this.#status = autoscaler.status;
    this.#now_ms = context.clock.now();
    this.#at_ms = context.clock.monotonic();
  }

  async run(): Promise<ReconcileResult> {
    try {
      await this.#scale();
    } catch (error) {
      if (!(error instanceof Unscaled)) throw error;
    }
    await this.#writeStatus();
    return { requeueAfter_ms: this.context.options.hpaSyncPeriod_ms };
  }

  async #scale(): Promise<void> {
    const { spec } = this.autoscaler;
    const { kind, scale } = await this.#target();
    const current = scale.spec.replicas ?? 0;
    if (this.memory.history === NO_HISTORY) this.#recommend(current);
    const { minReplicas = 1, maxReplicas } = spec;
    if (current === 0 && minReplicas !== 0) {
      this.#say('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
      this.#count(current, 0, []);
    } else if (current > maxReplicas)
      await this.#rescale(kind, scale, maxReplicas, 'Current number of replicas above Spec.MaxReplicas', []);
    else if (current < minReplicas) await this.#rescale(kind, scale, minReplicas, 'Current number of replicas below Spec.MinReplicas', []);
    else await this.#followMetrics(kind, scale, current);
  }

  async #target(): Promise<{ readonly kind: AnyKind; readonly scale: Scale }> {
    const { context, autoscaler } = this;
    const kind = targetKind(autoscaler.spec.scaleTargetRef, context);
    if (typeof kind === 'string') throw this.#noTarget(kind);
    try {
      const scale = (await context.client.get(kind, this.#targetName(), 'scale')) as unknown as Scale;
      this.#say('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
      return { kind, scale };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      throw this.#noTarget(error.message);
    }
  }

  #targetName(): ObjectName {
    return { namespace: this.autoscaler.metadata.namespace, name: this.autoscaler.spec.scaleTargetRef.name };
  }

  #noTarget(why: string): Unscaled {
    this.#tell('Warning', 'FailedGetScale', why);
    this.#say('AbleToScale', 'False', 'FailedGetScale', `the HPA controller was unable to get the target's current scale: ${why}`);
    return new Unscaled();
  }

  async #followMetrics(kind: AnyKind, scale: Scale, current: number): Promise<void> {
    const { proposals, failure } = await this.#propose(scale, current);
    const metrics: MetricStatus[] = proposals.map((proposal) => proposal?.status ?? { type: '' });
    const told = proposals.filter((proposal) => proposal !== undefined);
    const most = told.reduce<Proposal | undefined>((best, each) => (best && best.replicas >= each.replicas ? best : each), undefined);
    // Where some metrics fail the others may only ask for more.
    if (!most || (failure && most.replicas < current)) {
      this.#count(current, this.#status.desiredReplicas, metrics);
      if (failure) {
        this.#say('ScalingActive', 'False', failure.reason, `the HPA was unable to compute the replica count: ${failure.message}`);
        const invalid = proposals.length - told.length;
        const what = `invalid metrics (${invalid} invalid out of ${proposals.length}), first error is: ${failure.whole}`;
        this.#tell('Warning', 'FailedComputeMetricsReplicas', what);
      }
      return;
    }
    const found = `the HPA was able to successfully calculate a replica count from ${most.metric}`;
    this.#say('ScalingActive', 'True', 'ValidMetricFound', found);
    const { replicas, able, limited } = limitReplicas(this.#bounds(), this.memory.history, current, most.replicas, this.#at_ms);
    this.#recommend(most.replicas);
    this.#say('AbleToScale', able.status, able.reason, able.message);
    this.#say('ScalingLimited', limited.status, limited.reason, limited.message);
    if (replicas === current) this.#count(current, current, metrics);
    else {
      const reason = most.replicas > current ? `${most.metric} above target` : 'All metrics below target';
      await this.#rescale(kind, scale, replicas, reason, metrics);
    }
  }

  async #propose(scale: Scale, current: number) {
    const selector = this.#selector(scale);
    this.memory.selector = selector;
    this.#checkAmbiguity(selector);
    const target: Target = { autoscaler: this.autoscaler, selector, replicas: current, statusReplicas: scale.status.replicas ?? 0 };
    const proposals: (Proposal | undefined)[] = [];
    let failure: { readonly reason: string; readonly message: string; readonly whole: string } | undefined;
    for (const metric of this.autoscaler.spec.metrics ?? []) {
      try {
        proposals.push(await propose(this.context, target, metric));
      } catch (error) {
        if (!(error instanceof MetricError)) throw error;
        const reason = FAILURE_REASONS[metric.type] ?? 'InvalidMetricSourceType';
        this.#tell('Warning', reason, error.message);
        failure ??= { reason, message: error.message, whole: error.whole };
        proposals.push(undefined);
      }
    }
    return { proposals, failure };
  }

  #selector({ status }: Scale): Selector {
    if (!status.selector) {
      this.#tell('Warning', 'SelectorRequired', 'selector is required');
      throw this.#inactive('InvalidSelector', "the HPA target's scale is missing a selector", 'selector is required');
    }
    return parseSelector(status.selector);
  }

  /** Two autoscalers that see the same pods would undo what the other does. */
  #checkAmbiguity(selector: Selector): void {
    const { namespace } = this.autoscaler.metadata;
    const found = this.context.list(pods, namespace).filter(({ metadata }) => selector.matches(metadata.labels));
    const others = [...memoryOf(this.context)].filter(([key, { selector: other }]) => {
      return parseKey(key).namespace === namespace && found.some(({ metadata }) => other?.matches(metadata.labels));
    });
    if (others.length < 2) return;
    const keys = others.map(([key]) => key).sort();
    const why = `pods by selector ${selector} are controlled by multiple HPAs: [${keys.join(' ')}]`;
    this.#tell('Warning', 'AmbiguousSelector', why);
    throw this.#inactive('AmbiguousSelector', why, why);
  }

  #inactive(reason: string, message: string, error: string): Unscaled {
    this.#say('ScalingActive', 'False', reason, message);
    this.#tell('Warning', 'FailedComputeMetricsReplicas', error);
    return new Unscaled();
  }

  async #rescale(kind: AnyKind, scale: Scale, replicas: number, reason: string, metrics: readonly MetricStatus[]): Promise<void> {
    const current = scale.spec.replicas ?? 0;
    try {
      await this.context.client.update(kind as Kind<Scale>, { ...scale, spec: { replicas } }, 'scale');
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const { message } = error;
      this.#tell('Warning', 'FailedRescale', `New size: ${replicas}; reason: ${reason}; error: ${message}`);
      this.#say('AbleToScale', 'False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${message}`);
      this.#count(current, this.#status.desiredReplicas, metrics);
      throw new Unscaled();
    }
    this.#say('AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${replicas}`);
    this.#tell('Normal', 'SuccessfulRescale', `New size: ${replicas}; reason: ${reason}`);
    this.#remember(current, replicas);
    this.#count(current, replicas, metrics);
    this.#status = { ...this.#status, lastScaleTime: rfc3339(this.#now_ms) };
  }

  #bounds(): Bounds {
    return { ...this.autoscaler.spec, downscaleStabilization_ms: this.context.options.hpaDownscaleStabilization_ms };
  }

  #recommend(replicas: number): void {
    const { memory } = this;
    const recommendations = [...memory.history.recommendations, { at_ms: this.#at_ms, replicas }];
    memory.history = forget(this.#bounds(), { ...memory.history, recommendations }, this.#at_ms);
  }

  #remember(before: number, after: number): void {
    const { memory } = this;
    const change = { at_ms: this.#at_ms, replicas: Math.abs(after - before) };
    const { added, removed } = memory.history;
    memory.history = { ...memory.history, ...(after > before ? { added: [...added, change] } : { removed: [...removed, change] }) };
  }

  #count(currentReplicas: number, desiredReplicas: number, currentMetrics: readonly MetricStatus[]): void {
    this.#status = { ...this.#status, currentReplicas, desiredReplicas, currentMetrics };
  }

  #say(type: string, status: Said['status'], reason: string, message: string): void {
    const { conditions = [] } = this.#status;
    const known = conditions.find((condition) => condition.type === type);
    const since = known?.status === status ? known.lastTransitionTime : undefined;
    const next = { type, status, lastTransitionTime: since ?? rfc3339(this.#now_ms), reason, message };
    this.#status = {
      ...this.#status,
      conditions: known ? conditions.map((each) => (each === known ? next : each)) : [...conditions, next],
    };
  }

  async #writeStatus(): Promise<void> {
    const { autoscaler } = this;
    if (sameJson(normal(this.#status), normal(autoscaler.status))) return;
    await this.context.client.update(horizontalPodAutoscalers, { ...autoscaler, status: this.#status }, 'status');
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.context.events.event(this.autoscaler, type, reason, message);
  }
}

/** With what storage may leave out. */
function normal({
  currentReplicas = 0,
  desiredReplicas = 0,
  currentMetrics,
  conditions = [],
  ...rest
}: HorizontalPodAutoscalerStatus): object {
  return { ...rest, currentReplicas, desiredReplicas, currentMetrics: currentMetrics ?? [], conditions };
}
