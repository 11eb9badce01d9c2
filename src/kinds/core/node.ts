// The kind Node of v1.
import { defineKind } from '../define.js';
import type { Node } from '../types/core_v1.js';

export const nodes = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  schema: 'core.v1.Node',
  subresources: { status: true },
});
