// What one batch of the store's events becomes on the wire: etcd's filters, and responses that no client finds too large.
import type { KeyEvent, Revision, WatchBatch } from '../backend.js';
import { REQUEST_BYTES_MAX } from '../transaction-check.js';
import { kvMessage } from './context.js';
import type { EventMessage, WatchCreateMessage } from './messages.js';

/** Bytes of an event beside keys and values, at the most: field numbers, lengths, revisions, a lease. */
const EVENT_OVERHEAD_BYTES = 100;
/** etcd's own bound for a fragment; below it one response may hold many revisions. */
const RESPONSE_BYTES = REQUEST_BYTES_MAX;

export interface EventResponse {
  readonly revision: Revision;
  readonly events: readonly EventMessage[];
  /** More of the same revision follows. */
  readonly fragment: boolean;
  readonly bytes: number;
}

/**
 * Responses end where a revision ends; one that is too large by itself is split only for watches that ask for fragments. Empty where
 * the filters leave nothing.
 */
export function eventResponses({ events, revision }: WatchBatch, { filters, fragment }: WatchCreateMessage): readonly EventResponse[] {
  const wanted = events.filter((event) => !filters.includes(event.type === 'put' ? 'Noput' : 'Nodelete'));
  const responses: EventResponse[] = [];
  let pending: EventMessage[] = [];
  let bytes = 0;
  const finish = (upTo: Revision, isFragment: boolean) => {
    responses.push({ revision: upTo, events: pending, fragment: isFragment, bytes });
    pending = [];
    bytes = 0;
  };
  wanted.forEach((event, i) => {
    const size = sizeOf(event);
    const at = event.kv.modRevision;
    const before = wanted[i - 1]?.kv.modRevision;
    if (bytes > 0 && bytes + size > RESPONSE_BYTES && (before !== at || fragment)) finish(before!, before === at);
    pending.push(eventMessage(event));
    bytes += size;
  });
  if (pending.length > 0) finish(revision, false);
  return responses;
}

const sizeOf = ({ kv, prevKv }: KeyEvent): number =>
  EVENT_OVERHEAD_BYTES + kv.key.length + kv.value.length + (prevKv ? prevKv.key.length + prevKv.value.length : 0);

const eventMessage = ({ type, kv, prevKv }: KeyEvent): EventMessage => ({
  type: type === 'put' ? 'Put' : 'Delete',
  kv: kvMessage(kv),
  ...(prevKv && { prev_kv: kvMessage(prevKv) }),
});
