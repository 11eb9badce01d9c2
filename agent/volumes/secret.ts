// secret: the keys of a Secret as files.
import { keysToPayload, writePayload } from './payload.js';
import { defineVolume, VolumeError } from './volume.js';

export default defineVolume({
  field: 'secret',
  plugin: 'kubernetes.io~secret',
  managed: true,
  async setUp(volume, { pod, directory, sources }) {
    const { secretName = '', items, defaultMode, optional } = volume.secret ?? {};
    const secret = await sources.secret(pod.metadata.namespace ?? '', secretName);
    if (!secret && !optional) throw new VolumeError(`secret "${secretName}" not found`);
    const data = new Map(Object.entries(secret?.data ?? {}).map(([key, base64]) => [key, Buffer.from(base64, 'base64')]));
    await writePayload(directory, keysToPayload(data, items, defaultMode, optional, 'secret'), pod.spec.securityContext?.fsGroup);
    return directory;
  },
});
