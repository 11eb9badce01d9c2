// application/vnd.kubernetes.protobuf bodies: runtime.Unknown around a message that the schema facts describe.
import { unwrapBare } from '../bare.js';
import { JSON_DEPTH_MAX, type MutableJson, type MutableJsonObject, setMember, tooDeep } from '../clone.js';
import type { JsonObject } from '../json.js';
import type { Field, ObjectSchema } from '../schema.js';
import { badRequest } from '../status.js';
import { decodeJson } from './json.js';
import { BYTES, FIXED64, malformed, VARINT, WireReader } from './wire.js';

/** The type of an object by its apiVersion and kind; undefined for kinds that have no protobuf form. */
export type ResolveSchema = (apiVersion: string, kind: string) => ObjectSchema | undefined;

/** What every body starts with: `k8s` and a zero byte. */
const MAGIC = [0x6b, 0x38, 0x73, 0x00];

/**
 * The object as JSON would have had it, except that zero values stand where Go wrote them: `normalize` drops those that mean
 * nothing. Fields that the schema does not know are dropped, as every protobuf reader does. Throws StatusError 400.
 */
export function decodeProtobuf(bytes: Uint8Array, resolveSchema: ResolveSchema): JsonObject {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw malformed('it does not start with the bytes "k8s\\0"');
  const { apiVersion, kind, raw, encoding } = readUnknown(new WireReader(bytes, MAGIC.length));
  if (encoding !== '') throw malformed(`content encoding ${JSON.stringify(encoding)} is not supported`);
  const schema = resolveSchema(apiVersion, kind);
  if (!schema) {
    throw badRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in protobuf; send it as JSON`,
    );
  }
  const out: MutableJsonObject = { apiVersion, kind };
  readMessage(schema, new WireReader(raw), out, 0);
  return out;
}

interface Unknown {
  apiVersion: string;
  kind: string;
  raw: Uint8Array;
  encoding: string;
}

function readUnknown(reader: WireReader): Unknown {
  const out: Unknown = { apiVersion: '', kind: '', raw: new Uint8Array(0), encoding: '' };
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === bytesTag(1)) readTypeMeta(reader.message(), out);
    else if (tag === bytesTag(2)) out.raw = reader.chunk();
    else if (tag === bytesTag(3)) out.encoding = reader.text();
    else reader.skip(tag & 7);
  }
  return out;
}

function readTypeMeta(reader: WireReader, out: Unknown): void {
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === bytesTag(1)) out.apiVersion = reader.text();
    else if (tag === bytesTag(2)) out.kind = reader.text();
    else reader.skip(tag & 7);
  }
}

const bytesTag = (id: number) => id * 8 + BYTES;

const fieldsById = new WeakMap<ObjectSchema, ReadonlyMap<number, Field>>();

function fieldsOf(schema: ObjectSchema): ReadonlyMap<number, Field> {
  let fields = fieldsById.get(schema);
  if (!fields) {
    fields = new Map(schema.messageFields.filter((field) => field.id > 0).map((field) => [field.id, field]));
    fieldsById.set(schema, fields);
  }
  return fields;
}

function readMessage(schema: ObjectSchema, reader: WireReader, out: MutableJsonObject, depth: number): void {
  if (depth > JSON_DEPTH_MAX) throw tooDeep();
  const fields = fieldsOf(schema);
  while (!reader.done) {
    const tag = reader.tag();
    const field = fields.get(tag >>> 3);
    if (field) readField(field, reader, tag & 7, out, depth);
    else reader.skip(tag & 7);
  }
}

function readField(field: Field, reader: WireReader, wireType: number, out: MutableJsonObject, depth: number): void {
  const { name, of, object } = field;
  if (field.inline && object) readMessage(object, expectMessage(field, reader, wireType), out, depth + 1);
  else if (of === 'map') readMapEntry(field, expectMessage(field, reader, wireType), (out[name] ??= {}) as MutableJsonObject, depth);
  else if (of === 'list') readListItem(field, reader, wireType, (out[name] ??= []) as MutableJson[], depth);
  else {
    const value = readOne(field, reader, wireType, depth);
    if (value !== undefined) out[name] = value;
  }
}

function readListItem(field: Field, reader: WireReader, wireType: number, list: MutableJson[], depth: number): void {
  if (field.itemOf) list.push(readWrapped(field, expectMessage(field, reader, wireType), depth));
  else if (wireType === BYTES && PACKABLE.has(field.type)) readPacked(field, reader.message(), list, depth);
  else list.push(readOne(field, reader, wireType, depth) ?? null);
}

/** Key and value are fields 1 and 2 of a message; either is left out when it is zero. */
function readMapEntry(field: Field, reader: WireReader, map: MutableJsonObject, depth: number): void {
  let key = '';
  let value: MutableJson | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === bytesTag(1)) key = reader.text();
    else if (tag >>> 3 !== 2) reader.skip(tag & 7);
    else if (field.itemOf) value = readWrapped(field, expectMessage(field, reader, tag & 7), depth);
    else value = readOne(field, reader, tag & 7, depth);
  }
  setMember(map, key, value ?? (field.itemOf ? [] : field.object ? {} : null));
}

/** A list that is itself an item: a message with the items as field 1. */
function readWrapped(field: Field, reader: WireReader, depth: number): MutableJson[] {
  const list: MutableJson[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) list.push(readOne(field, reader, tag & 7, depth) ?? null);
    else reader.skip(tag & 7);
  }
  return list;
}

/** Numbers may come many to a field. */
function readPacked(field: Field, reader: WireReader, list: MutableJson[], depth: number): void {
  const wireType = field.type === 'double' ? FIXED64 : VARINT;
  while (!reader.done) list.push(readOne(field, reader, wireType, depth) ?? null);
}

const PACKABLE: ReadonlySet<string> = new Set(['int32', 'int64', 'bool', 'double']);

/** undefined for what stands for absent, such as the zero time. */
function readOne(field: Field, reader: WireReader, wireType: number, depth: number): MutableJson | undefined {
  if (field.object) {
    const out: MutableJsonObject = {};
    readMessage(field.object, expectMessage(field, reader, wireType), out, depth + 1);
    return field.object.bare ? unwrapBare(field.object, out) : out;
  }
  const scalar = SCALARS.get(field.type);
  if (!scalar || scalar.wireType !== wireType) throw wrongWireType(field, wireType);
  return scalar.read(reader);
}

function expectMessage(field: Field, reader: WireReader, wireType: number): WireReader {
  if (wireType !== BYTES) throw wrongWireType(field, wireType);
  return reader.message();
}

const wrongWireType = (field: Field, wireType: number) => malformed(`field ${field.name} (${field.id}) cannot have wire type ${wireType}`);

interface WireScalar {
  readonly wireType: number;
  read(reader: WireReader): MutableJson | undefined;
}

const int: WireScalar = { wireType: VARINT, read: (reader) => reader.int() };

const SCALARS: ReadonlyMap<string, WireScalar> = new Map<string, WireScalar>([
  ['string', { wireType: BYTES, read: (reader) => reader.text() }],
  ['bool', { wireType: VARINT, read: (reader) => reader.uint() !== 0 }],
  ['int32', int],
  ['int64', int],
  ['byte', int],
  ['double', { wireType: FIXED64, read: (reader) => reader.double() }],
  ['bytes', { wireType: BYTES, read: (reader) => base64(reader.chunk()) }],
  ['Quantity', { wireType: BYTES, read: (reader) => readQuantity(reader.message()) }],
  ['IntOrString', { wireType: BYTES, read: (reader) => readIntOrString(reader.message()) }],
  ['Time', { wireType: BYTES, read: (reader) => readTime(reader.message(), 0) }],
  ['MicroTime', { wireType: BYTES, read: (reader) => readTime(reader.message(), 6) }],
  ['Duration', { wireType: BYTES, read: (reader) => readDuration(reader.message()) }],
  ['Raw', { wireType: BYTES, read: (reader) => readRaw(reader.message()) }],
  ['JSON', { wireType: BYTES, read: (reader) => readRaw(reader.message()) }],
  ['FieldsV1', { wireType: BYTES, read: (reader) => readRaw(reader.message()) }],
]);

const base64 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** Field 1 is its text. */
function readQuantity(reader: WireReader): string {
  let text = '';
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === bytesTag(1)) text = reader.text();
    else reader.skip(tag & 7);
  }
  return text || '0';
}

/** 1: which of the two it is; 2: the number; 3: the text. */
function readIntOrString(reader: WireReader): MutableJson {
  let [isText, number, text] = [false, 0, ''];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 8) isText = reader.int() === 1;
    else if (tag === 16) number = reader.int();
    else if (tag === bytesTag(3)) text = reader.text();
    else reader.skip(tag & 7);
  }
  return isText ? text : number;
}

/** 1: seconds since 1970; 2: nanoseconds. Both zero is Go's zero time, which in JSON is null. */
function readTime(reader: WireReader, fractionDigits: number): string | undefined {
  let [seconds, nanos] = [0, 0];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 8) seconds = reader.int();
    else if (tag === 16) nanos = reader.int();
    else reader.skip(tag & 7);
  }
  if (seconds === 0 && nanos === 0) return undefined;
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime()) || nanos < 0 || nanos > 999_999_999) throw malformed(`no time: ${seconds} s, ${nanos} ns`);
  const fraction = fractionDigits > 0 ? `.${String(nanos).padStart(9, '0').slice(0, fractionDigits)}` : '';
  return `${time.toISOString().slice(0, -5)}${fraction}Z`;
}

/** Field 1: nanoseconds. JSON has them as Go's duration text. */
function readDuration(reader: WireReader): string {
  let nanos = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 8) nanos = reader.int();
    else reader.skip(tag & 7);
  }
  return `${nanos / 1e9}s`;
}

/** Field 1: JSON, as the client wrote it. */
function readRaw(reader: WireReader): MutableJson | undefined {
  let bytes: Uint8Array | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === bytesTag(1)) bytes = reader.chunk();
    else reader.skip(tag & 7);
  }
  return bytes && bytes.length > 0 ? (decodeJson(bytes) as MutableJson) : undefined;
}
