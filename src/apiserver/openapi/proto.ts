// OpenAPI documents in protobuf: the parts that the messages of both versions (proto-v2.ts, proto-v3.ts) are put together from.
import type { WireWriter } from '../../apimachinery/codec/wire-writer.js';

/** Writes a JSON value as the field `id`. The writer goes from the end to the front, and so does whoever calls these. */
export type Put = (writer: WireWriter, id: number, value: unknown) => void;

/** JSON keys, each with its field number and how its value is written. */
export interface Fields {
  readonly [key: string]: readonly [id: number, put: Put];
}

export const text: Put = (writer, id, value) => writer.text(id, String(value));
export const bool: Put = (writer, id, value) => writer.varint(id, value ? 1 : 0);
export const int: Put = (writer, id, value) => writer.varint(id, Number(value));
export const double: Put = (writer, id, value) => writer.double(id, Number(value));

/** A message that holds nothing but `put` in its field `inner`. */
export const within =
  (inner: number, put: Put): Put =>
  (writer, id, value) => {
    const mark = writer.size;
    put(writer, inner, value);
    writer.message(id, mark);
  };

/** A value of any form, as YAML, of which JSON is a part. */
export const any: Put = within(2, (writer, id, value) => writer.text(id, JSON.stringify(value)));

export const list =
  (put: Put): Put =>
  (writer, id, values) => {
    for (const value of [...(values as readonly unknown[])].reverse()) put(writer, id, value);
  };

/** Of a map each entry is a message of a name and a value. */
export const map =
  (put: Put): Put =>
  (writer, id, values) => {
    for (const [name, value] of Object.entries(values as object).reverse()) {
      const mark = writer.size;
      put(writer, 2, value);
      writer.text(1, name);
      writer.message(id, mark);
    }
  };

const namedAny = map(any);

/** Keys that `fields` does not have are left out, but for the extensions, which go into the field `extensions`. */
export function message(fields: Fields, extensions?: number): Put {
  return (writer, id, value) => {
    const mark = writer.size;
    for (const [key, each] of Object.entries(value as object).reverse()) {
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (field) field[1](writer, field[0], each);
      else if (extensions !== undefined && key.startsWith('x-')) namedAny(writer, extensions, { [key]: each });
    }
    writer.message(id, mark);
  };
}

/** A document is a message that nothing frames. */
export function encodeDocument(put: Put, writer: WireWriter, document: object): Buffer {
  put(writer, FRAME, document);
  const framed = writer.take();
  // Its tag and length come first: a varint each, whose last byte is below 0x80.
  let start = 0;
  for (let varints = 0; varints < 2; start++) if (framed[start]! < 0x80) varints++;
  return framed.subarray(start);
}

const FRAME = 1;
