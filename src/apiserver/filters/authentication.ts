// Authentication: who asks, by client certificate or bootstrap token.
import { StatusError, unauthorized } from '../../apimachinery/status.js';
import { GROUP_AUTHENTICATED } from '../../kinds/wellknown.js';
import { bootstrapUser } from '../bootstrap-token.js';
import type { ApiContext } from '../context.js';
import type { Exchange } from '../exchange.js';
import type { UserInfo } from '../options.js';
import type { Filter } from './filter.js';

/** What anybody may ask: whether the server is well, and its version. */
const PUBLIC: ReadonlySet<string> = new Set(['livez', 'readyz', 'healthz', 'version']);

export const authentication: Filter = {
  name: 'Authentication',
  inProcess: false,
  async apply(exchange, next, context) {
    const user = await authenticate(exchange, context);
    if (user) exchange.user = { name: user.name, groups: [...user.groups, GROUP_AUTHENTICATED] };
    else if (!isPublic(exchange)) throw unauthorized();
    return next();
  },
};

async function authenticate({ credentials }: Exchange, context: ApiContext): Promise<UserInfo | undefined> {
  if (credentials.certificate) return credentials.certificate;
  // The message says why; upstream's only says Unauthorized, which has cost many an afternoon.
  if (credentials.certificateError)
    throw new StatusError(401, 'Unauthorized', `Unauthorized: the client certificate is not valid: ${credentials.certificateError}`);
  if (credentials.bearer === undefined) return undefined;
  const user = await bootstrapUser(context, credentials.bearer);
  if (!user) throw unauthorized();
  return user;
}

function isPublic({ info }: Exchange): boolean {
  return !info.isResource && (info.verb === 'get' || info.verb === 'head') && PUBLIC.has(info.path.split('/')[1] ?? '');
}
