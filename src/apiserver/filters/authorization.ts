// Authorization: who may do what. Authenticated users may do everything, machines that only hold a join token next to nothing.
import { forbiddenRequest, StatusError } from '../../apimachinery/status.js';
import { certificateSigningRequests } from '../../kinds/certificates/certificatesigningrequest.js';
import { GROUP_BOOTSTRAPPERS } from '../../kinds/wellknown.js';
import type { UserInfo } from '../options.js';
import type { RequestInfo, ResourceRequestInfo } from '../request.js';
import type { Filter } from './filter.js';

const BOOTSTRAPPER_VERBS: readonly string[] = ['create', 'get', 'list', 'watch'];
const DISCOVERY = /^\/(api|apis|openapi|version|livez|readyz|healthz)(\/|$)/;

export const authorization: Filter = {
  name: 'Authorization',
  inProcess: true,
  apply(exchange, next) {
    const user = exchange.maybeUser;
    if (user?.groups.includes(GROUP_BOOTSTRAPPERS) && !mayBootstrapperDo(exchange.info)) throw refusal(user, exchange.info);
    return next();
  },
};

function mayBootstrapperDo(info: RequestInfo): boolean {
  if (!info.isResource) return info.verb === 'get' && DISCOVERY.test(info.path);
  const { group, resource, subresource, verb } = info;
  const { groupResource } = certificateSigningRequests;
  return group === groupResource.group && resource === groupResource.resource && !subresource && BOOTSTRAPPER_VERBS.includes(verb);
}

function refusal(user: UserInfo, info: RequestInfo): StatusError {
  if (info.isResource) return forbiddenRequest(info, info.name ?? '', cannot(user, info));
  const why = `User "${user.name}" cannot ${info.verb} path "${info.path}"`;
  return new StatusError(403, 'Forbidden', `forbidden: ${why}`, {});
}

function cannot(user: UserInfo, { verb, resource, subresource, group, namespace }: ResourceRequestInfo): string {
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  return `User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`;
}
