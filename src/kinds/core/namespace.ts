// The kind Namespace of v1.
import { defineKind } from '../define.js';
import type { Namespace } from '../types/core_v1.js';

export const namespaces = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  schema: 'core.v1.Namespace',
  subresources: { status: true },
});
