// The messages of etcd's v3 API as this server reads and writes them: etcd's field names, 64-bit numbers as decimal strings.

export interface HeaderMessage {
  readonly cluster_id: string;
  readonly member_id: string;
  readonly revision: string;
  readonly raft_term: string;
}

export interface KeyValueMessage {
  readonly key: Buffer;
  readonly create_revision: string;
  readonly mod_revision: string;
  readonly version: string;
  readonly value: Uint8Array;
  readonly lease: string;
}

/** An enum's value that the .proto files do not name arrives as its number. */
type Enum<T extends string> = T | number;

export interface RangeMessage {
  readonly key: Buffer;
  readonly range_end: Buffer;
  readonly limit: string;
  readonly revision: string;
  readonly sort_order: Enum<'None' | 'Ascend' | 'Descend'>;
  readonly sort_target: Enum<'Key' | 'Version' | 'Create' | 'Mod' | 'Value'>;
  readonly keys_only: boolean;
  readonly count_only: boolean;
  readonly min_mod_revision: string;
  readonly max_mod_revision: string;
  readonly min_create_revision: string;
  readonly max_create_revision: string;
}

export interface PutMessage {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly lease: string;
  readonly prev_kv: boolean;
  readonly ignore_value: boolean;
  readonly ignore_lease: boolean;
}

export interface DeleteRangeMessage {
  readonly key: Buffer;
  readonly range_end: Buffer;
  readonly prev_kv: boolean;
}

export interface CompareMessage {
  readonly result: Enum<'Equal' | 'Greater' | 'Less' | 'NotEqual'>;
  readonly target: Enum<'Version' | 'Create' | 'Mod' | 'Value' | 'Lease'>;
  readonly key: Buffer;
  readonly version?: string;
  readonly create_revision?: string;
  readonly mod_revision?: string;
  readonly value?: Buffer;
  readonly lease?: string;
  readonly range_end: Buffer;
}

export interface RequestOpMessage {
  readonly request_range?: RangeMessage | null;
  readonly request_put?: PutMessage | null;
  readonly request_delete_range?: DeleteRangeMessage | null;
  readonly request_txn?: TxnMessage | null;
}

export interface TxnMessage {
  readonly compare: readonly CompareMessage[];
  readonly success: readonly RequestOpMessage[];
  readonly failure: readonly RequestOpMessage[];
}

export interface CompactionMessage {
  readonly revision: string;
  readonly physical: boolean;
}

export interface WatchCreateMessage {
  readonly key: Buffer;
  readonly range_end: Buffer;
  readonly start_revision: string;
  readonly progress_notify: boolean;
  readonly filters: readonly Enum<'Noput' | 'Nodelete'>[];
  readonly prev_kv: boolean;
  readonly watch_id: string;
  readonly fragment: boolean;
}

export interface WatchMessage {
  readonly create_request?: WatchCreateMessage | null;
  readonly cancel_request?: { readonly watch_id: string } | null;
  readonly progress_request?: object | null;
}

export interface EventMessage {
  readonly type: 'Put' | 'Delete';
  readonly kv: KeyValueMessage;
  readonly prev_kv?: KeyValueMessage;
}

export interface WatchResponseMessage {
  readonly header: HeaderMessage;
  readonly watch_id: string;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compact_revision?: string;
  readonly cancel_reason?: string;
  readonly fragment?: boolean;
  readonly events?: readonly EventMessage[];
}

/** Of every request about one lease. */
export interface LeaseMessage {
  readonly ID: string;
  readonly TTL: string;
  readonly keys: boolean;
}
