// How many replicas a metric asks for, given what each pod shows of it: pods that are not ready or show nothing count by what
// is safe for the direction. Pure.
import { isBeingDeleted } from '../apimachinery/object.js';
import { podCondition } from '../kinds/core/podutil.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { ControllerOptions } from './define.js';

/** Why no number can be said, in upstream's words. */
export class MetricError extends Error {
  override readonly name = 'MetricError';

  /** `whole`: what is said of all metrics where this one is the first that failed. */
  constructor(
    message: string,
    readonly whole = message,
  ) {
    super(message);
  }
}

export interface Sample {
  /** In thousandths of the metric's unit. */
  readonly value: number;
  readonly at_ms: number;
  readonly window_ms: number;
}

export interface Question {
  /** All that the target's selector finds. */
  readonly pods: readonly Pod[];
  /** By pod. */
  readonly samples: ReadonlyMap<string, Sample>;
  /** `cpu` is not believed while a pod starts. */
  readonly resource: string;
  readonly current: number;
  readonly tolerance: { readonly up: number; readonly down: number };
  readonly starting: Pick<ControllerOptions, 'hpaCpuInitializationPeriod_ms' | 'hpaInitialReadinessDelay_ms'>;
  /** Use in relation to the target, over these pods. */
  readonly ratioOf: (values: ReadonlyMap<string, number>) => number;
  /** What a pod is taken to use that shows nothing, where the others use too little. */
  readonly inFull: (pod: string) => number;
}

export function proposedReplicas(question: Question, now_ms: number): number {
  const { samples, current, tolerance, ratioOf, inFull } = question;
  const { ready, unready, missing } = groupPods(question, now_ms);
  const values = new Map(ready.map((name) => [name, samples.get(name)!.value]));
  if (values.size === 0) throw new MetricError('did not receive metrics for targeted pods (pods might be unready)');
  const isWithin = (ratio: number) => ratio >= 1 - tolerance.down && ratio <= 1 + tolerance.up;
  const ratio = ratioOf(values);
  const unreadyCount = unready.length > 0 && ratio > 1;
  if (!unreadyCount && missing.length === 0) return isWithin(ratio) ? current : Math.ceil(ratio * ready.length);
  for (const name of missing) values.set(name, ratio < 1 ? inFull(name) : 0);
  if (unreadyCount) for (const name of unready) values.set(name, 0);
  const cautious = ratioOf(values);
  const turned = (ratio < 1 && cautious > 1) || (ratio > 1 && cautious < 1);
  if (isWithin(cautious) || turned) return current;
  const replicas = Math.ceil(cautious * values.size);
  return (cautious < 1 && replicas > current) || (cautious > 1 && replicas < current) ? current : replicas;
}

interface Groups {
  readonly ready: string[];
  readonly unready: string[];
  readonly missing: string[];
}

function groupPods({ pods, samples, resource, starting }: Question, now_ms: number): Groups {
  const groups: Groups = { ready: [], unready: [], missing: [] };
  for (const pod of pods) {
    const { name } = pod.metadata;
    if (isBeingDeleted(pod) || pod.status.phase === 'Failed') continue;
    const sample = samples.get(name);
    if (pod.status.phase === 'Pending') groups.unready.push(name);
    else if (!sample) groups.missing.push(name);
    else if (resource === 'cpu' && isStarting(pod, sample, starting, now_ms)) groups.unready.push(name);
    else groups.ready.push(name);
  }
  return groups;
}

function isStarting(pod: Pod, sample: Sample, starting: Question['starting'], now_ms: number): boolean {
  const ready = podCondition(pod, 'Ready');
  if (!ready || !pod.status.startTime) return true;
  const started_ms = Date.parse(pod.status.startTime);
  const since_ms = ready.lastTransitionTime ? Date.parse(ready.lastTransitionTime) : 0;
  const isUnready = ready.status === 'False';
  if (started_ms + starting.hpaCpuInitializationPeriod_ms > now_ms) return isUnready || sample.at_ms < since_ms + sample.window_ms;
  // Never ready since it started.
  return isUnready && started_ms + starting.hpaInitialReadinessDelay_ms > since_ms;
}
