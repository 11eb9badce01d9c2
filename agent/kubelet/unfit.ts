// What no pod gets on this node, whoever else is there: it fails a pod that asks for it, so that who made it can make it elsewhere. Pure.
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
  ({ spec }) =>
    spec.os && spec.os.name !== 'linux'
      ? { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" }
      : undefined,
  ({ spec }) =>
    spec.securityContext?.supplementalGroupsPolicy === 'Strict'
      ? { reason: 'SupplementalGroupsPolicyNotSupported', message: 'SupplementalGroupsPolicy=Strict is not supported in this node' }
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

/** The first reason not to take it. */
export function unfit(pod: Pod, features: NodeFeatures): Failure | undefined {
  for (const check of CHECKS) {
    const found = check(pod, features);
    if (found) return { reason: found.reason, message: `Pod was rejected: ${found.message}`, rejected: true };
  }
  return undefined;
}
