// What a pod's node must be able to read for it, as `resource/namespace/name`: its account, and what its volumes, environment and
// image pulls name.
import type { Json } from '../../apimachinery/json.js';
import type { Container, EphemeralContainer, PersistentVolume, Pod, Volume } from '../../kinds/types/core_v1.js';
import { ANNOTATION_MIRROR_POD } from '../../kinds/wellknown.js';

/** Nothing for a mirror pod: its node made it, and could else name whatever it wants to read. */
export function podReferences(pod: Pod): readonly string[] {
  const { metadata, spec } = pod;
  if (metadata.annotations?.[ANNOTATION_MIRROR_POD] !== undefined) return [];
  const found = new References(metadata.namespace!);
  found.add('serviceaccounts', spec.serviceAccountName);
  for (const { name } of spec.imagePullSecrets ?? []) found.add('secrets', name);
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])])
    ofContainer(found, container);
  for (const volume of spec.volumes ?? []) ofVolume(found, volume, metadata.name);
  for (const { name, resourceClaimName } of spec.resourceClaims ?? []) {
    const made = pod.status?.resourceClaimStatuses?.find((status) => status.name === name)?.resourceClaimName;
    found.add('resourceclaims', resourceClaimName ?? made);
  }
  return [...found.keys];
}

class References {
  readonly keys = new Set<string>();

  constructor(private readonly namespace: string) {}

  add(resource: string, name: string | undefined, namespace = this.namespace): void {
    if (name) this.keys.add(`${resource}/${namespace}/${name}`);
  }
}

function ofContainer(found: References, { env = [], envFrom = [] }: Container | EphemeralContainer): void {
  for (const { valueFrom } of env) {
    found.add('secrets', valueFrom?.secretKeyRef?.name);
    found.add('configmaps', valueFrom?.configMapKeyRef?.name);
  }
  for (const { secretRef, configMapRef } of envFrom) {
    found.add('secrets', secretRef?.name);
    found.add('configmaps', configMapRef?.name);
  }
}

function ofVolume(found: References, volume: Volume, podName: string): void {
  found.add('secrets', volume.secret?.secretName);
  found.add('configmaps', volume.configMap?.name);
  found.add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral) found.add('persistentvolumeclaims', `${podName}-${volume.name}`);
  for (const { secret, configMap } of volume.projected?.sources ?? []) {
    found.add('secrets', secret?.name);
    found.add('configmaps', configMap?.name);
  }
  for (const { name } of secretRefs(volume as unknown as Json)) found.add('secrets', name);
}

/** The secrets that mounting the volume takes; a reference without a namespace means the claim's. */
export function volumeSecrets({ spec }: PersistentVolume): readonly string[] {
  const { claimRef, ...source } = spec;
  const found = new References(claimRef?.namespace ?? '');
  for (const { name, namespace } of secretRefs(source as unknown as Json)) found.add('secrets', name, namespace || claimRef?.namespace);
  return [...found.keys];
}

interface SecretRef {
  readonly name: string;
  readonly namespace?: string;
}

/** Fields that refer to secrets, in whichever volume source: all are named `secretRef` or end so, but for Azure's. */
function secretRefs(source: Json): SecretRef[] {
  if (source === null || typeof source !== 'object' || Array.isArray(source)) return [];
  const out: SecretRef[] = [];
  for (const [field, value] of Object.entries(source)) {
    if (/secretRef$/i.test(field) && value !== null && typeof value === 'object') out.push(value as unknown as SecretRef);
    else out.push(...secretRefs(value!));
  }
  const azure = (source as { azureFile?: { secretName?: string; secretNamespace?: string } }).azureFile;
  if (azure?.secretName) out.push({ name: azure.secretName, ...(azure.secretNamespace ? { namespace: azure.secretNamespace } : {}) });
  return out;
}
