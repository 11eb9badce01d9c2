// Authentication: who asks, by client certificate or bearer token; whoever shows neither is anonymous.
import { StatusError, unauthorized } from '../../apimachinery/status.js';
import { ANONYMOUS, apiAudiences, authenticated } from '../authentication/authenticator.js';
import { TokenError } from '../authentication/service-account-tokens.js';
import type { ApiContext } from '../context.js';
import type { Exchange } from '../exchange.js';
import type { UserInfo } from '../options.js';
import type { Filter } from './filter.js';

export const authentication: Filter = {
  name: 'Authentication',
  inProcess: false,
  async apply(exchange, next, context) {
    exchange.user = await authenticate(exchange, context);
    return next();
  },
};

async function authenticate({ credentials }: Exchange, context: ApiContext): Promise<UserInfo> {
  if (credentials.certificate) return authenticated(credentials.certificate);
  // The message says why; upstream's only says Unauthorized, which has cost many an afternoon.
  if (credentials.certificateError)
    throw new StatusError(401, 'Unauthorized', `Unauthorized: the client certificate is not valid: ${credentials.certificateError}`);
  if (credentials.bearer === undefined) return ANONYMOUS;
  try {
    return (await context.tokens.authenticate(context, credentials.bearer, apiAudiences(context.options))).user;
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    context.log.debug({ reason: error.message }, 'a bearer token was refused');
    throw unauthorized();
  }
}
