// OpenAPI documents: v3 as an index with hashes and one document for each group version, v2 as one for all. Made when first asked for, kept
// compressed, and made anew after the kinds that they are about have changed.
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import type { AnyKind } from '../../kinds/define.js';
import type { ApiContext } from '../context.js';
import type { Answer } from '../discovery.js';
import type { ExternalApi } from '../external-apis.js';
import { parseAccept } from '../http/negotiate.js';
import type { Resource } from '../resources.js';
import { VERSION_INFO } from '../version.js';
import { Descriptions } from './descriptions.js';
import { apiOf, type GroupVersionApi } from './group-version.js';
import { encodeV2 } from './proto-v2.js';
import { encodeV3 } from './proto-v3.js';
import { v2Of } from './v2.js';

const V3 = '/openapi/v3';
const V2 = '/openapi/v2';
const JSON_TYPE = 'application/json';
const MEDIA_V3: readonly string[] = [
  JSON_TYPE,
  'application/com.github.proto-openapi.spec.v3@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v3.v1.0+protobuf',
];
const MEDIA_V2: readonly string[] = [
  JSON_TYPE,
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
];
/** As upstream: with the @, which clients ask with, it is no media type, and Go's clients refuse what says so. */
const answered = (media: string) => media.replace('@', '.');
const INFO = { title: 'Kubernetes', version: VERSION_INFO.gitVersion };
/** As upstream: what is asked for by its hash can be kept for a year. */
const IMMUTABLE = { 'cache-control': 'public, immutable' };
const YEAR_MS = 365 * 24 * 3600 * 1000;

const compress = promisify(gzip);

interface Document {
  readonly hash: string;
  /** Gzipped, which is a tenth of it, and what almost every client takes. */
  readonly zipped: Buffer;
}

type Context = Pick<ApiContext, 'resources' | 'externalApis' | 'clock' | 'log'>;

export class OpenApi {
  /** Of v3, by `apis/<group>/<version>`. */
  readonly #documents = new Map<string, Promise<Document>>();
  #index: Promise<Answer> | undefined;
  /** By media type. */
  readonly #v2 = new Map<string, Promise<Document>>();

  constructor(private readonly context: Context) {
    const { resources, externalApis } = context;
    resources.onChange((kinds) => this.#forget(kinds.map(documentName)));
    externalApis.onChange(() => this.#forget([]));
  }

  /** Undefined for paths that are no OpenAPI document. */
  async answer(path: string, accept: string | undefined, hash: string | null): Promise<Answer | undefined> {
    if (path === V2) return this.#answerV2(accept);
    if (path === V3 || path === `${V3}/`) return (this.#index ??= this.#makeIndex());
    return path.startsWith(`${V3}/`) ? this.#answerV3(path.slice(V3.length + 1), accept, hash) : undefined;
  }

  #names(): ReadonlySet<string> {
    return new Set([...this.context.resources.all()].map(({ kind }) => documentName(kind)));
  }

  #resources(name: string): readonly Resource[] {
    return [...this.context.resources.all()].filter(({ kind }) => documentName(kind) === name);
  }

  #forget(names: readonly string[]): void {
    for (const name of names) this.#documents.delete(name);
    this.#index = undefined;
    this.#v2.clear();
  }

  async #makeIndex(): Promise<Answer> {
    const { externalApis } = this.context;
    const paths: { [name: string]: { serverRelativeURL: string } } = {};
    const add = (name: string, hash: string) => {
      paths[name] = { serverRelativeURL: urlOf(name, hash) };
    };
    const descriptions = Descriptions.load();
    for (const name of this.#names()) {
      const document = await this.#document(name, () => descriptions);
      if (document) add(name, document.hash);
      // Each takes a while; others are served in between.
      await nextTurn();
    }
    for (const api of externalApis.all()) if (api.openApi) add(documentName(api), api.openApi.hash);
    const bytes = Buffer.from(JSON.stringify({ paths: sorted(paths) }));
    return { contentType: JSON_TYPE, bytes, etag: quoted(hashOf(bytes)) };
  }

  async #answerV3(name: string, accept: string | undefined, hash: string | null): Promise<Answer | undefined> {
    const contentType = chosen(accept, MEDIA_V3);
    const document = (await this.#document(name)) ?? (await this.#external(name));
    if (!document) return undefined;
    if (!contentType) return NOT_ACCEPTABLE;
    if (hash && hash !== document.hash) return { ...MOVED, headers: { location: urlOf(name, document.hash) } };
    const expires = new Date(this.context.clock.now() + YEAR_MS).toUTCString();
    const caching = hash ? { headers: { ...IMMUTABLE, expires } } : {};
    const etag = quoted(document.hash);
    if (contentType === JSON_TYPE) return { contentType, bytes: document.zipped, zipped: true, etag, ...caching };
    return { contentType: answered(contentType), bytes: encodeV3(parsed(document)), etag, ...caching };
  }

  /** One that is served here. Descriptions are loaded for it unless there are some already. */
  #document(name: string, descriptions = Descriptions.load): Promise<Document> | undefined {
    const known = this.#documents.get(name);
    if (known) return known;
    const own = this.#resources(name);
    if (own.length === 0) return undefined;
    const { paths, schemas } = apiOf(own, this.context.resources.schemas, descriptions());
    const made = zipped({ openapi: '3.0.0', info: INFO, paths: sorted(paths), components: { schemas: sorted(schemas) } });
    this.#documents.set(name, made);
    return made;
  }

  async #external(name: string): Promise<Document | undefined> {
    const openApi = [...this.context.externalApis.all()].find((api) => documentName(api) === name)?.openApi;
    return openApi && { hash: openApi.hash, zipped: await compress(await openApi.document()) };
  }

  async #answerV2(accept: string | undefined): Promise<Answer> {
    const contentType = chosen(accept, MEDIA_V2);
    if (!contentType) return NOT_ACCEPTABLE;
    const form = contentType === JSON_TYPE ? 'json' : 'protobuf';
    let document = this.#v2.get(form);
    if (!document) this.#v2.set(form, (document = form === 'json' ? this.#makeV2() : this.#makeV2Protobuf()));
    const { hash, zipped: bytes } = await document;
    return { contentType: answered(contentType), bytes, zipped: true, etag: quoted(hash) };
  }

  async #makeV2(): Promise<Document> {
    const { resources, externalApis } = this.context;
    const [paths, definitions]: { [name: string]: object }[] = [{}, {}];
    const add = (api: GroupVersionApi) => {
      const made = v2Of(api);
      Object.assign(paths!, made.paths);
      // A type may be in several: where it is told to be a kind, too, more is known of it.
      for (const [name, schema] of Object.entries(made.definitions)) {
        if (!(name in definitions!) || GVK in schema) definitions![name] = schema;
      }
    };
    const descriptions = Descriptions.load();
    for (const name of this.#names()) {
      add(apiOf(this.#resources(name), resources.schemas, descriptions));
      await nextTurn();
    }
    for (const api of externalApis.all()) {
      const external = await this.#externalV3(api);
      if (external) add(external);
    }
    return zipped({ swagger: '2.0', info: INFO, paths: sorted(paths!), definitions: sorted(definitions!) });
  }

  /** A server that does not answer must not take away what is known of the others. */
  async #externalV3({ group, version, openApi }: ExternalApi): Promise<GroupVersionApi | undefined> {
    if (!openApi) return undefined;
    try {
      const document = JSON.parse((await openApi.document()).toString());
      return { paths: document.paths ?? {}, schemas: document.components?.schemas ?? {} };
    } catch (error) {
      this.context.log.warn({ group, version, error: String(error) }, 'no OpenAPI document from the server of an aggregated API');
      return undefined;
    }
  }

  async #makeV2Protobuf(): Promise<Document> {
    const bytes = encodeV2(parsed(await (this.#v2.get('json') ?? this.#makeV2())));
    return { hash: hashOf(bytes), zipped: await compress(bytes) };
  }
}

const GVK = 'x-kubernetes-group-version-kind';
const NOT_ACCEPTABLE: Answer = { code: 406, contentType: 'text/plain; charset=utf-8', bytes: Buffer.alloc(0) };
const MOVED: Answer = { code: 301, contentType: 'text/plain; charset=utf-8', bytes: Buffer.alloc(0) };

const documentName = ({ group, version }: Pick<AnyKind, 'group' | 'version'>) => (group ? `apis/${group}/${version}` : `api/${version}`);
const urlOf = (name: string, hash: string) => `${V3}/${name}?hash=${hash}`;
const quoted = (hash: string) => `"${hash}"`;
const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex').toUpperCase();

async function zipped(value: object): Promise<Document> {
  const bytes = Buffer.from(JSON.stringify(value));
  return { hash: hashOf(bytes), zipped: await compress(bytes) };
}

const parsed = (document: Document) => JSON.parse(gunzipSync(document.zipped).toString()) as object;

const sorted = <T>(values: { readonly [name: string]: T }): { readonly [name: string]: T } =>
  Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The first of `offered` that the client wants most; undefined where it takes none. */
function chosen(accept: string | undefined, offered: readonly string[]): string | undefined {
  for (const { type } of parseAccept(accept)) {
    const found = offered.find((each) => type === each || type === '*/*' || type === 'application/*');
    if (found) return found;
  }
  return undefined;
}
