// MessageCodec: protobuf messages by tables of their fields, in the shape that gRPC's own loader gives them: 64-bit numbers as decimal
// digits, enums by name, bytes as Buffers; absent fields have their defaults, absent messages are null, and a oneof tells which it has.
import { BYTES, VARINT, WireReader } from '../../apimachinery/codec/wire.js';
import { WireWriter } from '../../apimachinery/codec/wire-writer.js';

/** A writer that one large message has made larger than this is not kept. */
const KEPT_BYTES = 1 << 20;
const NONE: readonly never[] = Object.freeze([]);
const NO_BYTES = Buffer.alloc(0);

export type Values = { [field: string]: unknown };

interface Enum {
  readonly names: readonly string[];
}

interface Field {
  readonly id: number;
  readonly name: string;
  readonly type: 'bytes' | 'string' | 'bool' | 'int64' | 'uint64' | 'uint32' | Enum | MessageCodec;
  readonly repeated: boolean;
  readonly oneof: string | undefined;
}

export class MessageCodec {
  readonly #fields: Field[] = [];
  readonly #byId = new Map<number, Field>();
  #defaults: Values = {};

  define(fields: readonly Field[]): void {
    // From the end to the front is how they are written.
    this.#fields.push(...fields.toSorted((a, b) => b.id - a.id));
    for (const field of fields) this.#byId.set(field.id, field);
    this.#defaults = Object.fromEntries(fields.filter(({ oneof }) => !oneof).map((field) => [field.name, defaultOf(field)]));
  }

  /** Throws a Status where the bytes are no such message. */
  decode(bytes: Buffer): Values {
    return this.#read(new WireReader(bytes));
  }

  encode(message: Values): Buffer {
    try {
      this.#write(writer, message);
      const large = writer.size > KEPT_BYTES;
      const bytes = writer.take();
      if (large) writer = new WireWriter();
      return bytes;
    } catch (error) {
      writer.clear();
      throw error;
    }
  }

  #read(reader: WireReader): Values {
    const message: Values = { ...this.#defaults };
    while (!reader.done) {
      const tag = reader.tag();
      const [field, wireType] = [this.#byId.get(tag >>> 3), tag & 7];
      if (!field || (wireType !== wireTypeOf(field) && !(field.repeated && wireType === BYTES))) {
        reader.skip(wireType);
      } else if (field.repeated) {
        const values = message[field.name] === NONE ? [] : (message[field.name] as unknown[]);
        message[field.name] = values;
        // Numbers of a repeated field come together.
        if (wireType === wireTypeOf(field)) values.push(MessageCodec.#value(reader, field));
        else for (const packed = reader.message(); !packed.done; ) values.push(MessageCodec.#value(packed, field));
      } else {
        message[field.name] = MessageCodec.#value(reader, field);
        if (field.oneof) message[field.oneof] = field.name;
      }
    }
    return message;
  }

  static #value(reader: WireReader, { type }: Field): unknown {
    if (type instanceof MessageCodec) return type.#read(reader.message());
    switch (type) {
      case 'bytes':
        return reader.chunk();
      case 'string':
        return reader.text();
      case 'bool':
        return reader.uint() !== 0;
      case 'int64':
        return reader.long(true);
      case 'uint64':
        return reader.long(false);
      case 'uint32':
        return reader.uint();
      default: {
        const value = reader.int();
        return type.names[value] ?? value;
      }
    }
  }

  #write(to: WireWriter, message: Values): void {
    for (const field of this.#fields) {
      const value = message[field.name];
      if (value === undefined || value === null) continue;
      if (field.repeated) {
        const values = value as readonly unknown[];
        for (let i = values.length - 1; i >= 0; i--) MessageCodec.#writeValue(to, field, values[i]);
      } else {
        MessageCodec.#writeValue(to, field, value, field.oneof === undefined);
      }
    }
  }

  /** `sparingly`: not where it is the default. */
  static #writeValue(to: WireWriter, { id, type }: Field, value: unknown, sparingly = false): void {
    if (type instanceof MessageCodec) {
      const mark = to.size;
      type.#write(to, value as Values);
      to.message(id, mark);
    } else if (type === 'bytes') {
      if (!sparingly || (value as Uint8Array).length > 0) to.chunk(id, value as Uint8Array);
    } else if (type === 'string') {
      if (!sparingly || value !== '') to.text(id, value as string);
    } else if (type === 'bool') {
      if (!sparingly || value) to.varint(id, value ? 1 : 0);
    } else if (typeof type === 'object') {
      const number = typeof value === 'number' ? value : type.names.indexOf(value as string);
      if (!sparingly || number !== 0) to.varint(id, number);
    } else if (!sparingly || (value !== '0' && value !== 0)) {
      if (typeof value === 'number') to.varint(id, value);
      else to.long(id, String(value));
    }
  }
}

/** Messages are written one at a time. */
let writer = new WireWriter();

function wireTypeOf({ type }: Field): number {
  return type instanceof MessageCodec || type === 'bytes' || type === 'string' ? BYTES : VARINT;
}

function defaultOf({ type, repeated }: Field): unknown {
  if (repeated) return NONE;
  if (type instanceof MessageCodec) return null;
  if (typeof type === 'object') return type.names[0];
  return { bytes: NO_BYTES, string: '', bool: false, int64: '0', uint64: '0', uint32: 0 }[type];
}

/**
 * Codecs of messages whose fields are given as text, such as `int64 limit 3`, `KeyValue[] kvs 2` for repeated ones, and
 * `PutRequest request_put 2 request` for a member of the oneof `request`. Enums are given by the names of their values from 0 on.
 */
export function messageCodecs(
  messages: { readonly [message: string]: readonly string[] },
  enums: { readonly [name: string]: readonly string[] },
): ReadonlyMap<string, MessageCodec> {
  const codecs = new Map(Object.keys(messages).map((name) => [name, new MessageCodec()]));
  const typeOf = (text: string): Field['type'] => {
    if (SCALARS.has(text)) return text as Field['type'];
    const found = codecs.get(text) ?? (enums[text] && { names: enums[text] });
    if (!found) throw new Error(`there is no message ${text}`);
    return found;
  };
  for (const [name, fields] of Object.entries(messages)) {
    const parsed = fields.map((text): Field => {
      const [type, field, id, oneof] = text.split(' ') as [string, string, string, string?];
      return { id: Number(id), name: field, type: typeOf(type.replace('[]', '')), repeated: type.endsWith('[]'), oneof };
    });
    codecs.get(name)!.define(parsed);
  }
  return codecs;
}

const SCALARS: ReadonlySet<string> = new Set(['bytes', 'string', 'bool', 'int64', 'uint64', 'uint32']);
