// The volume that stands for a folder of the node that the scheduler chose for a claim.
import { join } from 'node:path/posix';
import { isStatus } from '../apimachinery/status.js';
import { nodes } from '../kinds/core/node.js';
import { persistentVolumes } from '../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import {
  ANNOTATION_PROVISIONED_BY,
  ANNOTATION_SELECTED_NODE,
  ANNOTATION_STORAGE_PROVISIONER,
  claimReference,
  storageClassOf,
} from '../kinds/core/volume-binding.js';
import { ANNOTATION_LOCAL_PATH, FINALIZER_LOCAL_PATH, LOCAL_PATH_DEFAULT, LOCAL_PATH_PROVISIONER } from '../kinds/storage/local-path.js';
import { storageClasses } from '../kinds/storage/storageclass.js';
import type { Node, PersistentVolumeClaim } from '../kinds/types/core_v1.js';
import type { StorageClass } from '../kinds/types/storage_v1.js';
import { LABEL_HOSTNAME } from '../kinds/wellknown.js';
import type { ReconcileContext } from './define.js';

export async function provisionLocalPath(context: ReconcileContext, claim: PersistentVolumeClaim): Promise<void> {
  const { metadata } = claim;
  if (metadata.annotations?.[ANNOTATION_STORAGE_PROVISIONER] !== LOCAL_PATH_PROVISIONER) return;
  const storageClass = context.get(storageClasses, { name: storageClassOf(claim) });
  if (storageClass?.provisioner !== LOCAL_PATH_PROVISIONER) return;
  const name = metadata.annotations[ANNOTATION_SELECTED_NODE];
  const why = refusal(claim, name);
  if (why) return failed(context, claim, storageClass, why);
  const node = context.get(nodes, { name: name! });
  if (!node) return chooseAnew(context, claim, storageClass);
  const { namespace } = metadata;
  const volume = volumeFor(claim, storageClass, node);
  if (context.get(persistentVolumes, volume.metadata)) return;
  context.events.event(
    claim,
    'Normal',
    'Provisioning',
    `External provisioner is provisioning volume for claim "${namespace}/${metadata.name}"`,
  );
  try {
    await context.client.create(persistentVolumes, volume);
  } catch (error) {
    if (isStatus(error, 'AlreadyExists')) return;
    throw error;
  }
  context.events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volume.metadata.name}`);
}

/** What a folder of one node cannot be. */
function refusal({ spec }: PersistentVolumeClaim, node: string | undefined): string | undefined {
  if (!node) return 'no node was chosen: the class must have volumeBindingMode WaitForFirstConsumer';
  if (spec.volumeMode === 'Block') return 'block volumes are not supported';
  if (spec.selector) return 'claim selectors are not supported';
  if (spec.dataSource || spec.dataSourceRef) return 'data sources are not supported';
  const shared = spec.accessModes?.find((mode) => mode !== 'ReadWriteOnce' && mode !== 'ReadWriteOncePod');
  return shared ? `access mode ${shared} is not supported: a folder is on one node only` : undefined;
}

function failed({ events }: ReconcileContext, claim: PersistentVolumeClaim, { metadata }: StorageClass, why: string): void {
  events.event(claim, 'Warning', 'ProvisioningFailed', `failed to provision volume with StorageClass "${metadata.name}": ${why}`);
}

/** Without the annotation the scheduler looks for a node again. */
async function chooseAnew(context: ReconcileContext, claim: PersistentVolumeClaim, storageClass: StorageClass): Promise<void> {
  const { [ANNOTATION_SELECTED_NODE]: node, ...annotations } = claim.metadata.annotations ?? {};
  failed(context, claim, storageClass, `node "${node}" not found`);
  await context.client.update(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations } });
}

function volumeFor(claim: PersistentVolumeClaim, storageClass: StorageClass, node: Node) {
  const { namespace, name: claimName, uid } = claim.metadata;
  const name = `pvc-${uid}`;
  const { name: nodeName, labels, annotations } = node.metadata;
  const path = join(annotations?.[ANNOTATION_LOCAL_PATH] ?? LOCAL_PATH_DEFAULT, `${name}_${namespace}_${claimName}`);
  return {
    metadata: {
      name,
      // By it a node finds its own.
      labels: { [LABEL_HOSTNAME]: nodeName },
      annotations: { [ANNOTATION_PROVISIONED_BY]: LOCAL_PATH_PROVISIONER },
      finalizers: [FINALIZER_LOCAL_PATH],
    },
    spec: {
      capacity: { storage: claim.spec.resources!.requests!['storage']! },
      accessModes: claim.spec.accessModes!,
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      volumeMode: 'Filesystem',
      ...(storageClass.mountOptions ? { mountOptions: storageClass.mountOptions } : {}),
      local: { path },
      claimRef: claimReference(claim),
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: LABEL_HOSTNAME, operator: 'In', values: [labels?.[LABEL_HOSTNAME] ?? nodeName] }] },
          ],
        },
      },
    },
  };
}
