// AuditRecord: what the audit log is told of one request, stage by stage.
import { uuid } from '../../apimachinery/clock.js';
import { mediaType } from '../../apimachinery/codec/index.js';
import { decodeJson } from '../../apimachinery/codec/json.js';
import { decodeYaml } from '../../apimachinery/codec/yaml.js';
import { isJsonObject, type Json } from '../../apimachinery/json.js';
import type { StatusError } from '../../apimachinery/status.js';
import { readBody } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Exchange, Result } from '../exchange.js';
import type { UserInfo } from '../options.js';
import { plainResult } from '../plain-result.js';
import type { ResourceRequestInfo } from '../request.js';
import type { AuditConfig, Stage } from './policy.js';

/** Longest user agent that is told. */
const MAX_USER_AGENT = 1024;

export interface AuditSink {
  write(event: object): void;
}

export class AuditRecord {
  readonly id: string;
  readonly #received_ms: number;
  /** Who asked, whoever they then acted as. */
  readonly #user: UserInfo | undefined;
  readonly #annotations: { [key: string]: string } = {};
  #status: object | undefined;
  #response: object | undefined;
  /** What the path does not say of the object: it may have been named in the body, or by the server. */
  #object: { readonly name?: string } = {};
  #isStarted = false;
  #isComplete = false;

  constructor(
    private readonly context: ApiContext,
    private readonly sink: AuditSink,
    private readonly config: AuditConfig,
    private readonly exchange: Exchange,
    user: UserInfo | undefined,
  ) {
    this.id = uuid(context.random);
    this.#received_ms = context.clock.now();
    this.#user = user;
    this.#write('RequestReceived');
  }

  /** The first to say something of a key is heard, as an update may be tried again. */
  annotate(key: string, value: string): void {
    this.#annotations[key] ??= value;
  }

  /** The answer has begun, and goes on for as long as the client likes. */
  started(code: number): void {
    if (this.#isStarted || this.#isComplete) return;
    this.#isStarted = true;
    this.#status = { metadata: {}, code };
    this.#write('ResponseStarted');
  }

  answered(result: Result): void {
    const value = plainResult(result);
    this.#status = isJsonObject(value) && value['kind'] === 'Status' ? statusOf(value) : { metadata: {}, code: codeOf(result) };
    if (this.config.level === 'RequestResponse' && value) this.#response = value;
    const { name } = (value as { metadata?: { name?: string } } | undefined)?.metadata ?? {};
    if (name) this.#object = { name };
    this.complete();
  }

  refused(error: StatusError): void {
    const status = error.toStatus();
    this.#status = statusOf(status);
    if (this.config.level === 'RequestResponse') this.#response = status;
    this.complete();
  }

  complete(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    this.#write('ResponseComplete');
  }

  #write(stage: Stage): void {
    const { level, omitStages } = this.config;
    if (omitStages.includes(stage)) return;
    const { exchange } = this;
    const impersonated = this.#impersonated();
    const query = String(exchange.query);
    const withBody = stage !== 'RequestReceived' && (level === 'Request' || level === 'RequestResponse');
    const request = withBody ? this.#requestObject() : undefined;
    const { userAgent } = exchange.headers;
    this.sink.write({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: this.id,
      stage,
      requestURI: query ? `${exchange.path}?${query}` : exchange.path,
      verb: exchange.info.verb,
      user: this.#user ? userOf(this.#user) : {},
      ...(impersonated && { impersonatedUser: userOf(impersonated) }),
      ...(exchange.sourceIps && { sourceIPs: exchange.sourceIps }),
      ...(userAgent && { userAgent: userAgent.length > MAX_USER_AGENT ? `${userAgent.slice(0, MAX_USER_AGENT)}...TRUNCATED` : userAgent }),
      ...(exchange.info.isResource && { objectRef: { ...objectRefOf(exchange.info), ...this.#object } }),
      ...(this.#status && { responseStatus: this.#status }),
      ...(request !== undefined && { requestObject: this.#shown(request) }),
      ...(this.#response && stage === 'ResponseComplete' && { responseObject: this.#shown(this.#response as Json) }),
      requestReceivedTimestamp: microTime(this.#received_ms),
      stageTimestamp: microTime(this.context.clock.now()),
      ...(Object.keys(this.#annotations).length > 0 && { annotations: { ...this.#annotations } }),
    });
  }

  #impersonated(): UserInfo | undefined {
    const { maybeUser: user } = this.exchange;
    return user && this.#user && user !== this.#user ? user : undefined;
  }

  /** As it was sent, as JSON; undefined where there is none, or it cannot be read. */
  #requestObject(): Json | undefined {
    const { body, info, method } = this.exchange;
    if (body.type === 'none' || !info.isResource) return undefined;
    try {
      if (body.type === 'value') return body.value as Json;
      if (method === 'PATCH') return mediaType(body.contentType).endsWith('yaml') ? decodeYaml(body.bytes) : decodeJson(body.bytes);
      const { resources } = this.context;
      const options = (kind: string) => (kind === 'DeleteOptions' ? resources.schemas.get('meta.v1.DeleteOptions') : undefined);
      return readBody(this.exchange, (apiVersion, kind) => resources.byGvk(apiVersion, kind)?.schema ?? options(kind)).value;
    } catch {
      // What cannot be read has been refused, and the answer says why.
      return undefined;
    }
  }

  #shown(value: Json): Json {
    return this.config.omitManagedFields ? withoutManagedFields(value) : value;
  }
}

const microTime = (ms: number) => new Date(ms).toISOString().replace('Z', '000Z');

const userOf = ({ name, uid, groups, extra }: UserInfo) => ({ username: name, ...(uid && { uid }), groups, ...(extra && { extra }) });

function objectRefOf({ resource, namespace, name, group, version, subresource }: ResourceRequestInfo) {
  return {
    resource,
    ...(namespace && { namespace }),
    ...(name && { name }),
    ...(group && { apiGroup: group }),
    apiVersion: version,
    ...(subresource && { subresource }),
  };
}

function codeOf(result: Result): number {
  return 'code' in result ? result.code : 200;
}

/** Of a Status what says how it went. */
function statusOf(status: object): object {
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = status as { kind?: string; apiVersion?: string };
  return rest;
}

function withoutManagedFields(value: Json): Json {
  if (!isJsonObject(value)) return value;
  const { metadata, items } = value;
  const { managedFields: _, ...own } = isJsonObject(metadata) ? metadata : {};
  return {
    ...value,
    ...(isJsonObject(metadata) && { metadata: own }),
    ...(Array.isArray(items) && { items: items.map(withoutManagedFields) }),
  };
}
