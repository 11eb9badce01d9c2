// What no pod gets on this node, whoever else is there: it fails a pod that asks for it, so that who made it can make it elsewhere. Pure.
import { QuantityError } from '../../src/apimachinery/quantity.js';
import { podLimits, podRequests } from '../../src/kinds/core/podutil.js';
import type { AppArmorProfile, Pod } from '../../src/kinds/types/core_v1.js';
import type { Failure } from './failure.js';
import { forbiddenSysctl } from './sysctls.js';

export interface NodeFeatures {
  readonly allowedUnsafeSysctls: readonly string[];
  /** The kernel enforces AppArmor's profiles. */
  readonly appArmor: boolean;
}

type Check = (pod: Pod, features: NodeFeatures) => Pick<Failure, 'reason' | 'message'> | undefined;

const CHECKS: readonly Check[] = [
  (pod) => {
    const message = unreadableAmount(pod);
    return message === undefined ? undefined : { reason: 'UnexpectedAdmissionError', message };
  },
  ({ spec }) =>
    spec.os && spec.os.name !== 'linux'
      ? { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" }
      : undefined,
  (pod, { allowedUnsafeSysctls }) => {
    const message = forbiddenSysctl(pod, allowedUnsafeSysctls);
    return message === undefined ? undefined : { reason: 'SysctlForbidden', message };
  },
  ({ spec }, { appArmor }) => {
    const contexts = [spec, ...(spec.initContainers ?? []), ...spec.containers].map(({ securityContext }) => securityContext);
    const isConfined = (profile: AppArmorProfile | undefined) => profile !== undefined && profile.type !== 'Unconfined';
    if (appArmor || !contexts.some((context) => isConfined(context?.appArmorProfile))) return undefined;
    return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
  },
];

/** The API server takes no such pod; one that is there all the same must not keep others from being counted. */
function unreadableAmount(pod: Pod): string | undefined {
  try {
    podRequests(pod);
    podLimits(pod);
    return undefined;
  } catch (error) {
    if (error instanceof QuantityError) return error.message;
    throw error;
  }
}

/** The first reason not to take it. */
export function unfit(pod: Pod, features: NodeFeatures): Failure | undefined {
  for (const check of CHECKS) {
    const found = check(pod, features);
    if (found) return { reason: found.reason, message: `Pod was rejected: ${found.message}`, rejected: true };
  }
  return undefined;
}
