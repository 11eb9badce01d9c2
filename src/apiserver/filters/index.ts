// The filters, in the order in which a request passes them. Adding one is one file and one line here.
import { authentication } from './authentication.js';
import { authorization } from './authorization.js';
import { errors } from './errors.js';
import type { Filter } from './filter.js';
import { impersonation } from './impersonation.js';
import { maxInFlight } from './max-in-flight.js';
import { negotiation } from './negotiation.js';
import { requestInfoFilter } from './request-info.js';

export const filters: readonly Filter[] = [
  errors,
  requestInfoFilter,
  authentication,
  impersonation,
  maxInFlight(),
  authorization,
  negotiation,
];
