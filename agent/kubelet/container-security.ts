// A container's security settings, its own over its pod's.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod, SELinuxOptions, SeccompProfile } from '../../src/kinds/types/core_v1.js';
import type { ContainerSecurity, Image } from '../runtime/runtime.js';
import { ContainerConfigError } from './env.js';
import { imageUser } from './image-user.js';
import { WaitingError } from './waiting.js';

export interface SecurityDefaults {
  /** Where a pod's spec says nothing: the engine's own profile rather than none. */
  readonly seccompDefault: boolean;
  /** Localhost profiles lie below it. */
  readonly rootDirectory: string;
}

/** Rejects with a ContainerConfigError where the image would run as root though it must not, or its groups cannot be kept out. */
export async function containerSecurity(
  pod: Pod,
  container: Container,
  image: Image,
  { seccompDefault, rootDirectory }: SecurityDefaults,
): Promise<ContainerSecurity> {
  const ofPod = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const user = own.runAsUser ?? ofPod.runAsUser;
  const group = own.runAsGroup ?? ofPod.runAsGroup;
  if (own.runAsNonRoot ?? ofPod.runAsNonRoot) checkNonRoot(user, image, pod, container);
  const fsGroup = ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup];
  const { memberships, ...identity } = await identityOf(user, group, ofPod.supplementalGroupsPolicy === 'Strict', image);
  const { add = [], drop = [] } = own.capabilities ?? {};
  const profile = own.seccompProfile ?? ofPod.seccompProfile ?? (seccompDefault ? { type: 'RuntimeDefault' } : undefined);
  const appArmor = own.appArmorProfile ?? ofPod.appArmorProfile;
  return {
    ...identity,
    supplementalGroups: [...new Set([...(ofPod.supplementalGroups ?? []), ...fsGroup, ...memberships])],
    privileged: own.privileged === true,
    capAdd: add,
    capDrop: drop,
    readOnlyRootFilesystem: own.readOnlyRootFilesystem === true,
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    seccomp: await seccompOf(profile, rootDirectory),
    ...(appArmor?.type === 'Localhost' && appArmor.localhostProfile ? { appArmor: appArmor.localhostProfile } : {}),
    ...(appArmor?.type === 'Unconfined' ? { appArmor: 'unconfined' } : {}),
    seLinuxLabels: labelsOf(own.seLinuxOptions ?? ofPod.seLinuxOptions),
  };
}

interface Identity {
  readonly user?: string;
  /** What the engine does not add by itself: it looks for them only where no group is named. */
  readonly memberships: readonly number[];
}

/** Strict: whoever the image says is a member of what, does not count. */
async function identityOf(user: number | undefined, group: number | undefined, isStrict: boolean, image: Image): Promise<Identity> {
  const [imageUserName, imageGroup] = image.user.split(':');
  const name = user === undefined ? imageUserName || '0' : String(user);
  const named = group ?? (user === undefined ? imageGroup : undefined);
  if (isStrict) {
    if (named === undefined && !image.layers?.length) {
      throw new ContainerConfigError('SupplementalGroupsPolicy=Strict without runAsGroup is not supported in this node');
    }
    return { user: `${name}:${named ?? (await imageUser(image.layers ?? [], name)).gid}`, memberships: [] };
  }
  if (named === undefined) return { ...(user === undefined ? {} : { user: name }), memberships: [] };
  return { user: `${name}:${named}`, memberships: (await imageUser(image.layers ?? [], name)).groups };
}

function checkNonRoot(user: number | undefined, image: Image, { metadata }: Pod, container: Container): void {
  const where = `(pod: "${metadata.name}_${metadata.namespace}(${metadata.uid})", container: ${container.name})`;
  const refuse = (why: string) => {
    throw new ContainerConfigError(`${why} ${where}`);
  };
  if (user === 0) refuse("container's runAsUser breaks non-root policy");
  if (user !== undefined) return;
  const name = image.user.split(':')[0] ?? '';
  if (name === '' || name === '0') refuse('container has runAsNonRoot and image will run as root');
  if (!/^\d+$/.test(name)) refuse(`container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root`);
}

async function seccompOf(profile: SeccompProfile | undefined, rootDirectory: string): Promise<ContainerSecurity['seccomp']> {
  if (profile?.type === 'RuntimeDefault') return 'runtime-default';
  if (profile?.type !== 'Localhost') return 'unconfined';
  const path = join(rootDirectory, 'seccomp', profile.localhostProfile ?? '');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'no such file or directory' : error.message;
    throw new WaitingError('CreateContainerError', `cannot load seccomp profile "${path}": open ${path}: ${why}`);
  });
  return { profile: text };
}

const labelsOf = (options: SELinuxOptions = {}) =>
  (['user', 'role', 'type', 'level'] as const).flatMap((part) => (options[part] ? [`${part}:${options[part]}`] : []));
