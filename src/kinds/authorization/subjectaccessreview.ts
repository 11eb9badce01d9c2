// The kind SubjectAccessReview of authorization.k8s.io/v1: asked by creating one, answered at once, never stored.
import { defineKind } from '../define.js';
import type { SubjectAccessReview } from '../types/authorization_v1.js';
import { validateAccess } from './access-review.js';

export const subjectAccessReviews = defineKind<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'authorization.v1.SubjectAccessReview',
  validate: ({ spec, metadata }) => validateAccess(spec, metadata),
});
