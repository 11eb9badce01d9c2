// Impersonation (kubectl --as): a request is answered as if somebody else had made it, where its maker may act as them.
import { internalError } from '../../apimachinery/status.js';
import { serviceAccountGroups } from '../../client/jwt.js';
import { GROUP_AUTHENTICATED, GROUP_UNAUTHENTICATED, USER_ANONYMOUS } from '../../kinds/wellknown.js';
import type { ResourceAttributes } from '../authorization/attributes.js';
import { forbidden } from '../authorization/forbidden.js';
import type { ApiContext } from '../context.js';
import type { Exchange, Impersonation } from '../exchange.js';
import type { UserInfo } from '../options.js';
import type { Filter } from './filter.js';

const AUTHENTICATION_GROUP = 'authentication.k8s.io';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

export const impersonation: Filter = {
  name: 'Impersonation',
  inProcess: false,
  enter(exchange, context) {
    const { impersonate } = exchange.headers;
    if (impersonate) return actAs(exchange, impersonate, context);
  },
};

async function actAs(exchange: Exchange, impersonate: Impersonation, context: ApiContext): Promise<void> {
  if (!impersonate.user) throw internalError('requested groups, uid or extra without impersonating a user');
  await checkRights(context, exchange.user, impersonate.user, impersonate);
  exchange.user = impersonated(impersonate.user, impersonate);
}

async function checkRights({ authorizer }: ApiContext, user: UserInfo, name: string, { groups, uid, extra }: Impersonation): Promise<void> {
  await authorizer.ready(user);
  const check = (what: Pick<ResourceAttributes, 'resource' | 'name'> & Partial<ResourceAttributes>) => {
    const base = {
      isResource: true,
      user,
      verb: 'impersonate',
      group: '',
      version: 'v1',
      subresource: undefined,
      namespace: undefined,
    } as const;
    const attributes: ResourceAttributes = { ...base, ...what };
    const { allowed, reason } = authorizer.authorize(attributes);
    if (!allowed) throw forbidden(attributes, reason);
  };
  const [, namespace, account] = SERVICE_ACCOUNT.exec(name) ?? [];
  if (account) check({ resource: 'serviceaccounts', namespace, name: account });
  else check({ resource: 'users', name });
  for (const group of groups) check({ resource: 'groups', name: group });
  if (uid) check({ group: AUTHENTICATION_GROUP, resource: 'uids', name: uid });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) check({ group: AUTHENTICATION_GROUP, resource: 'userextras', subresource: key, name: value });
  }
}

function impersonated(name: string, { groups: asked, uid, extra }: Impersonation): UserInfo {
  const [, namespace] = SERVICE_ACCOUNT.exec(name) ?? [];
  const own = asked.length === 0 && namespace ? serviceAccountGroups(namespace) : asked;
  const always = name === USER_ANONYMOUS ? GROUP_UNAUTHENTICATED : GROUP_AUTHENTICATED;
  const known = own.includes(GROUP_AUTHENTICATED) || own.includes(GROUP_UNAUTHENTICATED);
  const groups = known ? own : [...own, always];
  return { name, groups, ...(uid && { uid }), ...(Object.keys(extra).length > 0 && { extra }) };
}
