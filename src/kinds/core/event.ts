// The kind Event of v1.
import { defineKind } from '../define.js';
import type { Event } from '../types/core_v1.js';

export const events = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  schema: 'core.v1.Event',
});
