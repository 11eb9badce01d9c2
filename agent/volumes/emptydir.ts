// emptyDir: a directory, or a tmpfs, that lives as long as its pod.
import { chmod, chown, mkdir } from 'node:fs/promises';
import { parseQuantity } from '../../src/apimachinery/quantity.js';
import { isMounted, mountTmpfs, unmount } from './mount.js';
import { defineVolume, VolumeError } from './volume.js';

export default defineVolume({
  field: 'emptyDir',
  plugin: 'kubernetes.io~empty-dir',
  managed: false,
  async setUp(volume, { pod, directory, warn }) {
    const { medium = '', sizeLimit } = volume.emptyDir ?? {};
    const isNew = (await mkdir(directory, { recursive: true })) !== undefined;
    if (medium === 'Memory') {
      if (!(await isMounted(directory))) await mountTmpfs(directory, sizeLimit === undefined ? undefined : parseQuantity(sizeLimit));
    } else if (medium !== '') {
      throw new VolumeError(`emptyDir.medium "${medium}" is not supported by this node`);
    } else if (sizeLimit !== undefined && isNew) {
      warn(`emptyDir.sizeLimit of volume "${volume.name}" is not enforced on disk by this node`);
    }
    const group = pod.spec.securityContext?.fsGroup;
    if (group !== undefined) await chown(directory, 0, group);
    // The set-group bit hands the group on to what is made in it; mkdir's mode would be cut by the umask.
    await chmod(directory, group === undefined ? 0o777 : 0o2777);
    return directory;
  },
  async tearDown(directory) {
    if (await isMounted(directory)) await unmount(directory);
  },
});
