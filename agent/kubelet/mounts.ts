// A container's mounts: its volumes, and the files that the kubelet keeps for every pod.
import type { Container, Pod, VolumeMount } from '../../src/kinds/types/core_v1.js';
import type { Mount } from '../runtime/config.js';
import type { ReadyVolume } from '../volumes/index.js';
import { bindSubPath, makeSubPath, type SubPath } from '../volumes/subpath.js';
import { ContainerConfigError } from './env.js';
import { expand, referencesOf } from './expand.js';
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
  env: ReadonlyMap<string, string>,
  volumes: ReadonlyMap<string, ReadyVolume>,
  dirs: PodDirs,
  messageFile: string,
): Promise<readonly Mount[]> {
  const { uid } = pod.metadata;
  const mounts: Mount[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const volume = volumes.get(mount.name);
    if (!volume) throw new ContainerConfigError(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
    const path = subPathOf(mount, env);
    const place = { podDirectory: dirs.pod(uid), volumeName: mount.name, volumePath: volume.path, containerName: container.name, index };
    const hostPath = path ? await safeSubPath({ ...place, path }) : volume.path;
    mounts.push(volumeMount(mount, volume, hostPath));
  }
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

function volumeMount(
  { name, mountPath, readOnly, mountPropagation, recursiveReadOnly }: VolumeMount,
  volume: ReadyVolume,
  hostPath: string,
): Mount {
  const propagation = PROPAGATION[mountPropagation ?? 'None'];
  if (!propagation) throw new ContainerConfigError(`invalid MountPropagation mode: "${mountPropagation}"`);
  if (recursiveReadOnly === 'Enabled') {
    const why = `volume "${name}" requested recursive read-only mode, but it is not supported by the runtime`;
    throw new ContainerConfigError(`failed to resolve recursive read-only mode: ${why}`);
  }
  const containerPath = mountPath.startsWith('/') ? mountPath : `/${mountPath}`;
  return { hostPath, containerPath, readOnly: volume.readOnly !== 'itself' && (readOnly === true || volume.readOnly), propagation };
}

/** Empty: the whole volume. Expressions are of the container's variables, all of which must be there. */
function subPathOf({ subPath = '', subPathExpr }: VolumeMount, env: ReadonlyMap<string, string>): string {
  if (!subPathExpr) return subPath;
  const missing = referencesOf(subPathExpr).find((name) => !env.has(name));
  if (missing !== undefined) throw new ContainerConfigError(`missing value for "${missing}"`);
  return expand(subPathExpr, env);
}

/** What went wrong is not told in detail, as upstream: it could tell of the node's files. */
async function safeSubPath(subPath: SubPath): Promise<string> {
  const { path, volumeName, containerName } = subPath;
  const of = `volumeMount "${volumeName}" of container "${containerName}"`;
  if (path.startsWith('/')) throw new ContainerConfigError(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..')) throw new ContainerConfigError(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  await makeSubPath(subPath).catch(() => {
    throw new ContainerConfigError(`failed to create subPath directory for ${of}`);
  });
  return bindSubPath(subPath).catch(() => {
    throw new ContainerConfigError(`failed to prepare subPath for ${of}`);
  });
}
