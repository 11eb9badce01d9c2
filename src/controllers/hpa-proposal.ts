// What a metric of an autoscaler proposes, and the arithmetic that its sources share.
import type { Selector } from '../apimachinery/labels.js';
import { formatQuantity, milliValue } from '../apimachinery/quantity.js';
import { pods } from '../kinds/core/pod.js';
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricStatus, MetricValueStatus } from '../kinds/types/autoscaling_v2.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { ReconcileContext } from './define.js';
import { MetricError, proposedReplicas, type Question, type Sample } from './hpa-replicas.js';

export interface Target {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly selector: Selector;
  /** As wanted, and as there are. */
  readonly replicas: number;
  readonly statusReplicas: number;
}

export interface Proposal {
  readonly replicas: number;
  /** For the reason of a change. */
  readonly metric: string;
  readonly status: MetricStatus;
}

/** What a source shows and asks for, before its status has its form. */
export type Shown = Omit<Proposal, 'status'> & { readonly current: MetricValueStatus };

export type Asked = Omit<Question, 'ratioOf' | 'inFull'>;

/** Throws MetricError where there are no pods. */
export function asked(context: ReconcileContext, target: Target, resource: string, samples: ReadonlyMap<string, Sample>): Asked {
  const { options } = context;
  const tolerance = tolerancesOf(target.autoscaler, options);
  return { pods: podsOf(context, target), samples, resource, current: target.replicas, tolerance, starting: options };
}

/** So much a pod on average. */
export function byAverage(question: Asked, target_milli: number, now_ms: number): Omit<Shown, 'metric'> {
  let average: number | undefined;
  const ratioOf = (values: ReadonlyMap<string, number>) => {
    const now = Math.trunc(sum(values.values()) / values.size);
    average ??= now;
    return now / target_milli;
  };
  const replicas = proposedReplicas({ ...question, ratioOf, inFull: () => target_milli }, now_ms);
  return { replicas, current: { averageValue: quantity(average!) } };
}

/** All that the target's selector finds, of which there must be some. */
export function podsOf({ list }: ReconcileContext, { autoscaler, selector }: Target): readonly Pod[] {
  const found = list(pods, autoscaler.metadata.namespace).filter(({ metadata }) => selector.matches(metadata.labels));
  if (found.length === 0) throw new MetricError('no pods returned by selector while calculating replica count');
  return found;
}

export function tolerancesOf(
  { spec: { behavior } }: HorizontalPodAutoscaler,
  { hpaTolerance }: ReconcileContext['options'],
): Question['tolerance'] {
  const of = (rules: HPAScalingRules | undefined) => (rules?.tolerance === undefined ? hpaTolerance : milliValue(rules.tolerance) / 1000);
  return { up: of(behavior?.scaleUp), down: of(behavior?.scaleDown) };
}

export const sum = (values: Iterable<number>) => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

export const quantity = (milli: number) => formatQuantity(milli / 1000, 'DecimalSI');
