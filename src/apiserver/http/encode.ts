// Encoding: objects, lists and values as bytes, in the form that was negotiated.
import { createRequire } from 'node:module';
import { MEDIA_JSON, MEDIA_PROTOBUF, MEDIA_YAML } from '../../apimachinery/codec/index.js';
import { encodeListMessage, encodeMessage, encodeProtobuf, envelope } from '../../apimachinery/codec/protobuf-encode.js';
import type { JsonObject } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import meta_v1 from '../../apimachinery/schema/meta_v1.js';
import { type ObjectSchema, Schemas } from '../../apimachinery/schema.js';
import { StatusError } from '../../apimachinery/status.js';
import { partialObjectMetadata, tableOf } from '../../apimachinery/table.js';
import type { ListResult, ObjectResult } from '../exchange.js';
import type { Resource } from '../resources.js';
import type { StoredObject } from '../storage/stored.js';
import { joinItems } from './join-items.js';
import type { Form, Media } from './negotiate.js';

export interface Encoded {
  readonly contentType: string;
  readonly bytes: Buffer;
}

const CONTENT_TYPES: { readonly [M in Media]: string } = { json: MEDIA_JSON, yaml: MEDIA_YAML, protobuf: MEDIA_PROTOBUF };

const metaSchemas = new Schemas({ 'meta.v1': meta_v1 });
export const STATUS_SCHEMA = metaSchemas.get('meta.v1.Status');
export const PARTIAL_SCHEMA = metaSchemas.get('meta.v1.PartialObjectMetadata');
const LIST_META_SCHEMA = metaSchemas.get('meta.v1.ListMeta');

/** Any value with a kind. `schema` is its own, without which it has no protobuf form. Throws 406. */
export function encodeValue(value: object, form: Form, schema?: ObjectSchema): Encoded {
  return { contentType: CONTENT_TYPES[form.media], bytes: ended(valueBytes(value, form, schema), form) };
}

const NEWLINE = Buffer.from('\n');

/** As Go's encoder, which ends lines of JSON that is not for people. */
const ended = (bytes: Buffer, { media, pretty }: Form) => (media === 'json' && !pretty ? Buffer.concat([bytes, NEWLINE]) : bytes);

export function valueBytes(value: object, { media, pretty }: Form, schema?: ObjectSchema): Buffer {
  switch (media) {
    case 'json':
      return Buffer.from(pretty ? JSON.stringify(value, null, 2) : JSON.stringify(value));
    case 'yaml':
      return yamlBytes(value);
    case 'protobuf':
      if (!schema) throw noProtobuf(value);
      return encodeProtobuf(schema, value as JsonObject);
  }
}

function yamlBytes(value: object): Buffer {
  // Loaded at the first YAML answer: few clients ask for one, and it would cost every start.
  const { stringify } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const options = { aliasDuplicateObjects: false, sortMapEntries: true, indentSeq: false, lineWidth: 0, version: '1.1' } as const;
  return Buffer.from(stringify(value, options));
}

const noProtobuf = (value: { kind?: unknown }) =>
  new StatusError(
    406,
    'NotAcceptable',
    `object ${String(value.kind)} does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message`,
  );

export function encodeObject({ resource, object }: ObjectResult, form: Form, now_ms: number): Encoded {
  if (form.as === 'metadataList') {
    throw mismatch(`you requested PartialObjectMetadataList, but the requested object is not a list (${resource.kind.kind})`);
  }
  const plain = form.as === 'object' && form.media === 'json' && !form.pretty;
  const bytes = plain ? object.line : ended(objectBytes(resource, object, form, now_ms), form);
  return { contentType: CONTENT_TYPES[form.media], bytes };
}

const mismatch = (message: string) => new StatusError(406, 'NotAcceptable', message);

/** One object, in the bytes that it keeps where the form allows it. `withoutColumns` is for tables. */
export function objectBytes(resource: Resource, object: StoredObject, form: Form, now_ms: number, withoutColumns = false): Buffer {
  switch (form.as) {
    case 'table':
      return valueBytes(tableOfObjects(resource, [object.object], form, now_ms, withoutColumns), form);
    case 'metadata':
      return valueBytes(partialObjectMetadata(object.object, form.metaVersion), form, PARTIAL_SCHEMA);
    default:
      if (form.media === 'json' && !form.pretty) return object.bytes;
      if (form.media !== 'protobuf') return valueBytes(object.object, form);
      return envelope(resource.kind.apiVersion, resource.kind.kind, [object.message(resource.schema)]);
  }
}

/** Lists in JSON and protobuf are joined from the objects' own bytes, never encoded anew. */
export function encodeList(list: ListResult, form: Form, now_ms: number): Encoded {
  const bytes = listBytes(list, form, now_ms);
  // What was joined has its end.
  return { contentType: CONTENT_TYPES[form.media], bytes: form.as === 'object' && form.media === 'json' ? bytes : ended(bytes, form) };
}

function listBytes(list: ListResult, form: Form, now_ms: number): Buffer {
  const { resource, objects } = list;
  const { kind } = resource;
  const plain = () => objects.map(({ object }) => object);
  switch (form.as) {
    case 'table':
      return valueBytes({ ...tableOfObjects(resource, plain(), form, now_ms), metadata: listMeta(list) }, form);
    case 'metadata':
      throw mismatch(`you requested PartialObjectMetadata, but the requested object is a list (${kind.kind}List)`);
    case 'metadataList':
      return partialList(list, form);
    default:
      if (form.media === 'protobuf') {
        const items = objects.map((object) => object.message(resource.schema));
        return envelope(kind.apiVersion, kind.listKind, encodeListMessage(LIST_META_SCHEMA, listMeta(list), items));
      }
      if (form.media === 'json' && !form.pretty) return joinItems(list, listMeta(list));
      return valueBytes({ kind: kind.listKind, apiVersion: kind.apiVersion, metadata: listMeta(list), items: plain() }, form);
  }
}

function partialList(list: ListResult, form: Form): Buffer {
  const items = list.objects.map(({ object }) => partialObjectMetadata(object, form.metaVersion));
  const apiVersion = `meta.k8s.io/${form.metaVersion}`;
  if (form.media !== 'protobuf')
    return valueBytes({ kind: 'PartialObjectMetadataList', apiVersion, metadata: listMeta(list), items }, form);
  const messages = items.map((item) => encodeMessage(PARTIAL_SCHEMA, item as unknown as JsonObject));
  return envelope(apiVersion, 'PartialObjectMetadataList', encodeListMessage(LIST_META_SCHEMA, listMeta(list), messages));
}

export function listMeta({ resourceVersion, continue: token, remainingItemCount }: ListResult) {
  return {
    resourceVersion: String(resourceVersion),
    ...(token === undefined ? {} : { continue: token }),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  };
}

export function tableOfObjects(resource: Resource, objects: readonly KubeObject[], form: Form, now_ms: number, withoutColumns = false) {
  const resourceVersion = objects.length === 1 ? objects[0]!.metadata.resourceVersion : '';
  const { includeObject, metaVersion } = form;
  return tableOf(resource.kind, objects, { now_ms, resourceVersion, includeObject, metaVersion, withoutColumns });
}
