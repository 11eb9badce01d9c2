// What every etcd service is given, and what they share: the member's identity, response headers, errors, and the shape of a call.
import { createHash } from 'node:crypto';
import type { Clock } from '../../apimachinery/clock.js';
import type { Logger } from '../../apimachinery/logger.js';
import { type EtcdCode, EtcdError, type Key, type KeyValue, type Revision } from '../backend.js';
import type { EmbeddedBackend } from '../embedded.js';
import type { HeaderMessage, KeyValueMessage } from './messages.js';
import { type GrpcFailure, STATUS } from './status.js';

export interface EtcdMember {
  readonly name: string;
  readonly clientUrls: readonly string[];
}

export interface ServiceContext {
  readonly backend: EmbeddedBackend;
  readonly member: EtcdMember;
  /** How often watches that ask for it hear how far the store is while nothing happens to them; etcd's 10 minutes if absent. */
  readonly progressNotifyInterval_ms?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** There is one member, so there is one term, and it never ends. */
const RAFT_TERM = '1';

/** An id that a name always gives, as etcd makes them: 8 bytes of a hash. */
const idOf = (text: string): string => createHash('sha256').update(text).digest().readBigUInt64BE().toString();
export const memberId = (member: EtcdMember): string => idOf(`porthole etcd member ${member.name}`);
const clusterId = (member: EtcdMember): string => idOf(`porthole etcd cluster ${member.name}`);

/** Response headers of one member. */
export function headers(member: EtcdMember): (revision: Revision) => HeaderMessage {
  const constant = { cluster_id: clusterId(member), member_id: memberId(member), raft_term: RAFT_TERM };
  return (revision) => ({ ...constant, revision: String(revision) });
}

/** The store's revision at the cost of reading one key that cannot be there. */
export async function currentRevision({ backend }: ServiceContext): Promise<Revision> {
  return (await backend.range({ key: '', keysOnly: true })).revision;
}

export const keyOf = (bytes: Buffer): Key => bytes.toString('latin1');
export const keyBytes = (key: Key): Buffer => Buffer.from(key, 'latin1');
/** No bytes: no end. */
export const rangeEndOf = (bytes: Buffer): { readonly rangeEnd?: Key } => (bytes.length === 0 ? {} : { rangeEnd: keyOf(bytes) });

export const kvMessage = (kv: KeyValue): KeyValueMessage => ({
  key: keyBytes(kv.key),
  create_revision: String(kv.createRevision),
  mod_revision: String(kv.modRevision),
  version: String(kv.version),
  value: kv.value,
  lease: String(kv.lease),
});

export const invalid = (message: string): EtcdError => new EtcdError('INVALID_ARGUMENT', `etcdserver: ${message}`);

/** What this server does not do at all, and what to do instead. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
}

/** Where a single member is not enough. */
export const USE_A_CLUSTER =
  'the embedded store is a single member: run an etcd cluster of its own, move the data there with `porthole etcd copy --from URL --to URL`, ' +
  'and start `porthole apiserver --etcd-servers URL,URL,URL`';

/** As gRPC sends it. What is neither etcd's nor ours is a defect: told, and logged with its stack. */
export function serviceError(error: unknown, log: Logger): GrpcFailure {
  if (error instanceof EtcdError) return { code: STATUS[error.code satisfies EtcdCode], details: error.message };
  if (error instanceof UnsupportedError) return { code: STATUS.UNIMPLEMENTED, details: `etcdserver: ${error.message}` };
  log.error({ err: error }, 'an etcd request failed');
  return { code: STATUS.INTERNAL, details: `etcdserver: ${error instanceof Error ? error.message : String(error)}` };
}
