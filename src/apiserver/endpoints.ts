// ApiEndpoints: the endpoints of the Service default/kubernetes are the servers that are alive. Each holds a key with a lease of its own in
// etcd, and all follow these keys: whoever stops or dies takes its key along.
import type { Clock, Timer } from '../apimachinery/clock.js';
import type { Draft } from '../apimachinery/json.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Client } from '../client/client.js';
import { type Backend, prefixEnd, type Watch } from '../etcd/backend.js';
import { endpoints } from '../kinds/core/endpoints.js';
import { endpointSlices } from '../kinds/discovery/endpointslice.js';
import type { Endpoints } from '../kinds/types/core_v1.js';
import type { EndpointSlice } from '../kinds/types/discovery_v1.js';
import { LABEL_SERVICE_NAME, LABEL_SKIP_MIRROR } from '../kinds/wellknown.js';
import { API_PORT_NAME, API_SERVICE, replace } from './bootstrap.js';

/** Upstream's place, and how long a server is missed before it is given up. */
const PREFIX = '/registry/masterleases/';
const LEASE_TTL_S = 15;
/** Two may be lost. */
const RENEW_MS = 5_000;
const RETRY_MS = 1_000;

export interface ApiEndpointsOptions {
  readonly backend: Backend;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where nodes and pods reach this server. */
  readonly address: string;
  readonly port: number;
}

/** Where one server is. */
interface Server {
  readonly address: string;
  readonly port: number;
}

export class ApiEndpoints {
  #lease: bigint | undefined;
  #watch: Watch | undefined;
  #timers = new Set<Timer>();
  #publishing: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(private readonly options: ApiEndpointsOptions) {}

  /** Resolves once this server is among the endpoints. */
  async start(): Promise<void> {
    await this.#hold();
    this.#follow();
    await this.#publish();
    this.#later(RENEW_MS, () => this.#renew());
  }

  /** Resolves once the others are the endpoints, if there are any: without one, clients could not even find a server that comes back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch?.cancel();
    for (const timer of this.#timers) timer.cancel();
    if (this.#lease === undefined) return;
    try {
      await this.#publishing;
      await this.options.backend.leaseRevoke(this.#lease);
      await this.#publish();
    } catch (error) {
      this.options.log.warn(
        { error: (error as Error).message },
        'the endpoints of the API could not be put right; they will be when the lease ends',
      );
    }
  }

  async #hold(): Promise<void> {
    const { backend, address, port } = this.options;
    const { id } = await backend.leaseGrant(LEASE_TTL_S);
    this.#lease = id;
    const value = Buffer.from(JSON.stringify({ address, port } satisfies Server));
    const key = `${PREFIX}${address}:${port}`;
    await backend.txn({ compare: [], success: [{ type: 'put', key, value, lease: id }], failure: [] });
  }

  async #renew(): Promise<void> {
    const { backend, log } = this.options;
    try {
      await backend.leaseKeepAlive(this.#lease!);
    } catch (error) {
      log.warn({ error: (error as Error).message }, 'the lease of this server is renewed anew');
      try {
        await this.#hold();
      } catch {
        // The store is not there; the next time it may be.
      }
    }
    this.#later(RENEW_MS, () => this.#renew());
  }

  #follow(): void {
    if (this.#stopped) return;
    const request = { key: PREFIX, rangeEnd: prefixEnd(PREFIX) };
    this.#watch = this.options.backend.watch(request, {
      onBatch: ({ events }) => {
        if (events.length > 0) this.#publishSoon();
      },
      onEnd: () =>
        this.#later(RETRY_MS, async () => {
          this.#follow();
          this.#publishSoon();
        }),
    });
  }

  #later(delay_ms: number, act: () => Promise<void>): void {
    if (this.#stopped) return;
    const timer = this.options.clock.after(delay_ms, () => {
      this.#timers.delete(timer);
      void act();
    });
    this.#timers.add(timer);
  }

  /** One at a time, and once more where something has changed meanwhile. */
  #publishSoon(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#publishing ??= this.#publishAll().finally(() => {
      this.#publishing = undefined;
    });
  }

  async #publishAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        await this.#publish();
      } catch (error) {
        this.options.log.warn({ error: (error as Error).message }, 'the endpoints of the API could not be written');
        this.#later(RETRY_MS, async () => this.#publishSoon());
      }
    }
  }

  async #publish(): Promise<void> {
    const { backend, client } = this.options;
    const { kvs } = await backend.range({ key: PREFIX, rangeEnd: prefixEnd(PREFIX) });
    const servers = kvs.map(({ value }) => JSON.parse(Buffer.from(value).toString()) as Server);
    if (servers.length === 0) return;
    const groups = byPort(servers);
    await replace(client, endpoints, endpointsOf(groups), ({ metadata, subsets }) => [metadata.labels?.[LABEL_SKIP_MIRROR], subsets]);
    const slices = groups.map(sliceOf);
    for (const slice of slices)
      await replace(client, endpointSlices, slice, ({ addressType, endpoints: list, ports }) => [addressType, list, ports]);
    const labelSelector = `${LABEL_SERVICE_NAME}=${API_SERVICE.name}`;
    const { items } = await client.list(endpointSlices, { namespace: API_SERVICE.namespace, labelSelector });
    const stale = items.filter(({ metadata }) => !slices.some((slice) => slice.metadata.name === metadata.name));
    for (const { metadata } of stale) await client.delete(endpointSlices, metadata);
  }
}

interface Group {
  readonly port: number;
  readonly addresses: readonly string[];
}

/** Servers of one port are one subset, and one slice; most clusters have one. */
function byPort(servers: readonly Server[]): readonly Group[] {
  const ports = [...new Set(servers.map(({ port }) => port))].sort((a, b) => a - b);
  return ports.map((port) => ({
    port,
    addresses: servers
      .filter((each) => each.port === port)
      .map(({ address }) => address)
      .sort(),
  }));
}

const portsOf = ({ port }: Group) => [{ name: API_PORT_NAME, port, protocol: 'TCP' as const }];

const endpointsOf = (groups: readonly Group[]): Draft<Endpoints> => ({
  // Its slices are made here.
  metadata: { ...API_SERVICE, labels: { [LABEL_SKIP_MIRROR]: 'true' } },
  subsets: groups.map((group) => ({ addresses: group.addresses.map((ip) => ({ ip })), ports: portsOf(group) })),
});

const sliceOf = (group: Group, index: number): Draft<EndpointSlice> & { metadata: { name: string } } => ({
  metadata: {
    namespace: API_SERVICE.namespace,
    name: index === 0 ? API_SERVICE.name : `${API_SERVICE.name}-${group.port}`,
    labels: { [LABEL_SERVICE_NAME]: API_SERVICE.name },
  },
  addressType: 'IPv4',
  endpoints: group.addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  ports: portsOf(group),
});
