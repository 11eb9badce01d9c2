// The kind SelfSubjectRulesReview of authorization.k8s.io/v1: asked by creating one, answered at once, never stored.
import { defineKind } from '../define.js';
import type { SelfSubjectRulesReview } from '../types/authorization_v1.js';

export const selfSubjectRulesReviews = defineKind<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'authorization.v1.SelfSubjectRulesReview',
});
