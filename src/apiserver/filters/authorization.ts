// Authorization: who may do what, as the authorisers say.
import { attributesOf } from '../authorization/attributes.js';
import type { Authorizer } from '../authorization/authorizer.js';
import { forbidden } from '../authorization/forbidden.js';
import type { Exchange } from '../exchange.js';
import type { RequestInfo } from '../request.js';
import type { Filter } from './filter.js';

export const authorization: Filter = {
  name: 'Authorization',
  inProcess: true,
  enter(exchange, { authorizer }) {
    const pending = authorizer.ready(exchange.user);
    return pending ? pending.then(() => decide(exchange, authorizer)) : decide(exchange, authorizer);
  },
};

function decide({ user, info, query, audit }: Exchange, authorizer: Authorizer): void {
  const attributes = attributesOf(user, info, query);
  const { allowed, reason } = authorizer.authorize(attributes);
  audit?.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
  audit?.annotate('authorization.k8s.io/reason', reason ?? '');
  if (!allowed) throw forbidden(attributes, reason);
  if (!isUpgradeByGet(info)) return;
  const creating = { ...attributes, verb: 'create' };
  const decision = authorizer.authorize(creating);
  if (!decision.allowed) throw forbidden(creating, decision.reason);
}

/** WebSockets begin with a GET; who may only read pods must not run commands in them, so it takes what a POST takes. */
function isUpgradeByGet(info: RequestInfo): boolean {
  if (!info.isResource || info.verb !== 'get' || info.group !== '' || info.resource !== 'pods') return false;
  return info.subresource === 'exec' || info.subresource === 'attach' || info.subresource === 'portforward';
}
