// SelfSubjectAccessReview (kubectl auth can-i): may I do something?
import { selfSubjectAccessReviews } from '../../kinds/authorization/selfsubjectaccessreview.js';
import type { SelfSubjectAccessReview } from '../../kinds/types/authorization_v1.js';
import { accessStatus } from './access.js';
import { defineReview } from './review.js';

export const selfSubjectAccessReview = defineReview<SelfSubjectAccessReview>({
  kind: selfSubjectAccessReviews,
  answer: ({ body: { spec }, user }, context) => accessStatus(context, user, spec),
});
