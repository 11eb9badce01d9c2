// The schema of API types as data: what defaulting, pruning, patches, apply, OpenAPI and protobuf all read.
// Facts are generated per package (schema/); `Schemas` links them by type id such as `core.v1.Pod`.
import type { ApplyType } from './apply/type.js';
import type { MutableJsonObject } from './clone.js';
import type { Json, JsonObject } from './json.js';

/**
 * What a leaf is. Quantity, IntOrString, Time, MicroTime and Duration are JSON strings (or numbers) with messages of their own in
 * protobuf; Raw is an object and JSON any value, both of which protobuf has as text.
 */
export type Scalar =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'byte'
  | 'bytes'
  | 'Quantity'
  | 'IntOrString'
  | 'Time'
  | 'MicroTime'
  | 'Duration'
  | 'Raw'
  | 'JSON'
  | 'FieldsV1';

export interface FieldFacts {
  /** Protobuf field number; 0 where the type has no protobuf form. */
  readonly id: number;
  /** A Scalar or the id of an object type; of the items where `of` is set. */
  readonly type: string;
  readonly of?: 'list' | 'map';
  /** Lists in a list or map, which protobuf wraps in a message of their own. */
  readonly itemOf?: 'list' | 'map';
  /** A pointer in Go: the zero value differs from absent. A struct that is no pointer is always present, if empty. */
  readonly pointer?: boolean;
  /** Left out of JSON when empty. */
  readonly omit?: boolean;
  readonly required?: boolean;
  /** The fields of `type` stand in the parent's JSON, but in a message of their own in protobuf. */
  readonly inline?: boolean;
  /** In JSON its value, without a name, is the whole object: of several such fields, the one that it fits (a schema or a boolean). */
  readonly bare?: boolean;
  readonly default?: Json;
  readonly enum?: readonly string[];
  /** Strategic merge: `merge`, `replace`, `retainKeys` or `merge,retainKeys`, and the merge key of a list of objects. */
  readonly patch?: string;
  readonly key?: string;
  readonly listType?: 'atomic' | 'set' | 'map' | string;
  readonly keys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular' | string;
  readonly structType?: 'atomic' | 'granular' | string;
}

export type TypeFacts = { readonly [field: string]: FieldFacts };
export type PackageFacts = { readonly [type: string]: TypeFacts };

export interface Field extends FieldFacts {
  readonly name: string;
  /** The schema of `type` where it is an object type. */
  readonly object: ObjectSchema | undefined;
}

export interface ObjectSchema {
  /** `core.v1.PodSpec`. */
  readonly id: string;
  /** As JSON has them: inlined types' fields stand here. */
  readonly fields: ReadonlyMap<string, Field>;
  /** As protobuf has them: inlined types are messages of their own. */
  readonly messageFields: readonly Field[];
  /** It has a form in JSON for each of its fields, which are all `bare`; `fields` is empty. */
  readonly bare: boolean;
  /** Of a kind that is defined at run time; `fields` then has the metadata only. */
  readonly custom?: CustomSchema;
}

/** An object as Go would hold it: typed, pruned, zero values where Go has them. */
export interface Normalized {
  /** Fresh: shares nothing with the input, and the caller's to change. */
  readonly object: MutableJsonObject;
  /** Paths such as `spec.containers[0].foo`, in the order met: dropped from the object. */
  readonly unknownFields: string[];
}

/** What a custom resource's structural schema does in place of field facts. */
export interface CustomSchema {
  normalize(input: JsonObject): Normalized;
  readonly apply: ApplyType;
}

/** All object types of a set of packages, linked lazily, since types may be recursive. */
export class Schemas {
  readonly #facts = new Map<string, TypeFacts>();
  readonly #linked = new Map<string, ObjectSchema>();

  constructor(packages: { readonly [prefix: string]: PackageFacts }) {
    for (const [prefix, types] of Object.entries(packages)) {
      for (const [name, facts] of Object.entries(types)) this.#facts.set(`${prefix}.${name}`, facts);
    }
  }

  ids(): IterableIterator<string> {
    return this.#facts.keys();
  }

  has(id: string): boolean {
    return this.#facts.has(id);
  }

  /** Throws for an id that no package has: a programming error in a kind's definition. */
  get(id: string): ObjectSchema {
    const linked = this.#linked.get(id);
    if (linked) return linked;
    const facts = this.#facts.get(id);
    if (!facts) throw new Error(`schema: no type ${id}`);
    const fields = new Map<string, Field>();
    const messageFields: Field[] = [];
    const schema: ObjectSchema = { id, fields, messageFields, bare: Object.values(facts).some((fact) => fact.bare) };
    this.#linked.set(id, schema);
    for (const [name, fact] of Object.entries(facts)) {
      const field: Field = { ...fact, name, object: this.#facts.has(fact.type) ? this.get(fact.type) : undefined };
      messageFields.push(field);
      if (fact.bare) continue;
      if (!fact.inline) fields.set(name, field);
      else for (const inner of field.object?.fields.values() ?? []) fields.set(inner.name, inner);
    }
    return schema;
  }
}
