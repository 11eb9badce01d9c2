// The kind LocalSubjectAccessReview of authorization.k8s.io/v1: asked by creating one, answered at once, never stored.
import { defineKind } from '../define.js';
import type { LocalSubjectAccessReview } from '../types/authorization_v1.js';
import { validateLocalAccess } from './access-review.js';

export const localSubjectAccessReviews = defineKind<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  namespaced: true,
  verbs: ['create'],
  schema: 'authorization.v1.LocalSubjectAccessReview',
  validate: ({ spec, metadata }) => validateLocalAccess(spec, metadata),
});
