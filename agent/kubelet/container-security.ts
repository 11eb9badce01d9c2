// A container's security settings, its own over its pod's.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod, SELinuxOptions, SeccompProfile } from '../../src/kinds/types/core_v1.js';
import type { ContainerSecurity, ContainerUser } from '../runtime/config.js';
import type { Image } from '../runtime/runtime.js';
import { ContainerConfigError } from './env.js';
import { groupNumber, imageUser } from './image-user.js';
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
  const { memberships, inImage, ...identity } = await identityOf(user, group, ofPod.supplementalGroupsPolicy === 'Strict', image);
  const asked = [...(ofPod.supplementalGroups ?? []), ...fsGroup];
  const { add = [], drop = [] } = own.capabilities ?? {};
  const profile = own.seccompProfile ?? ofPod.seccompProfile ?? (seccompDefault ? { type: 'RuntimeDefault' } : undefined);
  const appArmor = own.appArmorProfile ?? ofPod.appArmorProfile;
  return {
    ...identity,
    supplementalGroups: [...new Set([...asked, ...memberships])],
    ...(inImage ? { runsAs: runsAs(inImage, asked) } : {}),
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
  /** Who that is, and in which groups by the image; undefined where the image cannot be read, or does not know. */
  readonly inImage: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] } | undefined;
}

/** As the engine puts them together: its own group first. */
function runsAs({ uid, gid, groups }: NonNullable<Identity['inImage']>, asked: readonly number[]): ContainerUser {
  const others = [...asked, ...groups].filter((group) => group !== gid).sort((a, b) => a - b);
  return { uid, gid, supplementalGroups: [gid, ...new Set(others)] };
}

/** Strict: whoever the image says is a member of what, does not count. */
async function identityOf(user: number | undefined, group: number | undefined, isStrict: boolean, image: Image): Promise<Identity> {
  const [imageUserName, imageGroup] = image.user.split(':');
  const name = user === undefined ? imageUserName || '0' : String(user);
  const named = group ?? (user === undefined ? imageGroup : undefined);
  const layers = image.layers ?? [];
  if (isStrict && named === undefined && layers.length === 0) {
    throw new ContainerConfigError('SupplementalGroupsPolicy=Strict without runAsGroup is not supported in this node');
  }
  const { uid, gid: ownGroup, groups } = await imageUser(layers, name);
  const gid = named === undefined ? ownGroup : await groupNumber(layers, String(named));
  const isKnown = layers.length > 0 && uid !== undefined && gid !== undefined;
  const inImage = isKnown ? { uid, gid, groups: isStrict ? [] : groups } : undefined;
  if (isStrict) return { user: `${name}:${named ?? ownGroup}`, memberships: [], inImage };
  if (named === undefined) return { ...(user === undefined ? {} : { user: name }), memberships: [], inImage };
  return { user: `${name}:${named}`, memberships: groups, inImage };
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
