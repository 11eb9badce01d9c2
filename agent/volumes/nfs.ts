// nfs: a directory that another machine exports. The node needs its system's NFS client.
import { mkdir } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { isMounted, mountNfs } from './mount.js';
import { defineVolume } from './volume.js';

export default defineVolume({
  field: 'nfs',
  plugin: 'kubernetes.io~nfs',
  managed: false,
  async setUp(volume, { directory, readOnly = false, mountOptions = [] }) {
    const { server = '', path = '', readOnly: own = false } = volume.nfs ?? {};
    await mkdir(directory, { recursive: true, mode: 0o750 });
    if (await isMounted(directory)) return directory;
    const options = [...(own || readOnly ? ['ro'] : []), ...mountOptions];
    await mountNfs(`${isIPv6(server) ? `[${server}]` : server}:${path}`, directory, options);
    return directory;
  },
});
