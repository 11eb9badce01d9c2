// The contract's requests as etcd v3 messages, and etcd's answers as the contract has them; the shapes are those of loadEtcdProto.
import type {
  Compare,
  Key,
  KeyEvent,
  KeyValue,
  Operation,
  OperationResult,
  RangeRequest,
  RangeResponse,
  Revision,
  TxnRequest,
  TxnResponse,
  WatchRequest,
} from './backend.js';

export interface HeaderMessage {
  readonly revision: string;
}

/** Absent only in messages of servers that leave it out of nested answers. */
export interface WithHeader {
  readonly header: HeaderMessage | null;
}

export interface KeyValueMessage {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly create_revision: string;
  readonly mod_revision: string;
  readonly version: string;
  readonly lease: string;
}

export interface RangeMessage extends WithHeader {
  readonly kvs: readonly KeyValueMessage[];
  readonly more: boolean;
  readonly count: string;
}

type ResponseOpMessage =
  | { readonly response: 'response_range'; readonly response_range: RangeMessage }
  | { readonly response: 'response_put'; readonly response_put: { readonly prev_kv: KeyValueMessage | null } }
  | {
      readonly response: 'response_delete_range';
      readonly response_delete_range: { readonly deleted: string; readonly prev_kvs: readonly KeyValueMessage[] };
    }
  | { readonly response: 'response_txn'; readonly response_txn: TxnMessage };

export interface TxnMessage extends WithHeader {
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOpMessage[];
}

export interface EventMessage {
  readonly type: 'Put' | 'Delete';
  readonly kv: KeyValueMessage;
  readonly prev_kv: KeyValueMessage | null;
}

export interface WatchMessage extends WithHeader {
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compact_revision: string;
  readonly cancel_reason: string;
  readonly fragment: boolean;
  readonly events: readonly EventMessage[];
}

export const keyBytes = (key: Key): Buffer => Buffer.from(key, 'latin1');
export const keyOf = (bytes: Buffer): Key => bytes.toString('latin1');

/** etcd has no empty key, and takes none as a start: the least key there can be stands for it. */
export function rangeBytes(key: Key, rangeEnd: Key | undefined): { readonly key: Buffer; readonly range_end?: Buffer } {
  return rangeEnd === undefined ? { key: keyBytes(key) } : { key: keyBytes(key || '\0'), range_end: keyBytes(rangeEnd) };
}

export function rangeMessage(request: RangeRequest): object {
  return {
    ...rangeBytes(request.key, request.rangeEnd),
    limit: request.limit ?? 0,
    revision: request.revision ?? 0,
    keys_only: request.keysOnly ?? false,
    count_only: request.countOnly ?? false,
  };
}

export function txnMessage(request: TxnRequest): object {
  return {
    compare: request.compare.map(compareMessage),
    success: request.success.map(operationMessage),
    failure: request.failure.map(operationMessage),
  };
}

export function watchMessage(request: WatchRequest, startRevision: Revision): object {
  const options = { start_revision: startRevision, prev_kv: request.prevKv ?? false, progress_notify: true, fragment: true };
  return { create_request: { ...rangeBytes(request.key, request.rangeEnd), ...options } };
}

const RESULTS = { '=': 'Equal', '!=': 'NotEqual', '<': 'Less', '>': 'Greater' } as const;

function compareMessage(compare: Compare): object {
  const head = { key: keyBytes(compare.key), result: RESULTS[compare.result] };
  switch (compare.target) {
    case 'version':
      return { ...head, target: 'Version', version: compare.value };
    case 'create':
      return { ...head, target: 'Create', create_revision: compare.value };
    case 'mod':
      return { ...head, target: 'Mod', mod_revision: compare.value };
    case 'value':
      return { ...head, target: 'Value', value: compare.value };
    case 'lease':
      return { ...head, target: 'Lease', lease: compare.value.toString() };
  }
}

function operationMessage(op: Operation): object {
  switch (op.type) {
    case 'range':
      return { request_range: rangeMessage(op.request) };
    case 'put': {
      const lease = (op.lease ?? 0n).toString();
      return { request_put: { key: keyBytes(op.key), value: op.value, lease, prev_kv: op.prevKv ?? false } };
    }
    case 'delete':
      return { request_delete_range: { ...rangeBytes(op.key, op.rangeEnd), prev_kv: op.prevKv ?? false } };
    case 'txn':
      return { request_txn: txnMessage(op.request) };
  }
}

export const revisionOf = (message: WithHeader): Revision => Number(message.header?.revision ?? 0);

export function keyValueOf(message: KeyValueMessage): KeyValue {
  return {
    key: keyOf(message.key),
    value: message.value,
    createRevision: Number(message.create_revision),
    modRevision: Number(message.mod_revision),
    version: Number(message.version),
    lease: BigInt(message.lease),
  };
}

export function rangeOf(message: RangeMessage, revision = revisionOf(message)): RangeResponse {
  return { revision, kvs: message.kvs.map(keyValueOf), more: message.more, count: Number(message.count) };
}

/** What is nested has the whole transaction's revision: etcd leaves it out there. */
export function txnOf(message: TxnMessage, revision = revisionOf(message)): TxnResponse {
  return { revision, succeeded: message.succeeded, results: message.responses.map((each) => resultOf(each, revision)) };
}

function resultOf(message: ResponseOpMessage, revision: Revision): OperationResult {
  switch (message.response) {
    case 'response_range':
      return { type: 'range', response: rangeOf(message.response_range, revision) };
    case 'response_put': {
      const { prev_kv } = message.response_put;
      return prev_kv ? { type: 'put', prevKv: keyValueOf(prev_kv) } : { type: 'put' };
    }
    case 'response_delete_range': {
      const { deleted, prev_kvs } = message.response_delete_range;
      return { type: 'delete', deleted: Number(deleted), prevKvs: prev_kvs.map(keyValueOf) };
    }
    case 'response_txn':
      return { type: 'txn', response: txnOf(message.response_txn, revision) };
  }
}

export function eventOf(message: EventMessage): KeyEvent {
  const event = { type: message.type === 'Put' ? 'put' : 'delete', kv: keyValueOf(message.kv) } as const;
  return message.prev_kv ? { ...event, prevKv: keyValueOf(message.prev_kv) } : event;
}
