// TokenReview: whose token is this, and is it good?
import { badRequest } from '../../apimachinery/status.js';
import { tokenReviews } from '../../kinds/authentication/tokenreview.js';
import type { TokenReview } from '../../kinds/types/authentication_v1.js';
import { apiAudiences } from '../authentication/authenticator.js';
import { TokenError } from '../authentication/service-account-tokens.js';
import { defineReview } from './review.js';
import { userInfoJson } from './selfsubjectreview.js';

export const tokenReview = defineReview<TokenReview>({
  kind: tokenReviews,
  async answer({ body: { spec } }, context) {
    if (!spec?.token) throw badRequest('token is required for TokenReview in authentication');
    const audiences = spec.audiences?.length ? spec.audiences : apiAudiences(context.options);
    try {
      const found = await context.tokens.authenticate(context, spec.token, audiences);
      return { authenticated: true, user: userInfoJson(found.user), audiences: found.audiences };
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return { user: {}, error: error.message };
    }
  },
});
