// The status of a Deployment: its counts, its conditions with upstream's reasons, and when its progress is overdue. Pure.
import { rfc3339 } from '../apimachinery/clock.js';
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../kinds/types/apps_v1.js';
import { replicasOf, sumReplicas } from './deployment-replicasets.js';
import { boundsOf } from './deployment-scale.js';

/** The value that switches the progress deadline off. */
const NO_DEADLINE = 2 ** 31 - 1;
/** Later than the deadline itself, so that the check made then finds it passed. */
const DEADLINE_SLACK_MS = 1000;

/** What this pass did that a condition tells of. */
export type ProgressNote = 'NewReplicaSetCreated' | 'FoundNewReplicaSet' | 'DeploymentPaused' | 'DeploymentResumed' | undefined;

export interface StatusInput {
  readonly deployment: Deployment;
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly note: ProgressNote;
  /** False while paused or being scaled: the rollout is not judged then. */
  readonly rollingOut: boolean;
  readonly now_ms: number;
}

export interface StatusResult {
  readonly status: DeploymentStatus;
  /** When to judge progress again, should nothing change before. */
  readonly requeueAfter_ms: number | undefined;
}

type Conditions = Map<string, DeploymentCondition>;

export function deploymentStatus(input: StatusInput): StatusResult {
  const { deployment, now_ms } = input;
  const counts = countsOf(input);
  const conditions: Conditions = new Map((deployment.status.conditions ?? []).map((condition) => [condition.type, condition]));
  applyNote(conditions, input);
  set(conditions, availableCondition(deployment, counts), now_ms);
  if (input.rollingOut) judgeProgress(conditions, input, counts);
  if (!hasDeadline(deployment)) conditions.delete('Progressing');
  applyReplicaFailure(conditions, input);
  const status = { ...counts, conditions: [...conditions.values()] };
  return { status, requeueAfter_ms: input.rollingOut ? untilDeadline_ms(deployment, conditions, now_ms) : undefined };
}

function countsOf({
  deployment,
  current,
  old,
}: StatusInput): Required<
  Pick<
    DeploymentStatus,
    | 'observedGeneration'
    | 'replicas'
    | 'updatedReplicas'
    | 'readyReplicas'
    | 'availableReplicas'
    | 'unavailableReplicas'
    | 'terminatingReplicas'
  >
> &
  Pick<DeploymentStatus, 'collisionCount'> {
  const all = current ? [...old, current] : old;
  const sum = (of: (set: ReplicaSet) => number | undefined) => all.reduce((total, set) => total + (of(set) ?? 0), 0);
  const availableReplicas = sum((set) => set.status.availableReplicas);
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum((set) => set.status.replicas),
    updatedReplicas: current?.status.replicas ?? 0,
    readyReplicas: sum((set) => set.status.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, sumReplicas(all) - availableReplicas),
    terminatingReplicas: sum((set) => set.status.terminatingReplicas),
    ...(deployment.status.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
  };
}

type Counts = ReturnType<typeof countsOf>;
type NewCondition = Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'>;

/** Sets a condition; the same status and reason again change nothing, the same status keeps its transition time. */
function set(conditions: Conditions, condition: NewCondition, now_ms: number, refresh = false): void {
  const before = conditions.get(condition.type);
  if (before?.status === condition.status && before.reason === condition.reason && !refresh) return;
  const now = rfc3339(now_ms);
  const lastTransitionTime = before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
  conditions.set(condition.type, { ...condition, lastUpdateTime: now, lastTransitionTime });
}

function availableCondition(deployment: Deployment, counts: Counts): NewCondition {
  const { desired, maxUnavailable } = boundsOf(deployment);
  return counts.availableReplicas >= desired - maxUnavailable
    ? { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

function applyNote(conditions: Conditions, { note, current, deployment, now_ms }: StatusInput): void {
  const type = 'Progressing';
  const set_ = (status: string, reason: string, message: string) => set(conditions, { type, status, reason, message }, now_ms);
  const name = current?.metadata.name ?? deployment.metadata.name;
  if (note === 'NewReplicaSetCreated') set_('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`);
  if (note === 'FoundNewReplicaSet') set_('True', 'FoundNewReplicaSet', `Found new replica set "${name}"`);
  if (note === 'DeploymentPaused') set_('Unknown', 'DeploymentPaused', 'Deployment is paused');
  if (note === 'DeploymentResumed') set_('Unknown', 'DeploymentResumed', 'Deployment is resumed');
}

function judgeProgress(conditions: Conditions, { deployment, current, now_ms }: StatusInput, counts: Counts): void {
  const before = conditions.get('Progressing');
  const alreadyComplete = counts.replicas === counts.updatedReplicas && before?.reason === 'NewReplicaSetAvailable';
  if (!hasDeadline(deployment) || alreadyComplete) return;
  const what = current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const type = 'Progressing';
  if (isComplete(deployment, counts)) {
    set(conditions, { type, status: 'True', reason: 'NewReplicaSetAvailable', message: `${what} has successfully progressed.` }, now_ms);
  } else if (hasProgressed(deployment.status, counts)) {
    set(conditions, { type, status: 'True', reason: 'ReplicaSetUpdated', message: `${what} is progressing.` }, now_ms, true);
  } else if (isOverdue(deployment, before, now_ms)) {
    set(conditions, { type, status: 'False', reason: 'ProgressDeadlineExceeded', message: `${what} has timed out progressing.` }, now_ms);
  }
}

/** All desired pods are of the current template and available, and none of an older one is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus = deployment.status): boolean {
  const desired = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === desired &&
    (status.replicas ?? 0) === desired &&
    (status.availableReplicas ?? 0) === desired &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasProgressed(before: DeploymentStatus, now: Counts): boolean {
  const oldBefore = (before.replicas ?? 0) - (before.updatedReplicas ?? 0);
  return (
    now.updatedReplicas > (before.updatedReplicas ?? 0) ||
    now.replicas - now.updatedReplicas < oldBefore ||
    now.readyReplicas > (before.readyReplicas ?? 0) ||
    now.availableReplicas > (before.availableReplicas ?? 0)
  );
}

const hasDeadline = ({ spec }: Deployment): boolean =>
  spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== NO_DEADLINE;

function isOverdue(deployment: Deployment, progressing: DeploymentCondition | undefined, now_ms: number): boolean {
  if (!progressing || progressing.reason === 'NewReplicaSetAvailable') return false;
  if (progressing.reason === 'ProgressDeadlineExceeded') return true;
  return now_ms > deadline_ms(deployment, progressing);
}

function deadline_ms({ spec }: Deployment, { lastUpdateTime }: DeploymentCondition): number {
  return Date.parse(lastUpdateTime ?? '') + spec.progressDeadlineSeconds! * 1000;
}

function untilDeadline_ms(deployment: Deployment, conditions: Conditions, now_ms: number): number | undefined {
  const progressing = conditions.get('Progressing');
  if (!progressing || !hasDeadline(deployment)) return undefined;
  if (progressing.reason === 'NewReplicaSetAvailable' || progressing.reason === 'ProgressDeadlineExceeded') return undefined;
  return Math.max(0, deadline_ms(deployment, progressing) - now_ms) + DEADLINE_SLACK_MS;
}

/** A replica set that cannot make its pods says so in a condition, which is passed on. */
function applyReplicaFailure(conditions: Conditions, { current, old, now_ms }: StatusInput): void {
  const failures = [current, ...old].flatMap((set_) => set_?.status.conditions?.find(({ type }) => type === 'ReplicaFailure') ?? []);
  const failure = failures[0];
  if (!failure) conditions.delete('ReplicaFailure');
  else {
    const { type, status, reason = '', message = '' } = failure;
    set(conditions, { type, status, reason, message }, now_ms);
  }
}
