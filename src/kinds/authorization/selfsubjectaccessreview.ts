// The kind SelfSubjectAccessReview of authorization.k8s.io/v1: asked by creating one, answered at once, never stored.
import { defineKind } from '../define.js';
import type { SelfSubjectAccessReview } from '../types/authorization_v1.js';
import { validateSelfAccess } from './access-review.js';

export const selfSubjectAccessReviews = defineKind<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'authorization.v1.SelfSubjectAccessReview',
  validate: ({ spec, metadata }) => validateSelfAccess(spec, metadata),
});
