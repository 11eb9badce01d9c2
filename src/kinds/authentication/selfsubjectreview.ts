// The kind SelfSubjectReview of authentication.k8s.io/v1: asked by creating one, answered at once, never stored.
import { defineKind } from '../define.js';
import type { SelfSubjectReview } from '../types/authentication_v1.js';

export const selfSubjectReviews = defineKind<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'authentication.v1.SelfSubjectReview',
});
