// Aggregation: group versions that other servers serve (APIServices). Requests for them are passed on, their servers looked after.
import { isDeepStrictEqual } from 'node:util';
import { rfc3339, type Timer } from '../../apimachinery/clock.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { isStatus } from '../../apimachinery/status.js';
import type { Client } from '../../client/client.js';
import { apiServices, availableCondition, isAvailable } from '../../kinds/apiregistration/apiservice.js';
import { services } from '../../kinds/core/service.js';
import { endpointSlices } from '../../kinds/discovery/endpointslice.js';
import type { APIService } from '../../kinds/types/apiregistration_v1.js';
import { LABEL_SERVICE_NAME } from '../../kinds/wellknown.js';
import type { ApiContext } from '../context.js';
import type { Exchange, Result } from '../exchange.js';
import type { ReverseProxy } from '../http/reverse-proxy.js';
import { allReady, Following } from '../storage/following.js';
import { reconcileLocalServices } from './local.js';
import { type Condition, Probe } from './probe.js';
import { serviceOf, targetFor } from './target.js';

/** A server that answers is asked again this often, as its resources and its health change without an event. */
const RECHECK_MS = 30_000;
/** One that does not, first so soon and then ever later, up to the above. */
const FIRST_RETRY_MS = 500;
const UNAVAILABLE: Result = {
  type: 'bytes',
  code: 503,
  contentType: 'text/plain; charset=utf-8',
  bytes: Buffer.from('service unavailable\n'),
};

interface Served {
  service: APIService;
  checking: boolean;
  /** Something has changed since the check under way began. */
  again: boolean;
  retry_ms: number;
  timer?: Timer;
}

export class Aggregation {
  readonly #served = new Map<string, Served>();
  readonly #probe: Probe;
  readonly #followed: readonly Following<never>[];
  #client: Client | undefined;
  #localWork: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    private readonly context: ApiContext,
    proxy: ReverseProxy,
  ) {
    const { resources } = context;
    this.#probe = new Probe(context, proxy);
    const recheck = ({ metadata }: KubeObject) => this.#recheck(metadata.namespace, metadata.labels?.[LABEL_SERVICE_NAME] ?? metadata.name);
    const all = () => this.#recheck();
    this.#followed = [
      new Following<APIService>(resources.of(apiServices), {
        reset: (objects) => this.#reset(objects),
        set: (object) => this.#set(object),
        delete: (object) => this.#delete(object),
      }),
      ...[services, endpointSlices].map(
        (kind) => new Following<KubeObject>(resources.of(kind), { reset: all, set: recheck, delete: recheck }),
      ),
    ];
  }

  /** Resolves once what is stored is known, and every group version of our own has its APIService. */
  async start(client: Client): Promise<void> {
    this.#client = client;
    await allReady(this.#followed);
    this.context.resources.onChange(() => this.#reconcileLocal());
    await reconcileLocalServices(client, this.context.resources);
  }

  /** Undefined for what this server serves itself. */
  route(exchange: Exchange): Promise<Result> | undefined {
    if (this.#served.size === 0) return undefined;
    const [, root, group, version] = exchange.path.split('/', 4);
    const served = root === 'apis' ? this.#served.get(`${group}/${version}`) : undefined;
    return served && this.#pass(served.service, exchange);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#served.values()) timer?.cancel();
  }

  async #pass(service: APIService, { path, query, user }: Exchange): Promise<Result> {
    if (!isAvailable(service)) return UNAVAILABLE;
    const target = await targetFor(this.context, service, user, query.size > 0 ? `${path}?${query}` : path);
    return { type: 'proxy', target };
  }

  #reset(objects: readonly APIService[]): void {
    const names = new Set(objects.map(keyOf));
    for (const { service } of [...this.#served.values()]) if (!names.has(keyOf(service))) this.#delete(service);
    for (const object of objects) this.#set(object);
  }

  #set(service: APIService): void {
    if (!service.spec.service) {
      this.#delete(service);
      return;
    }
    const key = keyOf(service);
    const known = this.#served.get(key);
    if (!known) this.#served.set(key, { service, checking: false, again: false, retry_ms: FIRST_RETRY_MS });
    const isSame = known && isDeepStrictEqual(known.service.spec, service.spec);
    if (known) known.service = service;
    if (!isSame) void this.#check(key);
  }

  #delete(service: APIService): void {
    const key = keyOf(service);
    this.#served.get(key)?.timer?.cancel();
    if (!this.#served.delete(key)) return;
    const { group = '', version = '' } = service.spec;
    this.context.externalApis.delete({ group, version });
    // What we serve ourselves is ours again.
    this.#reconcileLocal();
  }

  /** Those behind one Service, or all. */
  #recheck(namespace?: string, name?: string): void {
    for (const [key, { service }] of this.#served) {
      const reference = serviceOf(service);
      if (name === undefined || (reference.namespace === namespace && reference.name === name)) void this.#check(key);
    }
  }

  /** One at a time for each; never rejects. */
  async #check(key: string): Promise<void> {
    const served = this.#served.get(key);
    if (!served || this.#closed) return;
    served.timer?.cancel();
    if (served.checking) {
      served.again = true;
      return;
    }
    served.checking = true;
    let available = false;
    do {
      served.again = false;
      available = await this.#checkOnce(served).catch((error: Error) => {
        if (!this.#closed)
          this.context.log.warn({ apiService: served.service.metadata.name, error: error.message }, 'an APIService cannot be checked');
        return false;
      });
    } while (served.again && !this.#closed);
    served.checking = false;
    served.retry_ms = available ? FIRST_RETRY_MS : Math.min(served.retry_ms * 2, RECHECK_MS);
    if (this.#closed || this.#served.get(key) !== served) return;
    served.timer = this.context.clock.after(available ? RECHECK_MS : served.retry_ms, () => {
      // What was lost of the watches begins anew.
      void Promise.resolve(allReady(this.#followed)).then(
        () => this.#check(key),
        () => this.#check(key),
      );
    });
  }

  async #checkOnce(served: Served): Promise<boolean> {
    const { condition, api } = await this.#probe.run(served.service);
    if (this.#closed || this.#served.get(keyOf(served.service)) !== served) return false;
    await this.#publish(served.service, condition);
    const { externalApis } = this.context;
    const known = externalApis.get(api);
    const shape = ({ openApi, ...rest }: typeof api) => ({ ...rest, hash: openApi?.hash });
    if (!known || !isDeepStrictEqual(shape(known), shape(api))) externalApis.set(api);
    return condition.status === 'True';
  }

  async #publish(service: APIService, { status, reason, message }: Condition): Promise<void> {
    const known = availableCondition(service);
    if (known?.status === status && known.reason === reason && known.message === message) return;
    const lastTransitionTime =
      known?.status === status && known.lastTransitionTime ? known.lastTransitionTime : rfc3339(this.context.clock.now());
    const conditions = [{ type: 'Available', status, lastTransitionTime, reason, message }];
    try {
      await this.#client!.update(apiServices, { ...service, status: { ...service.status, conditions } }, 'status');
    } catch (error) {
      // It has changed meanwhile, which is told and checked again; or it is gone.
      if (!isStatus(error, 'Conflict') && !isStatus(error, 'NotFound')) throw error;
    }
  }

  /** One after the other: a custom resource may come and go within a moment. */
  #reconcileLocal(): void {
    this.#localWork = this.#localWork
      .then(() => (this.#closed ? undefined : reconcileLocalServices(this.#client!, this.context.resources)))
      .catch((error: Error) => {
        if (!this.#closed) this.context.log.warn({ error: error.message }, 'local APIServices cannot be kept');
      });
  }
}

const keyOf = ({ spec: { group, version } }: APIService) => `${group}/${version}`;
