// downwardAPI: fields of the pod itself as files.
import type { DownwardAPIVolumeFile } from '../../src/kinds/types/core_v1.js';
import { fieldValue, resourceValue } from '../kubelet/field-path.js';
import { type Payload, type PayloadFile, safePath, writePayload } from './payload.js';
import { defineVolume, type VolumeContext, VolumeError } from './volume.js';

const DEFAULT_MODE = 0o644;

export default defineVolume({
  field: 'downwardAPI',
  plugin: 'kubernetes.io~downward-api',
  managed: true,
  async setUp(volume, context) {
    const { items = [], defaultMode = DEFAULT_MODE } = volume.downwardAPI ?? {};
    writePayload(context.directory, downwardPayload(items, defaultMode, context), context.pod.spec.securityContext?.fsGroup);
    return context.directory;
  },
});

export function downwardPayload(items: readonly DownwardAPIVolumeFile[] = [], defaultMode: number, context: VolumeContext): Payload {
  const payload = new Map<string, PayloadFile>();
  for (const item of items) {
    const data = Buffer.from(fileText(item, context));
    payload.set(safePath(item.path), { data, mode: item.mode ?? defaultMode });
  }
  return payload;
}

function fileText({ path, fieldRef, resourceFieldRef }: DownwardAPIVolumeFile, { pod, node }: VolumeContext): string {
  if (fieldRef) {
    const value = fieldValue(pod, fieldRef.fieldPath, [], node);
    if (value !== undefined) return value;
    throw new VolumeError(`downwardAPI ${path}: unsupported fieldPath: ${fieldRef.fieldPath}`);
  }
  const { containerName } = resourceFieldRef ?? {};
  const container = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(({ name }) => name === containerName);
  const value = resourceFieldRef && container && resourceValue(container, resourceFieldRef, node);
  if (value === undefined) throw new VolumeError(`downwardAPI ${path}: unsupported resource: ${resourceFieldRef?.resource}`);
  return value;
}
