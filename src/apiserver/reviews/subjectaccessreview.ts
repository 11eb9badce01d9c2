// SubjectAccessReview: may somebody do something?
import { subjectAccessReviews } from '../../kinds/authorization/subjectaccessreview.js';
import type { SubjectAccessReview } from '../../kinds/types/authorization_v1.js';
import { accessStatus } from './access.js';
import { defineReview } from './review.js';

export const subjectAccessReview = defineReview<SubjectAccessReview>({
  kind: subjectAccessReviews,
  answer({ body: { spec } }, context) {
    const { user: name = '', groups = [], uid, extra } = spec;
    return accessStatus(context, { name, groups, ...(uid && { uid }), ...(extra && { extra }) }, spec);
  },
});
