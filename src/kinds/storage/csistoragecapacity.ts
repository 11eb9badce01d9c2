// The kind CSIStorageCapacity of storage.k8s.io/v1.
import { validateLabelSelector } from '../../apimachinery/labels.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import { checkImmutable, checkNonNegativeQuantity, invalids } from '../checks.js';
import { column, nameColumn, UNSET } from '../columns.js';
import { defineKind } from '../define.js';
import type { CSIStorageCapacity } from '../types/storage_v1.js';

export const csiStorageCapacities = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  namespaced: true,
  schema: 'storage.v1.CSIStorageCapacity',
  columns: [
    nameColumn,
    column('StorageClassName', 'string', 'The class it is about', ({ storageClassName }) => storageClassName),
    column('Capacity', 'string', 'How much room there is', ({ capacity }) => (capacity === undefined ? UNSET : String(capacity))),
  ],
  validate: ({ nodeTopology, storageClassName, capacity }, old) => {
    if (old) {
      return [
        ...checkImmutable('nodeTopology', nodeTopology, old.nodeTopology),
        ...checkImmutable('storageClassName', storageClassName, old.storageClassName),
      ];
    }
    return [
      ...validateLabelSelector(nodeTopology, 'nodeTopology'),
      ...invalids('storageClassName', storageClassName, isDns1123Subdomain(storageClassName)),
      ...(capacity === undefined ? [] : checkNonNegativeQuantity('capacity', capacity)),
    ];
  },
});
