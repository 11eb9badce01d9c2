// A container's security settings, its own over its pod's: pure.
import type { Container, PodSpec } from '../../src/kinds/types/core_v1.js';
import type { ContainerSecurity, Image } from '../runtime/runtime.js';
import { ContainerConfigError } from './env.js';

/** Throws a ContainerConfigError where the image would run as root though it must not. */
export function containerSecurity({ spec }: { readonly spec: PodSpec }, container: Container, image: Image): ContainerSecurity {
  const pod = spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const user = own.runAsUser ?? pod.runAsUser;
  const group = own.runAsGroup ?? pod.runAsGroup;
  if (own.runAsNonRoot ?? pod.runAsNonRoot) checkNonRoot(user, image);
  const seccomp = (own.seccompProfile ?? pod.seccompProfile)?.type;
  const fsGroup = pod.fsGroup === undefined ? [] : [pod.fsGroup];
  const capabilities = own.capabilities ?? {};
  return {
    ...userOf(user, group, image),
    supplementalGroups: [...new Set([...(pod.supplementalGroups ?? []), ...fsGroup])],
    privileged: own.privileged === true,
    capAdd: capabilities.add ?? [],
    capDrop: capabilities.drop ?? [],
    readOnlyRootFilesystem: own.readOnlyRootFilesystem === true,
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    seccomp: seccomp === 'RuntimeDefault' ? 'runtime-default' : 'unconfined',
  };
}

function userOf(user: number | undefined, group: number | undefined, image: Image): { user?: string } {
  if (user === undefined && group === undefined) return {};
  const name = user === undefined ? image.user.split(':')[0] || '0' : String(user);
  return { user: group === undefined ? name : `${name}:${group}` };
}

function checkNonRoot(user: number | undefined, image: Image): void {
  if (user !== undefined) {
    if (user === 0) throw new ContainerConfigError("container's runAsUser breaks non-root policy");
    return;
  }
  const name = image.user.split(':')[0] ?? '';
  if (name === '' || name === '0' || name === 'root')
    throw new ContainerConfigError('container has runAsNonRoot and image will run as root');
  if (!/^\d+$/.test(name)) {
    throw new ContainerConfigError(`container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root`);
  }
}
