// ApiClient: the typed client; makes paths and bodies out of kinds and objects, and leaves the carrying to a Transport.
import type { Draft, JsonObject } from '../apimachinery/json.js';
import type { KubeObject, ObjectName } from '../apimachinery/object.js';
import { badRequest, internalError } from '../apimachinery/status.js';
import type { APIResource } from '../apimachinery/types/meta_v1.js';
import type { AnyKind, Kind } from '../kinds/define.js';
import type {
  ApiRequest,
  Client,
  DeleteOptions,
  ListOptions,
  ListResult,
  PatchType,
  Transport,
  WatchEvent,
  WatchOptions,
} from './client.js';

const JSON_TYPE = 'application/json';

/** The URL path of a kind's collection or of one object; `namespace` absent means all namespaces. */
export function resourcePath(kind: AnyKind, namespace?: string, name?: string, subresource?: string): string {
  const parts = [kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`];
  if (kind.namespaced && namespace) parts.push('namespaces', encodeURIComponent(namespace));
  parts.push(kind.plural);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource) parts.push(subresource);
  return parts.join('/');
}

export class ApiClient implements Client {
  constructor(private readonly transport: Transport) {}

  async get<T extends KubeObject>(kind: Kind<T>, name: ObjectName, subresource?: string): Promise<T> {
    return this.#request<T>({ method: 'GET', path: objectPath(kind, name, subresource), query: new URLSearchParams() });
  }

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ListResult<T>> {
    const path = resourcePath(kind, options.namespace);
    const answer = await this.#request<ListAnswer<T>>({ method: 'GET', path, query: listQuery(options) });
    const listed = answer.items ?? [];
    // What another server sends must end no cache of ours, whatever it is.
    if (kind.aggregated && listed.some((item) => !item?.metadata?.name))
      throw internalError(`the list of ${kind.plural} is none of objects`);
    const items = listed.map((item) => withType(kind, item));
    const base = { items, resourceVersion: answer.metadata?.resourceVersion ?? '' };
    return answer.metadata?.continue ? { ...base, continue: answer.metadata.continue } : base;
  }

  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
    const query = listQuery(options);
    query.set('watch', 'true');
    if (options.allowWatchBookmarks) query.set('allowWatchBookmarks', 'true');
    const request: ApiRequest = { method: 'GET', path: resourcePath(kind, options.namespace), query };
    return this.transport.watch(request, signal) as AsyncIterable<WatchEvent<T>>;
  }

  async discover(group: string, version: string): Promise<readonly APIResource[]> {
    const path = group ? `/apis/${group}/${version}` : `/api/${version}`;
    const { resources } = await this.#request<{ readonly resources?: readonly APIResource[] | null }>({
      method: 'GET',
      path,
      query: new URLSearchParams(),
    });
    return resources ?? [];
  }

  async create<T extends KubeObject>(kind: Kind<T>, object: Draft<T>): Promise<T> {
    const { metadata } = object as Draft<KubeObject>;
    const path = resourcePath(kind, namespaceFor(kind, metadata?.namespace));
    return this.#request<T>({ method: 'POST', path, query: new URLSearchParams(), contentType: JSON_TYPE, body: withType(kind, object) });
  }

  async update<T extends KubeObject>(kind: Kind<T>, object: Draft<T>, subresource?: string): Promise<T> {
    const { metadata } = object as Draft<KubeObject>;
    const path = objectPath(kind, { namespace: metadata?.namespace, name: metadata?.name ?? '' }, subresource);
    return this.#request<T>({ method: 'PUT', path, query: new URLSearchParams(), contentType: JSON_TYPE, body: withType(kind, object) });
  }

  async patch<T extends KubeObject>(kind: Kind<T>, name: ObjectName, type: PatchType, patch: unknown, subresource?: string): Promise<T> {
    const path = objectPath(kind, name, subresource);
    return this.#request<T>({ method: 'PATCH', path, query: new URLSearchParams(), contentType: type, body: patch });
  }

  async delete<T extends KubeObject>(kind: Kind<T>, name: ObjectName, options?: DeleteOptions): Promise<void> {
    const body = deleteBody(options);
    await this.#request({
      method: 'DELETE',
      path: objectPath(kind, name),
      query: new URLSearchParams(),
      ...(body && { contentType: JSON_TYPE, body }),
    });
  }

  async deleteCollection<T extends KubeObject>(kind: Kind<T>, options: ListOptions & DeleteOptions): Promise<void> {
    const body = deleteBody(options);
    const path = resourcePath(kind, namespaceFor(kind, options.namespace));
    await this.#request({ method: 'DELETE', path, query: listQuery(options), ...(body && { contentType: JSON_TYPE, body }) });
  }

  async post<T extends KubeObject>(kind: Kind<T>, name: ObjectName, subresource: string, body: JsonObject): Promise<JsonObject> {
    const path = objectPath(kind, name, subresource);
    return this.#request<JsonObject>({ method: 'POST', path, query: new URLSearchParams(), contentType: JSON_TYPE, body });
  }

  async #request<A>(request: ApiRequest): Promise<A> {
    return (await this.transport.request(request)) as A;
  }
}

interface ListAnswer<T> {
  readonly items?: readonly T[] | null;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

/** Items of a list need not carry their type; every object that a component sees does. */
function withType<O extends object>(kind: AnyKind, object: O): O {
  const typed = object as O & { readonly apiVersion?: string; readonly kind?: string };
  return typed.apiVersion && typed.kind ? object : { ...object, apiVersion: kind.apiVersion, kind: kind.kind };
}

function namespaceFor(kind: AnyKind, namespace: string | undefined): string | undefined {
  if (kind.namespaced && !namespace) throw badRequest(`an empty namespace may not be set for a request on ${kind.plural}`);
  return namespace;
}

function objectPath(kind: AnyKind, name: ObjectName, subresource?: string): string {
  if (!name.name) throw badRequest(`resource name may not be empty for a request on ${kind.plural}`);
  return resourcePath(kind, namespaceFor(kind, name.namespace), name.name, subresource);
}

function listQuery(options: ListOptions): URLSearchParams {
  const query = new URLSearchParams();
  if (options.labelSelector) query.set('labelSelector', options.labelSelector);
  if (options.fieldSelector) query.set('fieldSelector', options.fieldSelector);
  if (options.metricLabelSelector) query.set('metricLabelSelector', options.metricLabelSelector);
  if (options.limit) query.set('limit', String(options.limit));
  if (options.continue) query.set('continue', options.continue);
  if (options.resourceVersion !== undefined) query.set('resourceVersion', options.resourceVersion);
  return query;
}

function deleteBody(options: DeleteOptions | undefined): JsonObject | undefined {
  if (!options) return undefined;
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  if (gracePeriodSeconds === undefined && !propagationPolicy && !preconditions) return undefined;
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(propagationPolicy && { propagationPolicy }),
    ...(preconditions && { preconditions: { ...preconditions } }),
  };
}
