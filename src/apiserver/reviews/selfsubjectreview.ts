// SelfSubjectReview (kubectl auth whoami): who am I?
import { selfSubjectReviews } from '../../kinds/authentication/selfsubjectreview.js';
import type { SelfSubjectReview, UserInfo as UserInfoJson } from '../../kinds/types/authentication_v1.js';
import type { UserInfo } from '../options.js';
import { defineReview } from './review.js';

export const selfSubjectReview = defineReview<SelfSubjectReview>({
  kind: selfSubjectReviews,
  answer: async ({ user }) => ({ userInfo: userInfoJson(user) }),
});

export const userInfoJson = ({ name, uid, groups, extra }: UserInfo): UserInfoJson => ({
  username: name,
  ...(uid && { uid }),
  groups,
  ...(extra && { extra }),
});
