// configMap: the keys of a ConfigMap as files.
import { keysToPayload, writePayload } from './payload.js';
import { defineVolume, VolumeError } from './volume.js';

export default defineVolume({
  field: 'configMap',
  plugin: 'kubernetes.io~configmap',
  managed: true,
  async setUp(volume, { pod, directory, sources }) {
    const { name = '', items, defaultMode, optional } = volume.configMap ?? {};
    const map = await sources.configMap(pod.metadata.namespace ?? '', name);
    if (!map && !optional) throw new VolumeError(`configmap "${name}" not found`);
    const data = new Map<string, Buffer>();
    for (const [key, text] of Object.entries(map?.data ?? {})) data.set(key, Buffer.from(text));
    for (const [key, base64] of Object.entries(map?.binaryData ?? {})) data.set(key, Buffer.from(base64, 'base64'));
    await writePayload(directory, keysToPayload(data, items, defaultMode, optional, 'config'), pod.spec.securityContext?.fsGroup);
    return directory;
  },
});
