// The constraints of a LimitRange, each on one resource: undefined where it holds, what is wrong in upstream's words where it does not. Pure.
import { parseQuantity } from '../../apimachinery/quantity.js';
import { resourceAmount } from '../../kinds/core/podutil.js';
import { quantityOf } from '../../kinds/quota/amounts.js';
import type { Usage } from '../../kinds/quota/usage.js';

/** In `resourceAmount` units. */
export interface Resources {
  readonly requests: Usage;
  readonly limits: Usage;
}

type Constraint = (type: string, resource: string, bound: string | number, resources: Resources) => string | undefined;

export const minConstraint: Constraint = (type, resource, bound, { requests, limits }) => {
  const [request, limit, least] = [requests.get(resource), limits.get(resource), resourceAmount(resource, bound)];
  const rule = `minimum ${resource} usage per ${type} is ${bound}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (request < least) return `${rule}, but request is ${quantityOf(resource, request)}`;
  if (limit !== undefined && limit < least) return `${rule}, but limit is ${quantityOf(resource, limit)}`;
  return undefined;
};

export const maxConstraint: Constraint = (type, resource, bound, { requests, limits }) => {
  const [request, limit, most] = [requests.get(resource), limits.get(resource), resourceAmount(resource, bound)];
  const rule = `maximum ${resource} usage per ${type} is ${bound}`;
  if (limit === undefined) return `${rule}.  No limit is specified`;
  if (limit > most) return `${rule}, but limit is ${quantityOf(resource, limit)}`;
  if (request !== undefined && request > most) return `${rule}, but request is ${quantityOf(resource, request)}`;
  return undefined;
};

export const ratioConstraint: Constraint = (type, resource, bound, { requests, limits }) => {
  const [request, limit] = [requests.get(resource), limits.get(resource)];
  const rule = `${resource} max limit to request ratio per ${type} is ${bound}`;
  if (!request) return `${rule}, but no request is specified or request is 0`;
  if (!limit) return `${rule}, but no limit is specified or limit is 0`;
  const ratio = limit / request;
  return ratio > parseQuantity(bound) ? `${rule}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
};

/** For what has requests only: volume claims. */
export const minRequestConstraint: Constraint = (type, resource, bound, { requests }) => {
  const request = requests.get(resource);
  const rule = `minimum ${resource} usage per ${type} is ${bound}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  return request < resourceAmount(resource, bound) ? `${rule}, but request is ${quantityOf(resource, request)}` : undefined;
};

export const maxRequestConstraint: Constraint = (type, resource, bound, { requests }) => {
  const request = requests.get(resource);
  const rule = `maximum ${resource} usage per ${type} is ${bound}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  return request > resourceAmount(resource, bound) ? `${rule}, but request is ${quantityOf(resource, request)}` : undefined;
};
