// A container's mounts: its volumes, and the files that the kubelet keeps for every pod.
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod, VolumeMount } from '../../src/kinds/types/core_v1.js';
import type { Mount } from '../runtime/runtime.js';
import type { ReadyVolume } from '../volumes/index.js';
import { ContainerConfigError } from './env.js';
import type { PodDirs } from './pod-dirs.js';

const PROPAGATION: { readonly [name: string]: Mount['propagation'] } = {
  None: 'private',
  HostToContainer: 'rslave',
  Bidirectional: 'rshared',
};

/** Rejects with a ContainerConfigError naming the mount that is not possible. */
export async function containerMounts(
  pod: Pod,
  container: Container,
  volumes: ReadonlyMap<string, ReadyVolume>,
  dirs: PodDirs,
  messageFile: string,
): Promise<readonly Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of container.volumeMounts ?? []) mounts.push(await volumeMount(mount, volumes.get(mount.name)));
  const { uid } = pod.metadata;
  const own: readonly (readonly [string, string])[] = [
    [dirs.hosts(uid), '/etc/hosts'],
    [dirs.resolvConf(uid), '/etc/resolv.conf'],
    // On the node's network the node's name is what counts.
    ...(pod.spec.hostNetwork ? [] : [[dirs.hostname(uid), '/etc/hostname'] as const]),
    [messageFile, container.terminationMessagePath || '/dev/termination-log'],
  ];
  for (const [hostPath, containerPath] of own) {
    if (mounts.some((mount) => mount.containerPath === containerPath)) continue;
    mounts.push({ hostPath, containerPath, readOnly: false, propagation: 'private' });
  }
  return mounts;
}

async function volumeMount(mount: VolumeMount, volume: ReadyVolume | undefined): Promise<Mount> {
  if (!volume) throw new ContainerConfigError(`volumeMounts: there is no volume "${mount.name}"`);
  const propagation = PROPAGATION[mount.mountPropagation ?? 'None'];
  if (!propagation)
    throw new ContainerConfigError(`volumeMounts: mountPropagation "${mount.mountPropagation}" is not supported by this node`);
  const containerPath = mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`;
  const hostPath = mount.subPath ? await subPath(mount, mount.subPath, volume) : volume.path;
  return { hostPath, containerPath, readOnly: mount.readOnly === true || volume.type.managed, propagation };
}

/** Only within volumes that containers cannot write: elsewhere a symbolic link could be swapped in to lead out to the node. */
async function subPath(mount: VolumeMount, path: string, volume: ReadyVolume): Promise<string> {
  if (!volume.type.managed) {
    throw new ContainerConfigError(
      `volumeMounts{${mount.name}}.subPath is not supported by this node for volumes of type ${volume.type.field}`,
    );
  }
  const root = await realpath(volume.path);
  const target = await realpath(join(root, path)).catch(() => undefined);
  if (!target?.startsWith(`${root}/`)) {
    throw new ContainerConfigError(
      `failed to prepare subPath for volumeMount "${mount.name}" of container: "${path}" is not in the volume`,
    );
  }
  return target;
}
