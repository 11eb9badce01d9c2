// EtcdServices: the gRPC server of the store's services, fed with connections by whoever listens. Loaded with the first of them.
import type { Duplex } from 'node:stream';
import { type ConnectionInjector, Server, ServerCredentials, type UntypedHandleCall } from '@grpc/grpc-js';
import { EtcdError } from '../backend.js';
import { REQUEST_BYTES_MAX } from '../transaction-check.js';
import { authService } from './auth.js';
import { clusterService } from './cluster.js';
import { type ServiceContext, unaryHandlers } from './context.js';
import { kvService } from './kv.js';
import { leaseKeepAlive, leaseService } from './lease.js';
import { maintenanceService, snapshotHandler } from './maintenance.js';
import { loadEtcdProto } from './proto.js';
import { type WatchStream, watchHandler } from './watch.js';

/** etcd's allowance for what is around a request of the largest size. */
const OVERHEAD_BYTES = 512 << 10;
/** etcd's --grpc-keepalive-min-time, interval and time-out. */
const KEEPALIVE = {
  'grpc.keepalive_time_ms': 2 * 3600_000,
  'grpc.keepalive_timeout_ms': 20_000,
} as const;

/** PEM, all three. */
export interface EtcdTls {
  readonly cert: string;
  readonly key: string;
  /** With it, clients must have a certificate of this authority. */
  readonly clientCa?: string;
}

export class EtcdServices {
  readonly #server: Server;
  readonly #streams = new Set<WatchStream>();
  readonly #secure: ConnectionInjector | undefined;
  #plain: ConnectionInjector | undefined;

  constructor(context: ServiceContext, tls: EtcdTls | undefined) {
    this.#server = new Server({ 'grpc.max_receive_message_length': REQUEST_BYTES_MAX + OVERHEAD_BYTES, ...KEEPALIVE });
    const proto = loadEtcdProto();
    const { log } = context;
    const stream = (handle: unknown) => handle as UntypedHandleCall;
    this.#server.addService(proto.KV, unaryHandlers(kvService(context), log));
    this.#server.addService(proto.Lease, {
      ...unaryHandlers(leaseService(context), log),
      LeaseKeepAlive: stream(leaseKeepAlive(context)),
    });
    this.#server.addService(proto.Watch, { Watch: stream(watchHandler(context, this.#streams)) });
    this.#server.addService(proto.Maintenance, {
      ...unaryHandlers(maintenanceService(context), log),
      Snapshot: stream(snapshotHandler(context)),
    });
    this.#server.addService(proto.Cluster, unaryHandlers(clusterService(context), log));
    this.#server.addService(proto.Auth, unaryHandlers(authService(), log));
    this.#secure = tls && this.#server.createConnectionInjector(credentialsOf(tls));
  }

  /** Takes over a connection that has been accepted, `secure`: it begins with a TLS handshake. */
  accept(connection: Duplex, secure: boolean): void {
    if (secure) this.#secure!.injectConnection(connection);
    else (this.#plain ??= this.#server.createConnectionInjector(ServerCredentials.createInsecure())).injectConnection(connection);
  }

  /** Ends all watches with a word, and every other call without. */
  close(): void {
    for (const stream of [...this.#streams]) stream.end(new EtcdError('UNAVAILABLE', 'etcdserver: server stopped'));
    this.#server.forceShutdown();
  }
}

function credentialsOf({ cert, key, clientCa }: EtcdTls): ServerCredentials {
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
  return ServerCredentials.createSsl(clientCa ? Buffer.from(clientCa) : null, [pair], clientCa !== undefined);
}
