// Objects as application/vnd.kubernetes.protobuf: the message that the schema facts describe, in runtime.Unknown, as Go writes it.
import { wrapBare } from '../bare.js';
import type { Json, JsonObject } from '../json.js';
import type { Field, ObjectSchema } from '../schema.js';
import { WireWriter } from './wire-writer.js';

/** What every whole object starts with: `k8s` and a zero byte. */
const MAGIC = Buffer.from('k8s\0');
/** runtime.Unknown's contentEncoding and contentType, which Go writes though they are empty. */
const UNKNOWN_END = Buffer.from([0x1a, 0x00, 0x22, 0x00]);
/** A writer that a large message has made larger than this is not kept for the next. */
const KEPT_BYTES = 1 << 20;

/** Writes a field of `object`, if it has it. */
type WriteField = (writer: WireWriter, object: JsonObject) => void;
/** Writes one value, never absent, as field `id`. */
type WriteValue = (writer: WireWriter, id: number, value: Json) => void;

/** Whether a type has a protobuf form at all: custom resources and Tables have none. */
export const hasProtobuf = (schema: ObjectSchema): boolean =>
  schema.messageFields.length > 0 && schema.messageFields.every(({ id }) => id > 0);

/** The bare message, as lists hold it. `object` is in canonical form: what `normalize` leaves out is zero. */
export function encodeMessage(schema: ObjectSchema, object: JsonObject): Buffer {
  const writer = spare ?? new WireWriter();
  spare = undefined;
  writeMessage(writer, schema, object);
  const bytes = writer.take();
  if (bytes.length <= KEPT_BYTES) spare = writer;
  return bytes;
}

let spare: WireWriter | undefined;

/** A whole object around its message, which may come in pieces. */
export function envelope(apiVersion: string, kind: string, message: readonly Uint8Array[]): Buffer {
  const head = new WireWriter();
  head.text(2, kind);
  head.text(1, apiVersion);
  head.message(1, 0);
  const length = message.reduce((sum, piece) => sum + piece.length, 0);
  return Buffer.concat([MAGIC, head.take(), lengthPrefix(2, length), ...message, UNKNOWN_END]);
}

/** An object on its own. */
export function encodeProtobuf(schema: ObjectSchema, object: JsonObject): Buffer {
  return envelope(String(object['apiVersion']), String(object['kind']), [encodeMessage(schema, object)]);
}

/** A list from its items' messages, which are joined as they are. All list types have the same two fields. */
export function encodeListMessage(listMeta: ObjectSchema, metadata: JsonObject, items: readonly Uint8Array[]): Uint8Array[] {
  const meta = encodeMessage(listMeta, metadata);
  const pieces: Uint8Array[] = [lengthPrefix(1, meta.length), meta];
  for (const item of items) pieces.push(lengthPrefix(2, item.length), item);
  return pieces;
}

/** One frame of a watch: its length in four bytes, then meta/v1 WatchEvent around a whole object. */
export function watchFrame(type: string, object: Uint8Array): Buffer {
  const typeBytes = Buffer.from(type);
  const raw = lengthPrefix(1, object.length);
  const head = [lengthPrefix(1, typeBytes.length), typeBytes, lengthPrefix(2, raw.length + object.length), raw];
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.reduce((sum, piece) => sum + piece.length, object.length));
  return Buffer.concat([length, ...head, object]);
}

/** Tag and length of a field whose content follows. */
function lengthPrefix(id: number, length: number): Buffer {
  const out: number[] = [id * 8 + 2];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
  out.push(rest);
  return Buffer.from(out);
}

const plans = new WeakMap<ObjectSchema, readonly WriteField[]>();

/** Last field first, since the writer goes from the end to the front. */
function planOf(schema: ObjectSchema): readonly WriteField[] {
  let plan = plans.get(schema);
  if (!plan) {
    const fields = schema.messageFields.filter(({ id }) => id > 0).sort((a, b) => b.id - a.id);
    plan = fields.map(fieldWriter);
    plans.set(schema, plan);
  }
  return plan;
}

function writeMessage(writer: WireWriter, schema: ObjectSchema, object: JsonObject): void {
  for (const write of planOf(schema)) write(writer, object);
}

const EMPTY: JsonObject = {};

/** Go writes a field that is no pointer even if it is zero. */
function fieldWriter(field: Field): WriteField {
  const { id, name, of, inline, object: type } = field;
  if (inline && type) return (writer, object) => writeNested(writer, id, type, object);
  const write = itemWriter(field);
  if (of === 'list') {
    return (writer, object) => {
      const list = object[name] as readonly Json[] | undefined;
      if (list) for (let i = list.length - 1; i >= 0; i--) write(writer, id, list[i]!);
    };
  }
  if (of === 'map') return (writer, object) => writeMap(writer, id, object[name] as JsonObject | undefined, write);
  const zero = field.pointer ? undefined : zeroOf(field);
  return (writer, object) => {
    const value = object[name] ?? zero;
    if (value !== undefined) write(writer, id, value);
  };
}

/** What stands for an absent value that is no pointer; undefined where even Go leaves it out. */
const zeroOf = ({ object, type }: Field): Json | undefined => (object ? EMPTY : ZEROS[type]);

const ZEROS: { readonly [type: string]: Json | undefined } = {
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  byte: 0,
  double: 0,
  Quantity: '0',
  IntOrString: 0,
  Time: null,
  MicroTime: null,
  Duration: '0s',
  Raw: null,
  JSON: null,
  FieldsV1: null,
};

function itemWriter(field: Field): WriteValue {
  const { itemOf, object } = field;
  const one: WriteValue = object ? (writer, id, value) => writeNested(writer, id, object, value ?? EMPTY) : scalarWriter(field);
  if (!itemOf) return one;
  return (writer, id, value) => {
    const mark = writer.size;
    const list = value as readonly Json[];
    for (let i = list.length - 1; i >= 0; i--) one(writer, 1, list[i]!);
    writer.message(id, mark);
  };
}

function writeNested(writer: WireWriter, id: number, schema: ObjectSchema, value: Json): void {
  const mark = writer.size;
  writeMessage(writer, schema, schema.bare ? wrapBare(schema, value) : (value as JsonObject));
  writer.message(id, mark);
}

/** In the order of their keys' bytes, as Go writes them, so that equal objects have equal bytes. */
function writeMap(writer: WireWriter, id: number, map: JsonObject | undefined, write: WriteValue): void {
  if (!map) return;
  const keys = Object.keys(map);
  if (keys.length > 1) keys.sort(byBytes);
  for (let i = keys.length - 1; i >= 0; i--) {
    const mark = writer.size;
    const value = map[keys[i]!];
    if (value !== undefined) write(writer, 2, value);
    writer.text(1, keys[i]!);
    writer.message(id, mark);
  }
}

/** JavaScript orders by UTF-16 units, which differs from bytes above U+FFFF only. */
const byBytes = (a: string, b: string) =>
  SURROGATE.test(a) || SURROGATE.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : 1;
const SURROGATE = /[\ud800-\udfff]/;

function scalarWriter({ name, type }: Field): WriteValue {
  const write = SCALARS[type];
  if (!write) throw new Error(`protobuf: field ${name} has unknown type ${type}`);
  return write;
}

const int: WriteValue = (writer, id, value) => writer.varint(id, (value as number | null) ?? 0);

const SCALARS: { readonly [type: string]: WriteValue | undefined } = {
  string: (writer, id, value) => writer.text(id, (value as string | null) ?? ''),
  bool: (writer, id, value) => writer.varint(id, value ? 1 : 0),
  int32: int,
  int64: int,
  byte: int,
  double: (writer, id, value) => writer.double(id, (value as number | null) ?? 0),
  bytes: (writer, id, value) => writer.base64(id, (value as string | null) ?? ''),
  Quantity: (writer, id, value) => {
    const mark = writer.size;
    writer.text(1, String(value ?? '0'));
    writer.message(id, mark);
  },
  IntOrString: (writer, id, value) => {
    const mark = writer.size;
    const isText = typeof value === 'string';
    writer.text(3, isText ? value : '');
    writer.varint(2, isText ? 0 : ((value as number | null) ?? 0));
    writer.varint(1, isText ? 1 : 0);
    writer.message(id, mark);
  },
  Time: (writer, id, value) => writeTime(writer, id, value, false),
  MicroTime: (writer, id, value) => writeTime(writer, id, value, true),
  Duration: (writer, id, value) => {
    const mark = writer.size;
    writer.varint(1, nanoseconds((value as string | null) ?? '0s'));
    writer.message(id, mark);
  },
  Raw: writeRaw,
  JSON: writeRaw,
  FieldsV1: writeRaw,
};

/** Nothing in it is Go's zero time. */
function writeTime(writer: WireWriter, id: number, value: Json, micro: boolean): void {
  const mark = writer.size;
  if (typeof value === 'string' && value !== '') {
    const fraction = micro ? (/\.(\d{1,6})/.exec(value)?.[1] ?? '') : '';
    writer.varint(2, Number(fraction.padEnd(9, '0')));
    writer.varint(1, Math.floor(Date.parse(value) / 1000));
  }
  writer.message(id, mark);
}

function writeRaw(writer: WireWriter, id: number, value: Json): void {
  const mark = writer.size;
  if (value !== null) writer.text(1, JSON.stringify(value));
  writer.message(id, mark);
}

const UNITS_NS: { readonly [unit: string]: number } = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's duration text: `1h2m3.5s`. */
function nanoseconds(text: string): number {
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) sum += Number(number) * UNITS_NS[unit!]!;
  return text.startsWith('-') ? -Math.round(sum) : Math.round(sum);
}
