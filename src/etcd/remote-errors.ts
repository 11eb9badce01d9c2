// What a call to etcd failed with, as the contract's errors, and whether the call can have had an effect.
import { type ServiceError, status } from '@grpc/grpc-js';
import { CompactedError, type EtcdCode, EtcdError, FutureRevisionError, LeaseNotFoundError, type Revision } from './backend.js';

/** A write was sent and no answer came: it may or may not be committed. Read before writing again. */
export class UnknownOutcomeError extends EtcdError {
  override readonly name = 'UnknownOutcomeError';
  constructor(reason: string) {
    super('UNAVAILABLE', `etcd did not answer: the write may or may not have been made (${reason})`);
  }
}

const CODES: { readonly [code: number]: EtcdCode } = {
  [status.INVALID_ARGUMENT]: 'INVALID_ARGUMENT',
  [status.NOT_FOUND]: 'NOT_FOUND',
  [status.FAILED_PRECONDITION]: 'FAILED_PRECONDITION',
  [status.OUT_OF_RANGE]: 'OUT_OF_RANGE',
  [status.RESOURCE_EXHAUSTED]: 'RESOURCE_EXHAUSTED',
  [status.DATA_LOSS]: 'DATA_LOSS',
};

/** Answers that no other endpoint would give differently, besides those of the contract. */
const FINAL: ReadonlySet<status> = new Set([status.UNAUTHENTICATED, status.PERMISSION_DENIED, status.UNIMPLEMENTED]);

/** The call found no etcd that could serve it; another endpoint, or the same one later, may. */
export function isUnavailable(error: ServiceError): boolean {
  return !(error.code in CODES) && !FINAL.has(error.code);
}

/**
 * etcd's refusals before it proposes a write, and the transport's before it sends one: such a call had no effect. All other failures
 * to answer (a connection lost, a time-out, a leader lost on the way) leave a write's outcome open.
 */
export function hadNoEffect(error: ServiceError): boolean {
  if (!isUnavailable(error)) return true;
  if (error.code !== status.UNAVAILABLE) return false;
  return error.details === 'etcdserver: no leader' || error.details.startsWith('No connection established');
}

/** `compacted` is what CompactedError is to tell, for etcd's answer does not. */
export function etcdErrorOf(error: ServiceError, compacted: Revision): EtcdError {
  if (error.details === 'etcdserver: mvcc: required revision has been compacted') return new CompactedError(compacted);
  if (error.details === 'etcdserver: mvcc: required revision is a future revision') return new FutureRevisionError();
  if (error.details === 'etcdserver: requested lease not found') return new LeaseNotFoundError();
  return new EtcdError(CODES[error.code] ?? 'UNAVAILABLE', error.details || error.message);
}
