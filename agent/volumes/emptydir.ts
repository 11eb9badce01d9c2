// emptyDir: a directory, or a tmpfs, that lives as long as its pod.
import { chmod, chown, mkdir, rename, rm, stat } from 'node:fs/promises';
import { parseQuantity } from '../../src/apimachinery/quantity.js';
import { podLimits } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import { isBounded } from '../kubelet/cgroups/limits.js';
import { mountTmpfs } from './mount.js';
import { defineVolume, VolumeError } from './volume.js';

export default defineVolume({
  field: 'emptyDir',
  plugin: 'kubernetes.io~empty-dir',
  managed: false,
  async setUp(volume, { pod, directory, node }) {
    const { medium = '', sizeLimit } = volume.emptyDir ?? {};
    const group = pod.spec.securityContext?.fsGroup;
    if (medium === 'Memory') {
      const sizes = [sizeLimit, memoryLimit(pod), node.memory_bytes].filter((size) => size !== undefined);
      const size = Math.min(...sizes.map(parseQuantity).filter((bytes) => bytes > 0));
      await mountTmpfs(directory, [`size=${Math.ceil(size)}`, ...(group === undefined ? ['mode=0777'] : ['mode=2777', `gid=${group}`])]);
    } else if (medium === '') {
      if (!(await exists(directory))) await makeDirectory(directory, group);
    } else {
      throw new VolumeError(`emptyDir.medium "${medium}" is not supported by this node`);
    }
    return directory;
  },
});

const exists = (path: string) =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );

/** It appears with its owner and mode, which from then on are its containers' to change. */
async function makeDirectory(directory: string, group: number | undefined): Promise<void> {
  const fresh = `${directory}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  if (group !== undefined) await chown(fresh, 0, group);
  // The set-group bit hands the group on to what is made in it; mkdir's mode would be cut by the umask.
  await chmod(fresh, group === undefined ? 0o777 : 0o2777);
  await rename(fresh, directory);
}

/** What the pod may use, where it is bounded: files in memory count as its own. */
function memoryLimit({ spec }: Pod): number | undefined {
  return isBounded(spec, 'memory') ? podLimits({ spec }).get('memory') : undefined;
}
