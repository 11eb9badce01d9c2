// OpenAPI component schemas, made from the field facts of API types.
import type { JsonObject } from '../../apimachinery/json.js';
import type { Field, ObjectSchema } from '../../apimachinery/schema.js';
import { customSchema } from './custom.js';
import type { Descriptions } from './descriptions.js';

/** The part of an OpenAPI v3 schema object that is used here. */
export interface OpenApiSchema {
  readonly [key: string]: unknown;
}

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
  Quantity: {
    name: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
    schema: {
      description: 'An amount such as 250m, 1.5 or 64Mi: a number with a decimal (n, u, m, k, M, G, T, P, E) or binary (Ki to Ei) suffix.',
      oneOf: [{ type: 'string' }, { type: 'number' }],
    },
  },
  IntOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    schema: {
      description: 'A number, or a text that stands for one: the name of a port, a percentage.',
      format: 'int-or-string',
      oneOf: [{ type: 'integer' }, { type: 'string' }],
    },
  },
  Time: {
    name: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
    schema: { description: 'A point in time by RFC 3339, to the second.', type: 'string', format: 'date-time' },
  },
  MicroTime: {
    name: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
    schema: { description: 'A point in time by RFC 3339, to the microsecond.', type: 'string', format: 'date-time' },
  },
};

/** Groups that upstream's modules other than k8s.io/api hold. */
const MODULES: { readonly [group: string]: string } = {
  meta: 'io.k8s.apimachinery.pkg.apis',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis',
};

/** `core.v1.Pod` under the name that upstream's documents have for it. */
export const componentName = (id: string) => `${MODULES[id.slice(0, id.indexOf('.'))] ?? 'io.k8s.api'}.${id}`;

const OBJECT_META = 'meta.v1.ObjectMeta';
const LIST_META = 'meta.v1.ListMeta';
/** Its texts on apiVersion and kind are every kind's. */
const ANY_KIND = 'meta.v1.Status';

/** Collects the schemas of types and of all that they refer to. */
export class Components {
  readonly schemas: { [name: string]: OpenApiSchema } = {};

  constructor(
    private readonly typeSchema: (id: string) => ObjectSchema,
    private readonly descriptions: Descriptions,
  ) {}

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
  custom(name: string, schema: JsonObject, extra: OpenApiSchema): OpenApiSchema {
    this.schemas[name] = { ...customSchema(schema, { ...this.#typeFields(), metadata: this.#metadata(OBJECT_META) }), ...extra };
    return reference(name);
  }

  /** A reference to the list of the kind that `item`, a reference, stands for. */
  list(item: OpenApiSchema, extra: OpenApiSchema): OpenApiSchema {
    const name = `${nameOf(item)}List`;
    this.schemas[name] = {
      description: `A list of ${nameOf(item).split('.').at(-1)} objects.`,
      type: 'object',
      required: ['items'],
      properties: {
        ...this.#typeFields(),
        items: { description: 'The objects.', type: 'array', items: wrapped(item) },
        metadata: this.#metadata(LIST_META),
      },
      ...extra,
    };
    return reference(name);
  }

  #object(schema: ObjectSchema, isKind: boolean): OpenApiSchema {
    if (schema.bare) return described(this.descriptions.ofType(schema));
    const properties: { [name: string]: OpenApiSchema } = isKind ? this.#typeFields(schema) : {};
    const required: string[] = [];
    for (const field of schema.fields.values()) {
      properties[field.name] = this.#field(schema, field);
      if (field.required) required.push(field.name);
    }
    return { ...described(this.descriptions.ofType(schema)), type: 'object', ...(required.length > 0 ? { required } : {}), properties };
  }

  #typeFields(schema = this.typeSchema(ANY_KIND)) {
    const anyKind = this.typeSchema(ANY_KIND);
    const text = (name: string) => this.descriptions.ofField(schema, name) ?? this.descriptions.ofField(anyKind, name);
    const field = (name: string) => ({ ...described(text(name)), type: 'string' });
    return { apiVersion: field('apiVersion'), kind: field('kind') };
  }

  #field(schema: ObjectSchema, field: Field): OpenApiSchema {
    const text = described(this.descriptions.ofField(schema, field.name));
    const extensions = extensionsOf(field);
    const fallback = field.default === undefined ? {} : { default: field.default };
    const item = this.#item(field);
    if (!field.of) return { ...item, ...text, ...fallback, ...extensions };
    const inner = field.itemOf ? collection(field.itemOf, item) : item;
    return { ...text, ...collection(field.of, inner), ...fallback, ...extensions };
  }

  #item(field: Field): OpenApiSchema {
    if (field.object) return wrapped(this.ref(field.object));
    const named = NAMED_SCALARS[field.type];
    if (named) {
      this.schemas[named.name] = named.schema;
      return { allOf: [reference(named.name)] };
    }
    const scalar = SCALARS[field.type];
    if (!scalar) throw new Error(`openapi: no schema for type ${field.type}`);
    return field.enum ? { ...scalar, enum: field.enum } : scalar;
  }

  #metadata(id: string): OpenApiSchema {
    const schema = this.typeSchema(id);
    return { ...described(this.descriptions.ofType(schema)), ...wrapped(this.ref(schema)) };
  }
}

const described = (description: string | undefined) => (description ? { description } : {});

const REFERENCE = '#/components/schemas/';
const reference = (name: string): OpenApiSchema => ({ $ref: REFERENCE + name });
/** The name of the component that a reference is to. */
export const nameOf = ({ $ref }: OpenApiSchema) => String($ref).slice(REFERENCE.length);
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
