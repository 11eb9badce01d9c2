// What a pod's failure means by its Job's podFailurePolicy: the first rule that fits decides. Pure.
import type { Job, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern } from '../kinds/types/batch_v1.js';
import type { ContainerStatus, Pod } from '../kinds/types/core_v1.js';

export interface FailureVerdict {
  readonly action: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count';
  /** Why the whole Job fails, for people. */
  readonly message?: string;
}

const COUNT: FailureVerdict = { action: 'Count' };

/** Of a pod that has failed. */
export function failureVerdict({ spec }: Job, pod: Pod): FailureVerdict {
  const { namespace, name } = pod.metadata;
  for (const [i, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const container = rule.onExitCodes && matchingContainer(pod, rule.onExitCodes);
    const condition = rule.onExitCodes ? undefined : matchingCondition(pod, rule.onPodConditions ?? []);
    if (!container && !condition) continue;
    const action = rule.action as FailureVerdict['action'];
    if (action !== 'FailJob') return { action };
    const what = container
      ? `Container ${container.name} for pod ${namespace}/${name} failed with exit code ${container.state?.terminated?.exitCode}`
      : `Pod ${namespace}/${name} has condition ${condition}`;
    return { action, message: `${what} matching FailJob rule at index ${i}` };
  }
  return COUNT;
}

function matchingContainer(
  { status }: Pod,
  { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement,
): ContainerStatus | undefined {
  return [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find(({ name, state }) => {
    const code = state?.terminated?.exitCode ?? 0;
    if (code === 0 || (containerName !== undefined && containerName !== name)) return false;
    return operator === 'In' ? values.includes(code) : !values.includes(code);
  });
}

function matchingCondition({ status }: Pod, patterns: readonly PodFailurePolicyOnPodConditionsPattern[]): string | undefined {
  return (status.conditions ?? []).find((is) => patterns.some(({ type, status }) => type === is.type && status === is.status))?.type;
}
