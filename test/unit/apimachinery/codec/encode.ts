// A protobuf writer for tests, as Go's generated one works: fields that are no pointers are written even when they are zero.
import type { Json, JsonObject } from '../../../../src/apimachinery/json.js';
import type { Field, ObjectSchema } from '../../../../src/apimachinery/schema.js';

export const varint = (value: bigint | number): Buffer => {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  do {
    out.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(out);
};
export const chunk = (id: number, bytes: Uint8Array | string): Buffer => {
  const body = Buffer.from(bytes);
  return Buffer.concat([varint(id * 8 + 2), varint(body.length), body]);
};
export const number = (id: number, value: bigint | number): Buffer => Buffer.concat([varint(id * 8), varint(value)]);

/** `k8s\0` and runtime.Unknown around the message. */
export function encodeObject(schema: ObjectSchema, object: JsonObject): Buffer {
  return envelope(String(object['apiVersion']), String(object['kind']), message(schema, object));
}

export const envelope = (apiVersion: string, kind: string, raw: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    chunk(1, Buffer.concat([chunk(1, apiVersion), chunk(2, kind)])),
    chunk(2, raw),
    chunk(3, ''),
    chunk(4, ''),
  ]);

function message(schema: ObjectSchema, object: JsonObject): Buffer {
  return Buffer.concat(schema.messageFields.filter((f) => f.id > 0).map((field) => encodeField(field, object)));
}

function encodeField(field: Field, parent: JsonObject): Buffer {
  if (field.inline && field.object) return chunk(field.id, message(field.object, parent));
  const value = parent[field.name];
  if (field.of === 'list') return Buffer.concat(((value ?? []) as readonly Json[]).map((item) => encodeItem(field, item)));
  if (field.of === 'map') {
    const entries = Object.entries((value ?? {}) as JsonObject);
    return Buffer.concat(
      entries.map(([k, v]) => chunk(field.id, Buffer.concat([chunk(1, k), encodeItem({ ...field, id: 2 }, v as Json)]))),
    );
  }
  if (value === undefined && field.pointer) return Buffer.alloc(0);
  return one(field, value ?? null);
}

const encodeItem = (field: Field, item: Json) =>
  field.itemOf ? chunk(field.id, Buffer.concat((item as readonly Json[]).map((x) => one({ ...field, id: 1 }, x)))) : one(field, item);

function one(field: Field, value: Json): Buffer {
  const { id, type, object } = field;
  if (object) return chunk(id, message(object, (value ?? {}) as JsonObject));
  switch (type) {
    case 'string':
      return chunk(id, String(value ?? ''));
    case 'bytes':
      return chunk(id, Buffer.from(String(value ?? ''), 'base64'));
    case 'bool':
      return number(id, value ? 1 : 0);
    case 'double': {
      const body = Buffer.alloc(8);
      body.writeDoubleLE(Number(value));
      return Buffer.concat([varint(id * 8 + 1), body]);
    }
    case 'Quantity':
      return chunk(id, chunk(1, String(value ?? '0')));
    case 'IntOrString':
      return chunk(
        id,
        Buffer.concat([
          number(1, typeof value === 'string' ? 1 : 0),
          number(2, typeof value === 'number' ? value : 0),
          chunk(3, typeof value === 'string' ? value : ''),
        ]),
      );
    case 'Time':
    case 'MicroTime': {
      if (value === null) return chunk(id, '');
      const [, fraction = '0'] = /\.(\d+)Z$/.exec(String(value)) ?? [];
      return chunk(
        id,
        Buffer.concat([number(1, Math.floor(Date.parse(String(value)) / 1000)), number(2, Number(fraction.padEnd(9, '0')))]),
      );
    }
    case 'Raw':
    case 'FieldsV1':
      return chunk(id, value === null ? '' : chunk(1, JSON.stringify(value)));
    default:
      return number(id, BigInt(Number(value ?? 0)));
  }
}
