// The leaves of API objects: which JSON each takes, its canonical form, and the words in which Go refuses the rest.
import { cloneJson, type MutableJson } from './clone.js';
import { isJsonObject, type Json } from './json.js';
import { canonicalQuantity, QuantityError } from './quantity.js';
import type { Scalar } from './schema.js';
import { canonicalMicroTime, canonicalTime } from './timestamp.js';

/** A value that does not fit its type. */
export class UnfitValue extends Error {
  override readonly name = 'UnfitValue';
  /**
   * @param value what was there instead (`string`, `number 1.5`), for a message that names the field; absent where Go's message
   * does not, so that `message` is all of it
   * @param goType what was asked for, where that is not the field's innermost type
   */
  constructor(
    message: string,
    readonly value?: string,
    readonly goType?: string,
  ) {
    super(message);
  }
}

export interface ScalarRules {
  /** As it stands in Go's messages. */
  readonly goType: string;
  /** What Go writes where nothing was set; undefined where that is null. */
  readonly zero: MutableJson | undefined;
  /** The canonical form. Throws UnfitValue. */
  convert(value: Json): MutableJson;
}

/** JSON's word for a value, as Go's messages have it. */
export function describe(value: Json): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

const unfit = (value: Json) => new UnfitValue('', describe(value));
const unfitGoValue = (described: string, type: string) =>
  new UnfitValue(`json: cannot unmarshal ${described} into Go value of type ${type}`);

function text(value: Json): string {
  if (typeof value === 'string') return value;
  throw unfit(value);
}

function integer(min: number, max: number): (value: Json) => number {
  return (value) => {
    if (typeof value !== 'number') throw unfit(value);
    // JSON's -0 is Go's 0.
    if (Number.isInteger(value) && value >= min && value <= max) return value + 0;
    throw new UnfitValue('', `number ${value}`);
  };
}

const INT32_MAX = 2 ** 31 - 1;
const int32 = integer(-INT32_MAX - 1, INT32_MAX);

function intOrString(value: Json): MutableJson {
  if (typeof value === 'string') return value;
  try {
    return int32(value);
  } catch (error) {
    throw unfitGoValue((error as UnfitValue).value ?? describe(value), 'int32');
  }
}

function quantity(value: Json): string {
  try {
    if (typeof value === 'string' || typeof value === 'number') return canonicalQuantity(value);
    return canonicalQuantity(JSON.stringify(value));
  } catch (error) {
    if (error instanceof QuantityError) throw new UnfitValue(error.message);
    throw error;
  }
}

function timestamp(canonical: (text: string) => string | undefined, layout: string): (value: Json) => string {
  return (value) => {
    if (typeof value !== 'string') throw unfitGoValue(describe(value), 'string');
    const time = canonical(value);
    if (time !== undefined) return time;
    throw new UnfitValue(`parsing time ${JSON.stringify(value)} as ${JSON.stringify(layout)}: cannot parse it`);
  };
}

/** Base64 in JSON. Line breaks are allowed in it and dropped. */
function bytes(value: Json): string {
  const encoded = text(value);
  const bad = firstNotBase64(encoded);
  if (bad === -1 && encoded.length % 4 === 0) return encoded;
  const unbroken = encoded.replaceAll('\n', '').replaceAll('\r', '');
  const still = firstNotBase64(unbroken);
  if (still === -1 && unbroken.length % 4 === 0) return unbroken;
  throw new UnfitValue(`illegal base64 data at input byte ${still === -1 ? unbroken.length : still}`);
}

/** Where the text stops being padded base64, or -1. */
function firstNotBase64(encoded: string): number {
  const end = encoded.endsWith('==') ? encoded.length - 2 : encoded.endsWith('=') ? encoded.length - 1 : encoded.length;
  for (let i = 0; i < end; i++) {
    const c = encoded.charCodeAt(i);
    const ok = (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || (c >= 47 && c <= 57) || c === 43;
    if (!ok) return i;
  }
  return -1;
}

function boolean(value: Json): boolean {
  if (typeof value === 'boolean') return value;
  throw unfit(value);
}

function double(value: Json): number {
  if (typeof value === 'number') return value;
  throw unfit(value);
}

function fields(value: Json): MutableJson {
  if (isJsonObject(value)) return cloneJson(value);
  throw unfit(value);
}

const RFC_3339_LAYOUT = '2006-01-02T15:04:05Z07:00';
const RFC_3339_MICRO_LAYOUT = '2006-01-02T15:04:05.000000Z07:00';

export const scalars: { readonly [S in Scalar]: ScalarRules } = {
  string: { goType: 'string', zero: '', convert: text },
  bool: { goType: 'bool', zero: false, convert: boolean },
  int32: { goType: 'int32', zero: 0, convert: int32 },
  int64: { goType: 'int64', zero: 0, convert: integer(-(2 ** 63), 2 ** 63) },
  double: { goType: 'float64', zero: 0, convert: double },
  byte: { goType: 'uint8', zero: 0, convert: integer(0, 255) },
  bytes: { goType: '[]uint8', zero: '', convert: bytes },
  Quantity: { goType: 'resource.Quantity', zero: '0', convert: quantity },
  IntOrString: { goType: 'intstr.IntOrString', zero: 0, convert: intOrString },
  Time: { goType: 'v1.Time', zero: undefined, convert: timestamp(canonicalTime, RFC_3339_LAYOUT) },
  MicroTime: { goType: 'v1.MicroTime', zero: undefined, convert: timestamp(canonicalMicroTime, RFC_3339_MICRO_LAYOUT) },
  Duration: { goType: 'v1.Duration', zero: '0s', convert: text },
  Raw: { goType: 'runtime.RawExtension', zero: undefined, convert: (value) => cloneJson(value) },
  JSON: { goType: 'v1.JSON', zero: undefined, convert: (value) => cloneJson(value) },
  FieldsV1: { goType: 'v1.FieldsV1', zero: undefined, convert: fields },
};

export const isScalar = (type: string): type is Scalar => Object.hasOwn(scalars, type);
