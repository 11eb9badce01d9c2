// The client's contract: what every component may ask of the API server, over HTTPS or in the same process.
import type { Draft, JsonObject } from '../apimachinery/json.js';
import type { KubeObject, ObjectName } from '../apimachinery/object.js';
import type { APIResource } from '../apimachinery/types/meta_v1.js';
import type { Kind } from '../kinds/define.js';

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Of custom.metrics.k8s.io: which of a metric's series. */
  readonly metricLabelSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  /** `0`: any version that the server's cache has; absent: the newest. */
  readonly resourceVersion?: string;
}

export interface ListResult<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Set where a limit cut the list: pass it on to get the rest. */
  readonly continue?: string;
}

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this version. 410 Expired where the server no longer has them. */
  readonly resourceVersion: string;
  readonly allowWatchBookmarks?: boolean;
}

export interface WatchEvent<T> {
  /** A BOOKMARK's object has only a resourceVersion: everything up to it has been sent. */
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export type PatchType = 'application/json-patch+json' | 'application/merge-patch+json' | 'application/strategic-merge-patch+json';

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/**
 * All methods reject with a StatusError: the server's own, or 503 ServiceUnavailable where it cannot be reached. Objects
 * that come back may be shared with a cache and must not be changed.
 */
export interface Client {
  /** Of a subresource: what it shows of the object (`scale`). */
  get<T extends KubeObject>(kind: Kind<T>, name: ObjectName, subresource?: string): Promise<T>;
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<ListResult<T>>;
  /** Ends without error when the server closes the stream or `signal` aborts; go on from the last resourceVersion seen. */
  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
  /** apiVersion and kind are filled in; `metadata` needs a name or generateName. */
  /** What one group version has, subresources beside their resources, of whichever server it is. */
  discover(group: string, version: string): Promise<readonly APIResource[]>;
  create<T extends KubeObject>(kind: Kind<T>, object: Draft<T>): Promise<T>;
  /** Conflict (409) where `metadata.resourceVersion` is not the stored one. */
  update<T extends KubeObject>(kind: Kind<T>, object: Draft<T>, subresource?: string): Promise<T>;
  patch<T extends KubeObject>(kind: Kind<T>, name: ObjectName, type: PatchType, patch: unknown, subresource?: string): Promise<T>;
  /** Resolves once deletion has begun; graceful deletion and finalizers end it later. */
  delete<T extends KubeObject>(kind: Kind<T>, name: ObjectName, options?: DeleteOptions): Promise<void>;
  deleteCollection<T extends KubeObject>(kind: Kind<T>, options: ListOptions & DeleteOptions): Promise<void>;
  /** POST to an action subresource: `pods/binding`. */
  post<T extends KubeObject>(kind: Kind<T>, name: ObjectName, subresource: string, body: JsonObject): Promise<JsonObject>;
}

/** One API request as the transports carry it; `path` is the URL's, its query apart. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType?: string;
  readonly body?: unknown;
}

/** How requests reach the API server: src/client/https.ts over the network, src/apiserver/inprocess.ts in the same process. */
export interface Transport {
  /** The decoded body of a 2xx answer; rejects with a StatusError otherwise. */
  request(request: ApiRequest): Promise<unknown>;
  watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent<KubeObject>>;
}
