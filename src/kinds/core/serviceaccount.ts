// The kind ServiceAccount of v1.

import { defineKind } from '../define.js';
import type { ServiceAccount } from '../types/core_v1.js';

const ENFORCE_MOUNTABLE = 'kubernetes.io/enforce-mountable-secrets';

export const serviceAccounts = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  namespaced: true,
  schema: 'core.v1.ServiceAccount',
  warnings: ({ metadata: { annotations } }) =>
    annotations?.[ENFORCE_MOUNTABLE]
      ? [
          `metadata.annotations[${ENFORCE_MOUNTABLE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
        ]
      : [],
  columns: [
    { name: 'Secrets', type: 'string', description: 'How many secrets it names', cell: ({ secrets = [] }) => String(secrets.length) },
  ],
  returnDeletedObject: true,
  subresources: { reviews: { token: { bodyVersion: 'authentication.k8s.io/v1', bodyKind: 'TokenRequest' } } },
});
