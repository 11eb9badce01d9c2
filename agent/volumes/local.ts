// local: a directory of the node, or a file system on one of its disks, that a PersistentVolume stands for.
import { mkdir, stat } from 'node:fs/promises';
import { bindMount, isMounted } from './mount.js';
import { setOwnership } from './ownership.js';
import { defineVolume, VolumeError } from './volume.js';

export default defineVolume({
  field: 'local',
  plugin: 'kubernetes.io~local-volume',
  managed: false,
  async setUp(volume, { pod, directory, readOnly = false, mountOptions = [] }) {
    const { path = '' } = volume.local ?? {};
    const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new VolumeError(error.code === 'ENOENT' ? `path "${path}" does not exist` : error.message);
    });
    if (!stats.isDirectory()) throw new VolumeError(`path "${path}" is not a directory: disks are not formatted by this node`);
    await mkdir(directory, { recursive: true, mode: 0o750 });
    if (await isMounted(directory)) return directory;
    await bindMount(path, directory, [...(readOnly ? ['ro'] : []), ...mountOptions]);
    if (!readOnly) await setOwnership(directory, pod.spec.securityContext, false);
    return directory;
  },
});
