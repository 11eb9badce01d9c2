// LocalSubjectAccessReview: may somebody do something in this namespace?
import { localSubjectAccessReviews } from '../../kinds/authorization/localsubjectaccessreview.js';
import type { LocalSubjectAccessReview } from '../../kinds/types/authorization_v1.js';
import { accessStatus } from './access.js';
import { defineReview } from './review.js';

export const localSubjectAccessReview = defineReview<LocalSubjectAccessReview>({
  kind: localSubjectAccessReviews,
  answer({ body: { spec } }, context) {
    const { user: name = '', groups = [], uid, extra } = spec;
    return accessStatus(context, { name, groups, ...(uid && { uid }), ...(extra && { extra }) }, spec);
  },
});
