// configMap: the keys of a ConfigMap as files.
import { type KeysWish, keysToPayload, type Payload, writePayload } from './payload.js';
import { defineVolume, type VolumeContext, VolumeError } from './volume.js';

export default defineVolume({
  field: 'configMap',
  plugin: 'kubernetes.io~configmap',
  managed: true,
  async setUp(volume, context) {
    const payload = await configMapPayload(volume.configMap?.name, volume.configMap ?? {}, context);
    writePayload(context.directory, payload, context.pod.spec.securityContext?.fsGroup);
    return context.directory;
  },
});

export async function configMapPayload(name = '', wish: KeysWish, { pod, sources }: VolumeContext): Promise<Payload> {
  const map = await sources.configMap(pod.metadata.namespace ?? '', name);
  if (!map && !wish.optional) throw new VolumeError(`configmap "${name}" not found`);
  const data = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(map?.data ?? {})) data.set(key, Buffer.from(text));
  for (const [key, base64] of Object.entries(map?.binaryData ?? {})) data.set(key, Buffer.from(base64, 'base64'));
  return keysToPayload(data, wish, 'config');
}
