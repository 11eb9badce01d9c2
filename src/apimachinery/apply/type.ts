// ApplyType: what server-side apply has to know of a type: what is owned as a whole and what piece by piece. Any schema comes in as one.
import type { Json } from '../json.js';

export type ApplyScalar = 'string' | 'numeric' | 'boolean' | 'untyped';

/**
 * One to three alternatives, of which a value's own shape picks one; most types have just one. Types may be recursive, so a
 * maker of types creates the object first and fills in what it refers to later.
 */
export interface ApplyType {
  readonly scalar?: ApplyScalar | undefined;
  readonly list?: ApplyList | undefined;
  readonly map?: ApplyMap | undefined;
}

export interface ApplyList {
  /** `atomic`: owned as a whole. `map`: items are told apart by `keys`. `set`: items are scalars, told apart by themselves. */
  readonly type: 'atomic' | 'map' | 'set';
  /** Sorted; empty unless `map`. */
  readonly keys: readonly string[];
  readonly item: ApplyType;
}

export interface ApplyMap {
  /** Owned as a whole. */
  readonly atomic: boolean;
  /** Declared fields: what a struct has. */
  readonly fields: ReadonlyMap<string, ApplyField>;
  /** The type of members that are not declared: of all members of a map, of unknown fields that are preserved. Absent: there are none. */
  readonly other: ApplyType | undefined;
}

export interface ApplyField {
  /** As a field set names it: `f:spec`. */
  readonly element: string;
  readonly type: ApplyType;
  /** What a list key that is left out stands for. */
  readonly default?: Json | undefined;
}

export const NO_FIELDS: ReadonlyMap<string, ApplyField> = new Map();

/** Whatever it is, it is owned as a whole. */
export const UNTYPED_ATOMIC: ApplyType = untyped(true);

/** A type deduced from the value: maps are owned piece by piece, lists as a whole. What an object without a schema has. */
export const UNTYPED_DEDUCED: ApplyType = untyped(false);

function untyped(atomic: boolean): ApplyType {
  const type: { -readonly [K in keyof ApplyType]: ApplyType[K] } = { scalar: 'untyped' };
  type.map = { atomic, fields: NO_FIELDS, other: type };
  type.list = { type: 'atomic', keys: [], item: atomic ? type : UNTYPED_ATOMIC };
  return type;
}

/** `type` with its map owned as a whole, or piece by piece: what a field says of the type that it refers to. */
export function withAtomicMap(type: ApplyType, atomic: boolean): ApplyType {
  if (!type.map || type.map.atomic === atomic) return type;
  // The map may still be under construction, so it is read when it is needed.
  const of = type;
  const map: ApplyMap = {
    atomic,
    get fields() {
      return of.map?.fields ?? NO_FIELDS;
    },
    get other() {
      return of.map?.other;
    },
  };
  return { scalar: type.scalar, list: type.list, map };
}
