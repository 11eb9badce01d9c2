// OpenAPI component schemas, made from the field facts of API types.
import type { JsonObject } from '../../apimachinery/json.js';
import type { Field, ObjectSchema } from '../../apimachinery/schema.js';
import { customSchema } from './custom.js';

/** The part of an OpenAPI v3 schema object that is used here. */
export interface OpenApiSchema {
  readonly [key: string]: unknown;
}

const TYPE_FIELDS = { apiVersion: { type: 'string' }, kind: { type: 'string' } };
/** Groups that upstream's modules other than k8s.io/api hold. */
const MODULES: { readonly [group: string]: string } = {
  meta: 'io.k8s.apimachinery.pkg.apis',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis',
};
/** Types that are JSON leaves, though protobuf has messages for some of them. */
const SCALARS: { readonly [type: string]: OpenApiSchema } = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  byte: { type: 'integer', format: 'byte' },
  bytes: { type: 'string', format: 'byte' },
  Duration: { type: 'string' },
  FieldsV1: { type: 'object' },
  Raw: { type: 'object' },
  JSON: {},
};
const NAMED_SCALARS: { readonly [type: string]: { readonly name: string; readonly schema: OpenApiSchema } } = {
  Quantity: { name: 'io.k8s.apimachinery.pkg.api.resource.Quantity', schema: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
  IntOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    schema: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  Time: { name: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time', schema: { type: 'string', format: 'date-time' } },
  MicroTime: { name: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime', schema: { type: 'string', format: 'date-time' } },
};

/** `core.v1.Pod` under the name that upstream's documents have for it. */
export function componentName(id: string): string {
  return `${MODULES[id.slice(0, id.indexOf('.'))] ?? 'io.k8s.api'}.${id}`;
}

/** Collects the schemas of types and of all that they refer to. */
export class Components {
  readonly schemas: { [name: string]: OpenApiSchema } = {};

  /** A reference to the type, which is added if it is not there yet. `extra` is said of the type itself. */
  ref(schema: ObjectSchema, extra: OpenApiSchema = {}): OpenApiSchema {
    const name = componentName(schema.id);
    if (!(name in this.schemas)) {
      // Taken first: types may refer to themselves.
      this.schemas[name] = {};
      this.schemas[name] = { ...this.#object(schema, Object.keys(extra).length > 0), ...extra };
    }
    return reference(name);
  }

  /** A reference to a custom kind, whose definition brings its own `schema`. */
  custom(name: string, schema: JsonObject, meta: ObjectSchema, extra: OpenApiSchema): OpenApiSchema {
    this.schemas[name] = { ...customSchema(schema, { ...TYPE_FIELDS, metadata: this.#wrapped(meta) }), ...extra };
    return reference(name);
  }

  /** A reference to the list of the kind that `item`, a reference, stands for. */
  list(item: OpenApiSchema, meta: ObjectSchema, extra: OpenApiSchema): OpenApiSchema {
    const name = `${nameOf(item)}List`;
    this.schemas[name] = {
      type: 'object',
      required: ['items'],
      properties: { ...TYPE_FIELDS, items: { type: 'array', items: wrapped(item) }, metadata: this.#wrapped(meta) },
      ...extra,
    };
    return reference(name);
  }

  #object(schema: ObjectSchema, isKind: boolean): OpenApiSchema {
    if (schema.bare) return {};
    const properties: { [name: string]: OpenApiSchema } = isKind ? { ...TYPE_FIELDS } : {};
    const required: string[] = [];
    for (const field of schema.fields.values()) {
      properties[field.name] = this.#field(field);
      if (field.required) required.push(field.name);
    }
    return { type: 'object', ...(required.length > 0 ? { required } : {}), properties };
  }

  #field(field: Field): OpenApiSchema {
    const extensions = extensionsOf(field);
    const fallback = field.default === undefined ? {} : { default: field.default };
    if (!field.of) return { ...this.#item(field), ...fallback, ...extensions };
    const item = this.#item(field);
    const inner = field.itemOf ? collection(field.itemOf, item) : item;
    return { ...collection(field.of, inner), ...fallback, ...extensions };
  }

  #item(field: Field): OpenApiSchema {
    if (field.object) return this.#wrapped(field.object);
    const named = NAMED_SCALARS[field.type];
    if (named) {
      this.schemas[named.name] = named.schema;
      return { allOf: [reference(named.name)] };
    }
    const scalar = SCALARS[field.type];
    if (!scalar) throw new Error(`openapi: no schema for type ${field.type}`);
    return field.enum ? { ...scalar, enum: field.enum } : scalar;
  }

  #wrapped(schema: ObjectSchema): OpenApiSchema {
    return wrapped(this.ref(schema));
  }
}

const REFERENCE = '#/components/schemas/';
const reference = (name: string): OpenApiSchema => ({ $ref: REFERENCE + name });
const nameOf = ({ $ref }: OpenApiSchema) => String($ref).slice(REFERENCE.length);
/** References stand in allOf, since nothing may stand beside a $ref. */
const wrapped = (ref: OpenApiSchema): OpenApiSchema => ({ allOf: [ref], default: {} });

const collection = (of: 'list' | 'map', items: OpenApiSchema): OpenApiSchema =>
  of === 'list' ? { type: 'array', items } : { type: 'object', additionalProperties: items };

function extensionsOf({ patch, key, listType, keys, mapType, structType }: Field): OpenApiSchema {
  return {
    ...(patch ? { 'x-kubernetes-patch-strategy': patch } : {}),
    ...(key ? { 'x-kubernetes-patch-merge-key': key } : {}),
    ...(listType ? { 'x-kubernetes-list-type': listType } : {}),
    ...(keys && keys.length > 0 ? { 'x-kubernetes-list-map-keys': keys } : {}),
    ...((mapType ?? structType) ? { 'x-kubernetes-map-type': mapType ?? structType } : {}),
  };
}
