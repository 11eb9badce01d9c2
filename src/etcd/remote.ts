// A real etcd cluster as a Backend, over the etcd v3 gRPC API: any of its servers will do, and another where one is lost.
import type { Clock } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import {
  type Backend,
  type BackendStatus,
  CompactedError,
  type EtcdError,
  LeaseNotFoundError,
  type LeaseStatus,
  type RangeRequest,
  type RangeResponse,
  type Revision,
  type TxnRequest,
  type TxnResponse,
  type Watch,
  type WatchHandlers,
  type WatchRequest,
} from './backend.js';
import { type EtcdProto, loadEtcdProto } from './grpc/proto.js';
import { Endpoint, type EtcdTls, type Method } from './remote-endpoint.js';
import { type CallKind, closedError, Endpoints } from './remote-endpoints.js';
import { keyOf, type RangeMessage, rangeMessage, rangeOf, type TxnMessage, txnMessage, txnOf } from './remote-messages.js';
import { RemoteWatch, type WatchContext } from './remote-watch.js';
import { WatchStream } from './remote-watch-stream.js';

export interface RemoteOptions extends EtcdTls {
  /** `https://host:port` (`http://` without TLS) of one or more servers of one cluster. */
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Connects to an etcd cluster. Throws an Error of one line, with the cause, where none of its servers answers in time, or an endpoint
 * is no URL of one. Beyond the contract, a write whose answer is lost rejects with UnknownOutcomeError; it is never sent twice.
 * `watch` without a start begins once etcd has been asked for its revision: this backend's own later writes wait for that.
 */
export async function openRemoteBackend(options: RemoteOptions): Promise<Backend> {
  const { clock, log } = options;
  const all = options.endpoints.map((url) => new Endpoint(url, options, clock));
  const endpoints = new Endpoints(all, clock, log);
  const backend = new RemoteBackend(endpoints, loadEtcdProto(), clock, log);
  try {
    const { version, revision } = await backend.status();
    log.info({ endpoints: endpoints.urls, version, revision }, 'connected to etcd');
    return backend;
  } catch (error) {
    await backend.close();
    throw new Error(`cannot use etcd at ${endpoints.urls}: ${(error as Error).message}`, { cause: error });
  }
}

/** From the least key to the last. */
const EVERYTHING = { key: '', rangeEnd: '\0' } as const;

class RemoteBackend implements Backend {
  readonly #watches = new Set<RemoteWatch>();
  readonly #context: WatchContext;
  /** Revisions being asked for, which watches are to start after. */
  readonly #starts = new Set<Promise<unknown>>();

  constructor(
    private readonly endpoints: Endpoints,
    private readonly proto: EtcdProto,
    private readonly clock: Clock,
    log: Logger,
  ) {
    this.#context = {
      endpoints,
      method: method(proto.Watch, 'Watch'),
      clock,
      log,
      revision: async () => (await this.range({ ...EVERYTHING, countOnly: true, limit: 1 })).revision,
      tellsProgress: async (endpoint) =>
        tellsProgress((await endpoint.unary<StatusMessage>(method(proto.Maintenance, 'Status'), {})).version),
    };
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    return rangeOf(await this.#call<RangeMessage>('read', this.proto.KV, 'Range', rangeMessage(request)));
  }

  async txn(request: TxnRequest): Promise<TxnResponse> {
    return txnOf(await this.#write<TxnMessage>(this.proto.KV, 'Txn', txnMessage(request)));
  }

  watch(request: WatchRequest, handlers: WatchHandlers): Watch {
    this.endpoints.assertOpen();
    const start = request.startRevision ? Promise.resolve(request.startRevision) : this.#afterNow();
    const watch = new RemoteWatch(this.#context, request, handlers, start, (over) => this.#watches.delete(over));
    this.#watches.add(watch);
    return watch;
  }

  async compact(revision: Revision): Promise<void> {
    await this.#write(this.proto.KV, 'Compact', { revision });
    this.endpoints.compacted = Math.max(this.endpoints.compacted, revision);
  }

  async leaseGrant(ttl_s: number, id = 0n): Promise<LeaseStatus> {
    const request = { TTL: ttl_s, ID: id.toString() };
    const granted = await this.#write<LeaseMessage>(this.proto.Lease, 'LeaseGrant', request);
    return { id: BigInt(granted.ID), grantedTtl_s: Number(granted.TTL), ttl_s: Number(granted.TTL), keys: [] };
  }

  async leaseRevoke(id: bigint): Promise<void> {
    await this.#write(this.proto.Lease, 'LeaseRevoke', { ID: id.toString() });
  }

  /** Like a read: renewing twice does what renewing once does. */
  async leaseKeepAlive(id: bigint): Promise<LeaseStatus> {
    const keepAlive = method(this.proto.Lease, 'LeaseKeepAlive');
    const renewed = await this.endpoints.call('read', (endpoint) => endpoint.ask<LeaseMessage>(keepAlive, { ID: id.toString() }));
    const ttl_s = Number(renewed.TTL);
    if (ttl_s <= 0) throw new LeaseNotFoundError();
    return { id, grantedTtl_s: ttl_s, ttl_s, keys: [] };
  }

  async leaseTimeToLive(id: bigint, keys = false): Promise<LeaseStatus> {
    const lease = await this.#call<TimeToLiveMessage>('read', this.proto.Lease, 'LeaseTimeToLive', { ID: id.toString(), keys });
    return { id, grantedTtl_s: Number(lease.grantedTTL), ttl_s: Number(lease.TTL), keys: lease.keys.map(keyOf).sort() };
  }

  async leases(): Promise<readonly bigint[]> {
    const { leases } = await this.#call<LeasesMessage>('read', this.proto.Lease, 'LeaseLeases', {});
    return leases.map((lease) => BigInt(lease.ID));
  }

  async status(): Promise<BackendStatus> {
    const status = await this.#call<StatusMessage>('read', this.proto.Maintenance, 'Status', {});
    const [revision, compactedRevision] = await Promise.all([this.#context.revision(), this.#compactedRevision()]);
    return { version: status.version, revision, compactedRevision, dbSize_bytes: Number(status.dbSize) };
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.end(closedError());
    await this.endpoints.close();
  }

  #call<T>(kind: CallKind, service: EtcdProto['KV'], name: string, request: object): Promise<T> {
    return this.endpoints.call(kind, (endpoint) => endpoint.unary<T>(method(service, name), request));
  }

  async #write<T>(service: EtcdProto['KV'], name: string, request: object): Promise<T> {
    if (this.#starts.size > 0) await Promise.allSettled(this.#starts);
    return this.#call('write', service, name, request);
  }

  #afterNow(): Promise<Revision> {
    const start = this.#context.revision().then((revision) => revision + 1);
    this.#starts.add(start);
    const forget = () => this.#starts.delete(start);
    start.then(forget, forget);
    return start;
  }

  /** etcd tells it only to a watch that starts too early. */
  async #compactedRevision(): Promise<Revision> {
    try {
      await this.range({ ...EVERYTHING, countOnly: true, revision: 1 });
      return this.endpoints.compacted;
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
    }
    const ended = await this.endpoints.call('read', async (endpoint) => {
      const handlers = { onEvents: () => {}, onProgress: () => {} };
      const stream = new WatchStream(endpoint, this.#context.method, this.clock, { key: '\0' }, 1, handlers);
      return stream.ended.catch((error: EtcdError) => error);
    });
    if (!(ended instanceof CompactedError)) throw ended;
    this.endpoints.compacted = ended.compactedRevision;
    return ended.compactedRevision;
  }
}

interface LeaseMessage {
  readonly ID: string;
  readonly TTL: string;
}

interface TimeToLiveMessage {
  readonly TTL: string;
  readonly grantedTTL: string;
  readonly keys: readonly Buffer[];
}

interface LeasesMessage {
  readonly leases: readonly { readonly ID: string }[];
}

interface StatusMessage {
  readonly version: string;
  readonly dbSize: string;
}

function method(service: EtcdProto['KV'], name: string): Method {
  const found = service[name];
  if (!found) throw new Error(`etcd's proto files have no method ${name}`);
  return found as Method;
}

/** etcd 3.4.31 and 3.5.13 were the first whose answers to progress requests never overtake events. */
export function tellsProgress(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  if (major !== 3 || minor > 5) return major > 3 || minor > 5;
  return (minor === 5 && patch >= 13) || (minor === 4 && patch >= 31);
}
