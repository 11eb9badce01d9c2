// The kind TokenReview of authentication.k8s.io/v1: asked by creating one, answered at once, never stored.
import { defineKind } from '../define.js';
import type { TokenReview } from '../types/authentication_v1.js';

export const tokenReviews = defineKind<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
  verbs: ['create'],
  schema: 'authentication.v1.TokenReview',
});
