// Exchange: one request on its way through filters and handlers, and Result: what a handler answers before it is encoded.
import type { Readable } from 'node:stream';
import type { AuditRecord } from './audit/record.js';
import { type Form, JSON_FORM } from './http/negotiate.js';
import type { ProxyTarget } from './http/reverse-proxy.js';
import type { KubeletTarget } from './kubelet-target.js';
import type { UserInfo } from './options.js';
import type { RequestInfo, ResourceRequestInfo } from './request.js';
import type { Resource } from './resources.js';
import type { StoredObject } from './storage/stored.js';
import type { WatchParameters } from './watch-parameters.js';

/** A body as it came over the wire, or an in-process client's own object, which is read but never changed. */
export type RequestBody =
  | { readonly type: 'none' }
  | { readonly type: 'bytes'; readonly contentType: string; readonly bytes: Uint8Array }
  | { readonly type: 'value'; readonly contentType: string; readonly value: unknown };

export interface Credentials {
  /** The subject of a client certificate that the cluster's CA has signed, or whom a front proxy vouches for. */
  readonly certificate?: UserInfo;
  /** What the client presented as a certificate did not verify; why. */
  readonly certificateError?: string;
  /** The token of an `Authorization: Bearer` header. */
  readonly bearer?: string;
}

/** Whom the maker of a request wants to act as. */
export interface Impersonation {
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid: string;
  readonly extra: { readonly [key: string]: readonly string[] };
}

/** Those headers that filters and handlers go by; undefined where the client did not send one. */
export interface RequestHeaders {
  readonly accept?: string | undefined;
  readonly acceptEncoding?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly impersonate?: Impersonation | undefined;
}

export class Exchange {
  /** Set by the filter that finds it out; reading it earlier is a programming error. */
  #info: RequestInfo | undefined;
  #user: UserInfo | undefined;
  /** The form of the answer. */
  form: Form = JSON_FORM;
  /** Where it is told of in the audit log. */
  audit: AuditRecord | undefined = undefined;
  /** Where it came from, for the audit log; the nearest last. */
  sourceIps: readonly string[] | undefined = undefined;
  /** Texts for Warning headers. */
  readonly warnings: string[] = [];

  constructor(
    readonly method: string,
    /** Percent-encoded, without the query. */
    readonly path: string,
    readonly query: URLSearchParams,
    readonly body: RequestBody,
    readonly credentials: Credentials,
    readonly headers: RequestHeaders = {},
  ) {}

  get info(): RequestInfo {
    if (!this.#info) throw new Error('exchange: the request info filter has not run');
    return this.#info;
  }

  /** Undefined where the path could not be understood. */
  get maybeInfo(): RequestInfo | undefined {
    return this.#info;
  }

  set info(info: RequestInfo) {
    this.#info = info;
  }

  get user(): UserInfo {
    if (!this.#user) throw new Error('exchange: the authentication filter has not run');
    return this.#user;
  }

  /** Undefined before it is known. */
  get maybeUser(): UserInfo | undefined {
    return this.#user;
  }

  set user(user: UserInfo) {
    this.#user = user;
  }
}

/** A request for a resource that exists: what resource handlers are called with. */
export interface ResourceRequest {
  readonly exchange: Exchange;
  readonly info: ResourceRequestInfo;
  readonly resource: Resource;
}

export interface ObjectResult {
  readonly type: 'object';
  readonly code: number;
  readonly resource: Resource;
  readonly object: StoredObject;
}

export interface ListResult {
  readonly type: 'list';
  readonly resource: Resource;
  readonly objects: readonly StoredObject[];
  readonly resourceVersion: number;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface WatchResult {
  readonly type: 'watch';
  readonly resource: Resource;
  readonly parameters: WatchParameters;
}

export type Result =
  | ObjectResult
  | ListResult
  | WatchResult
  /** A value that is no stored object: a Status, a Scale. */
  | { readonly type: 'value'; readonly code: number; readonly value: object }
  | {
      readonly type: 'bytes';
      readonly code: number;
      readonly contentType: string;
      readonly bytes: Uint8Array;
      readonly headers?: { readonly [name: string]: string };
    }
  | { readonly type: 'stream'; readonly code: number; readonly contentType: string; readonly stream: Readable }
  /** For another server to answer. */
  | { readonly type: 'proxy'; readonly target: ProxyTarget }
  /** An upgraded connection that is to be passed on unchanged. */
  | { readonly type: 'tunnel'; readonly target: KubeletTarget };

export type Handler = (request: ResourceRequest) => Promise<Result>;
