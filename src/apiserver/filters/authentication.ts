// Authentication: who asks, by client certificate or bearer token; whoever shows neither is anonymous.
import { StatusError, unauthorized } from '../../apimachinery/status.js';
import { ANONYMOUS, apiAudiences } from '../authentication/authenticator.js';
import { TokenError } from '../authentication/service-account-tokens.js';
import type { ApiContext } from '../context.js';
import type { Exchange } from '../exchange.js';
import type { Filter } from './filter.js';

export const authentication: Filter = {
  name: 'Authentication',
  inProcess: false,
  enter(exchange, context) {
    const { certificate, certificateError, bearer } = exchange.credentials;
    if (certificate) exchange.user = certificate;
    // The message says why; upstream's only says Unauthorized, which has cost many an afternoon.
    else if (certificateError)
      throw new StatusError(401, 'Unauthorized', `Unauthorized: the client certificate is not valid: ${certificateError}`);
    else if (bearer === undefined) exchange.user = ANONYMOUS;
    else return authenticateToken(exchange, bearer, context);
  },
};

async function authenticateToken(exchange: Exchange, bearer: string, context: ApiContext): Promise<void> {
  try {
    exchange.user = (await context.tokens.authenticate(context, bearer, apiAudiences(context.options))).user;
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    context.log.debug({ reason: error.message }, 'a bearer token was refused');
    throw unauthorized();
  }
}
