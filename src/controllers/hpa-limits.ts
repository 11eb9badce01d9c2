// How fast and how far a target may be scaled: recommendations are held against recent ones, changes against policies. Pure.
import { MAX_INT32 } from '../kinds/checks.js';
import type { HorizontalPodAutoscalerSpec, HPAScalingRules } from '../kinds/types/autoscaling_v2.js';

/** Without any behavior: twice as many at a time, or this many. */
const SCALE_UP_FACTOR = 2;
const SCALE_UP_LEAST = 4;

/** What bounds the changes of one autoscaler. */
export interface Bounds extends Pick<HorizontalPodAutoscalerSpec, 'minReplicas' | 'maxReplicas' | 'behavior'> {
  /** Where the behavior names none. */
  readonly downscaleStabilization_ms: number;
}

export interface Change {
  readonly at_ms: number;
  readonly replicas: number;
}

/** What an autoscaler remembers, newest last. */
export interface History {
  /** What the metrics asked for. */
  readonly recommendations: readonly Change[];
  readonly added: readonly Change[];
  readonly removed: readonly Change[];
}

export const NO_HISTORY: History = { recommendations: [], added: [], removed: [] };

export interface Said {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export interface Limited {
  readonly replicas: number;
  /** For the condition AbleToScale. */
  readonly able: Said;
  /** For the condition ScalingLimited. */
  readonly limited: Said;
}

type Bound = readonly [limit: number, reason: string, message: string];

const STABILIZED_DOWN = 'recent recommendations were higher than current one, applying the highest recent recommendation';
const STABILIZED_UP = 'recent recommendations were lower than current one, applying the lowest recent recommendation';
const TOO_MANY = ['TooManyReplicas', 'the desired replica count is more than the maximum replica count'] as const;
const TOO_FEW = ['TooFewReplicas', 'the desired replica count is less than the minimum replica count'] as const;
const UP_LIMIT = ['ScaleUpLimit', 'the desired replica count is increasing faster than the maximum scale rate'] as const;
const DOWN_LIMIT = ['ScaleDownLimit', 'the desired replica count is decreasing faster than the maximum scale rate'] as const;

/** What `desired` comes to. */
export function limitReplicas(spec: Bounds, history: History, current: number, desired: number, now_ms: number): Limited {
  const stable = stabilize(spec, history, current, desired, now_ms);
  const held = desired >= current && spec.behavior ? ['ScaleUpStabilized', STABILIZED_UP] : ['ScaleDownStabilized', STABILIZED_DOWN];
  const [reason, message] = stable === desired ? ['ReadyForNewScale', 'recommended size matches current size'] : held;
  const [lower, upper] = spec.behavior ? boundsByBehavior(spec, history, current, stable, now_ms) : boundsByDefault(spec, current);
  const bound = stable < lower[0] ? lower : stable > upper[0] ? upper : undefined;
  return {
    replicas: bound ? bound[0] : stable,
    able: { status: 'True', reason: reason!, message: message! },
    limited: bound
      ? { status: 'True', reason: bound[1], message: bound[2] }
      : { status: 'False', reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' },
  };
}

/** Without what is too old to matter to any rule. */
export function forget(spec: Bounds, { recommendations, added, removed }: History, now_ms: number): History {
  const { scaleUp, scaleDown } = spec.behavior ?? {};
  const recent = (changes: readonly Change[], window_ms: number) => changes.filter(({ at_ms }) => at_ms > now_ms - window_ms);
  const longest = (rules: HPAScalingRules | undefined) => Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds));
  const period_ms = Math.max(longest(scaleUp), longest(scaleDown)) * 1000;
  return {
    recommendations: recent(recommendations, Math.max(upWindow_ms(spec), downWindow_ms(spec))),
    added: recent(added, period_ms),
    removed: recent(removed, period_ms),
  };
}

const upWindow_ms = ({ behavior }: Bounds) => (behavior?.scaleUp?.stabilizationWindowSeconds ?? 0) * 1000;

function downWindow_ms({ behavior, downscaleStabilization_ms }: Bounds): number {
  const window_s = behavior?.scaleDown?.stabilizationWindowSeconds;
  return window_s === undefined ? downscaleStabilization_ms : window_s * 1000;
}

function stabilize(spec: Bounds, history: History, current: number, desired: number, now_ms: number): number {
  const within = (window_ms: number) =>
    history.recommendations.filter(({ at_ms }) => at_ms > now_ms - window_ms).map(({ replicas }) => replicas);
  const highest = Math.max(desired, ...within(downWindow_ms(spec)));
  if (!spec.behavior) return highest;
  const lowest = Math.min(desired, ...within(upWindow_ms(spec)));
  return Math.min(Math.max(current, lowest), highest);
}

function boundsByDefault({ minReplicas = 1, maxReplicas }: Bounds, current: number): readonly [Bound, Bound] {
  const fastest = Math.max(SCALE_UP_FACTOR * current, SCALE_UP_LEAST);
  return [[minReplicas, ...TOO_FEW], maxReplicas > fastest ? [fastest, ...UP_LIMIT] : [maxReplicas, ...TOO_MANY]];
}

/** Only the bound in the direction of the change counts. */
function boundsByBehavior(
  { minReplicas = 1, maxReplicas, behavior }: Bounds,
  history: History,
  current: number,
  desired: number,
  now_ms: number,
): readonly [Bound, Bound] {
  let lower: Bound = [Number.NEGATIVE_INFINITY, ...TOO_FEW];
  let upper: Bound = [Number.POSITIVE_INFINITY, ...TOO_MANY];
  if (desired > current) {
    const fastest = Math.max(current, scaleUpLimit(behavior?.scaleUp, history, current, now_ms));
    upper = maxReplicas > fastest ? [fastest, ...UP_LIMIT] : [maxReplicas, ...TOO_MANY];
  } else if (desired < current) {
    const fastest = Math.min(current, scaleDownLimit(behavior?.scaleDown, history, current, now_ms));
    lower = minReplicas < fastest ? [fastest, ...DOWN_LIMIT] : [minReplicas, ...TOO_FEW];
  }
  return [lower, upper];
}

function scaleUpLimit(rules: HPAScalingRules | undefined, history: History, current: number, now_ms: number): number {
  if (rules?.selectPolicy === 'Disabled') return current;
  const proposals = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = atStart(history, current, periodSeconds, now_ms);
    // Rounded up: else a small target would never grow.
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  });
  return Math.min(MAX_INT32, rules?.selectPolicy === 'Min' ? Math.min(...proposals) : Math.max(...proposals));
}

function scaleDownLimit(rules: HPAScalingRules | undefined, history: History, current: number, now_ms: number): number {
  if (rules?.selectPolicy === 'Disabled') return current;
  const proposals = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = atStart(history, current, periodSeconds, now_ms);
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.max(...proposals) : Math.min(...proposals);
}

/** How many there were when the period began. */
function atStart({ added, removed }: History, current: number, period_s: number, now_ms: number): number {
  const sum = (changes: readonly Change[]) =>
    changes.reduce((total, { at_ms, replicas }) => total + (at_ms > now_ms - period_s * 1000 ? replicas : 0), 0);
  return current - sum(added) + sum(removed);
}
