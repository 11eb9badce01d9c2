// All reviews. Adding one is one file and one line here.
import { localSubjectAccessReview } from './localsubjectaccessreview.js';
import type { AnyReview } from './review.js';
import { selfSubjectAccessReview } from './selfsubjectaccessreview.js';
import { selfSubjectReview } from './selfsubjectreview.js';
import { selfSubjectRulesReview } from './selfsubjectrulesreview.js';
import { subjectAccessReview } from './subjectaccessreview.js';
import { tokenRequest } from './tokenrequest.js';
import { tokenReview } from './tokenreview.js';

export const reviews: readonly AnyReview[] = [
  tokenReview,
  selfSubjectReview,
  subjectAccessReview,
  localSubjectAccessReview,
  selfSubjectAccessReview,
  selfSubjectRulesReview,
  tokenRequest,
];
