// The kind Endpoints of v1.
import { defineKind } from '../define.js';
import type { Endpoints } from '../types/core_v1.js';

export const endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  schema: 'core.v1.Endpoints',
});
