// The kind Secret of v1.
import { defineKind } from '../define.js';
import type { Secret } from '../types/core_v1.js';

export const secrets = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  schema: 'core.v1.Secret',
});
