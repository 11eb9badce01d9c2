// Audit: who did what, told in the audit log where there is one. Behind authentication, before anybody acts as somebody else.
import { isStatus, StatusError } from '../../apimachinery/status.js';
import { AuditLog } from '../audit/log.js';
import { AuditPolicy } from '../audit/policy.js';
import { AuditRecord } from '../audit/record.js';
import { attributesOf } from '../authorization/attributes.js';
import type { ApiContext } from '../context.js';
import type { Exchange, Result } from '../exchange.js';
import type { AuditOptions, UserInfo } from '../options.js';
import type { Filter } from './filter.js';

const NO_QUERY = new URLSearchParams();
const NOBODY: UserInfo = { name: '', groups: [] };

export interface AuditFilters {
  /** Tells of whoever does not get past authentication. */
  readonly failedAuthentication: Filter;
  readonly audit: Filter;
  close(): void;
}

/** Throws where the policy makes no sense, or the log cannot be opened. */
export function auditFilters({ policy: text, ...file }: AuditOptions, { clock, log }: Pick<ApiContext, 'clock' | 'log'>): AuditFilters {
  const policy = ofFlag('--audit-policy-file', () => new AuditPolicy(text));
  const sink = ofFlag('--audit-log-path', () => new AuditLog({ ...file, clock, log }));
  const begin = (exchange: Exchange, user: UserInfo | undefined, context: ApiContext): AuditRecord | undefined => {
    const config = policy.configFor(attributesOf(user ?? NOBODY, exchange.info, NO_QUERY));
    return config.level === 'None' ? undefined : new AuditRecord(context, sink, config, exchange, user);
  };
  return {
    failedAuthentication: {
      name: 'FailedAuthenticationAudit',
      inProcess: false,
      leave(exchange, outcome, context) {
        if (!exchange.maybeUser && isStatus(outcome, 'Unauthorized')) begin(exchange, undefined, context)?.refused(outcome);
      },
    },
    audit: {
      name: 'Audit',
      inProcess: true,
      enter(exchange, context) {
        exchange.audit = begin(exchange, exchange.user, context);
      },
      leave({ audit }, outcome) {
        if (outcome instanceof StatusError) audit?.refused(outcome);
        else if (hasEnd(outcome)) audit?.answered(outcome);
      },
    },
    close: () => sink.close(),
  };
}

/** An error that names the flag that is to blame. */
function ofFlag<T>(flag: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new Error(`${flag}: ${(error as Error).message}`, { cause: error });
  }
}

/** Whoever passes on the others knows when they begin and when they end. */
const hasEnd = ({ type }: Result) => type === 'object' || type === 'list' || type === 'value' || type === 'bytes';
