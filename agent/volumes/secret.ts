// secret: the keys of a Secret as files, in memory: they are never written to a disk.
import { mountTmpfs } from './mount.js';
import { type KeysWish, keysToPayload, type Payload, writePayload } from './payload.js';
import { defineVolume, type VolumeContext, VolumeError } from './volume.js';

export default defineVolume({
  field: 'secret',
  plugin: 'kubernetes.io~secret',
  managed: true,
  async setUp(volume, context) {
    const payload = await secretPayload(volume.secret?.secretName, volume.secret ?? {}, context);
    await keepInMemory(context);
    writePayload(context.directory, payload, context.pod.spec.securityContext?.fsGroup);
    return context.directory;
  },
});

/** What is written into the volume from now on. */
export async function keepInMemory({ directory, node }: VolumeContext): Promise<void> {
  await mountTmpfs(directory, [`size=${node.memory_bytes}`, 'mode=0755']);
}

export async function secretPayload(name = '', wish: KeysWish, { pod, sources }: VolumeContext): Promise<Payload> {
  const secret = await sources.secret(pod.metadata.namespace ?? '', name);
  if (!secret && !wish.optional) throw new VolumeError(`secret "${name}" not found`);
  const data = new Map(Object.entries(secret?.data ?? {}).map(([key, base64]) => [key, Buffer.from(base64, 'base64')]));
  return keysToPayload(data, wish, 'secret');
}
