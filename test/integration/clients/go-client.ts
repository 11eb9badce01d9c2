// What client-go 1.35 and controller-runtime put on the wire: HTTP/2, protobuf both ways for built-in kinds, JSON for custom ones.
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { decodeJson } from '../../../src/apimachinery/codec/json.js';
import { decodeProtobuf } from '../../../src/apimachinery/codec/protobuf.js';
import { encodeProtobuf } from '../../../src/apimachinery/codec/protobuf-encode.js';
import { WireReader } from '../../../src/apimachinery/codec/wire.js';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { type Status, StatusError } from '../../../src/apimachinery/status.js';
import { schemas } from '../../../src/kinds/index.js';
import type { TestServer } from '../../suites/apiserver.js';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const JSON_TYPE = 'application/json';
const AS_METADATA = ';as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

export interface GoKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  /** The scheme has Go types for built-in kinds, and so protobuf; `metadata`: only that of its objects is asked for. */
  readonly form: 'protobuf' | 'json' | 'metadata';
}

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, which their users know.
export type GoObject = KubeObject & { [field: string]: any };

export interface GoEvent {
  readonly type: string;
  readonly object: GoObject;
}

interface GoRequest {
  readonly method: string;
  readonly kind: GoKind;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly query?: string;
  readonly body?: object;
  /** Of a patch. */
  readonly contentType?: string;
}

/** One per controller, as a manager has one: all its requests share a connection. */
export class GoClient {
  readonly #session: ClientHttp2Session;

  constructor({ url, pki }: TestServer) {
    this.#session = connect(url, { ca: pki.ca.cert, ...pki.admin });
    // Requests under way fail with it, and tell.
    this.#session.on('error', () => undefined);
  }

  close(): void {
    this.#session.destroy();
  }

  get(kind: GoKind, namespace: string, name: string): Promise<GoObject> {
    return this.#object({ method: 'GET', kind, namespace, name });
  }
  create(kind: GoKind, namespace: string, body: object): Promise<GoObject> {
    return this.#object({ method: 'POST', kind, namespace, body });
  }
  update(kind: GoKind, { metadata, ...rest }: GoObject, subresource?: string): Promise<GoObject> {
    return this.#object({ method: 'PUT', kind, ...named(metadata), body: { metadata, ...rest }, ...(subresource ? { subresource } : {}) });
  }
  patch(kind: GoKind, { metadata }: KubeObject, contentType: string, body: object, subresource?: string): Promise<GoObject> {
    return this.#object({ method: 'PATCH', kind, ...named(metadata), contentType, body, ...(subresource ? { subresource } : {}) });
  }
  delete(kind: GoKind, namespace: string, name: string): Promise<GoObject> {
    return this.#object({ method: 'DELETE', kind, namespace, name, body: { apiVersion: 'v1', kind: 'DeleteOptions' } });
  }
  list(kind: GoKind, query: string): Promise<GoObject> {
    return this.#object({ method: 'GET', kind, query });
  }

  /** Ends without error when the server ends it or `signal` aborts. */
  async *watch(kind: GoKind, query: string, signal: AbortSignal): AsyncGenerator<GoEvent> {
    const stream = this.#open({ method: 'GET', kind, query: `${query}&watch=true` });
    const abort = () => stream.close();
    signal.addEventListener('abort', abort);
    try {
      const { status, type } = await answerOf(stream);
      if (status !== 200) throw statusError(await collect(stream), type);
      const frames = type.startsWith(PROTOBUF) ? protobufFrames : jsonFrames;
      if (!type.startsWith(kind.form === 'json' ? JSON_TYPE : `${PROTOBUF};stream=watch`)) throw new Error(`a watch in ${type}`);
      yield* frames(stream);
    } finally {
      signal.removeEventListener('abort', abort);
      stream.close();
    }
  }

  async #object(request: GoRequest): Promise<GoObject> {
    const stream = this.#open(request);
    const answered = answerOf(stream);
    const bytes = await collect(stream);
    const { status, type } = await answered;
    if (status >= 300) throw statusError(bytes, type);
    return decode(bytes, type) as GoObject;
  }

  #open({ method, kind, namespace, name, subresource, query, body, contentType }: GoRequest) {
    const prefix = kind.apiVersion.includes('/') ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
    const inNamespace = namespace ? `/namespaces/${namespace}` : '';
    const path = [`${prefix}${inNamespace}/${kind.plural}`, name, subresource].filter(Boolean).join('/');
    const bytes = body && encode(body as JsonObject, kind, contentType);
    const headers = {
      ':method': method,
      ':path': query ? `${path}?${query}` : path,
      accept: accepted(kind),
      'user-agent': 'manager/v0.0.0 (linux/amd64) kubernetes/$Format',
      ...(bytes ? { 'content-type': contentType ?? (kind.form === 'json' ? JSON_TYPE : PROTOBUF) } : {}),
    };
    const stream = this.#session.request(headers, { endStream: bytes === undefined });
    if (bytes) stream.end(bytes);
    return stream;
  }
}

const named = ({ namespace, name }: KubeObject['metadata']) => ({ name, ...(namespace ? { namespace } : {}) });

function accepted({ form }: GoKind): string {
  if (form === 'json') return JSON_TYPE;
  if (form === 'protobuf') return `${PROTOBUF},${JSON_TYPE}`;
  return `${PROTOBUF}${AS_METADATA},${JSON_TYPE}${AS_METADATA},${JSON_TYPE}`;
}

function encode(body: JsonObject, kind: GoKind, contentType: string | undefined): Uint8Array {
  if (contentType || kind.form === 'json') return Buffer.from(JSON.stringify(body));
  const object = { apiVersion: kind.apiVersion, kind: kind.kind, ...body };
  return encodeProtobuf(schemaOf(String(object.apiVersion), String(object.kind))!, object);
}

const decode = (bytes: Uint8Array, type: string): JsonObject =>
  type.startsWith(PROTOBUF) ? decodeProtobuf(bytes, schemaOf) : (decodeJson(bytes) as JsonObject);

const statusError = (bytes: Uint8Array, type: string) => StatusError.fromStatus(decode(bytes, type) as Partial<Status>, 0);

function schemaOf(apiVersion: string, kind: string) {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const isMeta = group === 'meta.k8s.io' || kind === 'Status' || kind === 'DeleteOptions';
  return schemas.get(isMeta ? `meta.v1.${kind}` : `${group!.split('.')[0]}.${version}.${kind}`);
}

const answerOf = (stream: ClientHttp2Stream) =>
  new Promise<{ status: number; type: string }>((resolve, reject) => {
    stream.once('response', (headers) => resolve({ status: headers[':status'] ?? 0, type: String(headers['content-type']) }));
    stream.once('error', reject);
  });

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Four bytes of length, then meta/v1 WatchEvent around the object. */
async function* protobufFrames(stream: AsyncIterable<Buffer>): AsyncGenerator<GoEvent> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of stream) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE()) {
      const end = 4 + bytes.readUInt32BE();
      yield watchEvent(bytes.subarray(4, end));
      bytes = bytes.subarray(end);
    }
  }
}

function watchEvent(bytes: Uint8Array): GoEvent {
  const reader = new WireReader(bytes);
  const out = { type: '', object: {} as GoObject };
  while (!reader.done) {
    const field = reader.tag() >> 3;
    if (field === 1) out.type = reader.text();
    else {
      const extension = reader.message();
      extension.tag();
      out.object = decodeProtobuf(extension.chunk(), schemaOf) as unknown as GoObject;
    }
  }
  return out;
}

async function* jsonFrames(stream: AsyncIterable<Buffer>): AsyncGenerator<GoEvent> {
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as GoEvent;
  }
}
