// Who a bearer token stands for: a bootstrap token or a service account's.
import { GROUP_AUTHENTICATED, GROUP_UNAUTHENTICATED, USER_ANONYMOUS } from '../../kinds/wellknown.js';
import type { ApiContext } from '../context.js';
import type { ApiServerOptions, UserInfo } from '../options.js';
import { bootstrapUser, isBootstrapToken } from './bootstrap-token.js';
import { type Authenticated, ServiceAccountTokens, TokenError } from './service-account-tokens.js';

export const ANONYMOUS: UserInfo = { name: USER_ANONYMOUS, groups: [GROUP_UNAUTHENTICATED] };

/** What tokens that are to be shown to this server must be meant for. */
export const apiAudiences = ({ serviceAccounts }: ApiServerOptions): readonly string[] => (serviceAccounts ? [serviceAccounts.issuer] : []);

export class TokenAuthenticator {
  readonly #serviceAccounts = new ServiceAccountTokens();

  /** Rejects with a TokenError. */
  async authenticate(context: ApiContext, token: string, audiences: readonly string[]): Promise<Authenticated> {
    if (!isBootstrapToken(token)) {
      const { user, audiences: common } = await this.#serviceAccounts.authenticate(context, token, audiences);
      return { user: authenticated(user), audiences: common };
    }
    const user = await bootstrapUser(context, token);
    if (!user) throw new TokenError('invalid bearer token');
    const own = apiAudiences(context.options);
    return { user: authenticated(user), audiences: audiences.filter((audience) => own.includes(audience)) };
  }
}

/** Everybody who is somebody is in this group; a front proxy may pass on somebody who is nobody. */
export function authenticated(user: UserInfo): UserInfo {
  const isSettled = user.groups.includes(GROUP_AUTHENTICATED) || user.groups.includes(GROUP_UNAUTHENTICATED);
  return isSettled ? user : { ...user, groups: [...user.groups, GROUP_AUTHENTICATED] };
}
