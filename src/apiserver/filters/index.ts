// The filters, in the order in which a request passes them. Adding one is one file and one line here.
import type { ApiServerOptions } from '../options.js';
import type { AuditFilters } from './audit.js';
import { authentication } from './authentication.js';
import { authorization } from './authorization.js';
import type { Filter } from './filter.js';
import { impersonation } from './impersonation.js';
import { maxInFlight } from './max-in-flight.js';
import { negotiation } from './negotiation.js';
import { requestInfoFilter } from './request-info.js';

export const filtersWith = (audit: AuditFilters | undefined, limits: ApiServerOptions['maxInFlight'] = {}): readonly Filter[] => [
  requestInfoFilter,
  ...(audit ? [audit.failedAuthentication] : []),
  authentication,
  ...(audit ? [audit.audit] : []),
  impersonation,
  maxInFlight(limits),
  authorization,
  negotiation,
];
