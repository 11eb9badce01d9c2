// The StorageClass that claims get that name none: folders on nodes. It is the owner's from then on: what was changed in it stays.
import { isStatus } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import { LOCAL_PATH_CLASS, LOCAL_PATH_PROVISIONER } from '../kinds/storage/local-path.js';
import { storageClasses } from '../kinds/storage/storageclass.js';

export async function ensureLocalPathClass(client: Client): Promise<void> {
  try {
    await client.create(storageClasses, {
      metadata: { name: LOCAL_PATH_CLASS, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: LOCAL_PATH_PROVISIONER,
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
    });
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error;
  }
}
