// customSchema: a custom resource's structural schema in the place where built-in kinds have field facts.
import { applyTypeOf } from '../apply/built-in.js';
import { applyTypeOfStructural } from '../apply/structural.js';
import { cloneJson, type MutableJsonObject } from '../clone.js';
import type { JsonObject } from '../json.js';
import { normalize } from '../normalize.js';
import type { Field, Normalized, ObjectSchema } from '../schema.js';
import { applyDefaults } from './default.js';
import { prune } from './prune.js';
import type { JsonSchema } from './schema.js';

/** `id` names the type; `objectMeta` is the type of its metadata. */
export function customSchema(id: string, schema: JsonSchema, objectMeta: ObjectSchema): ObjectSchema {
  const metadata: Field = { id: 0, name: 'metadata', type: objectMeta.id, object: objectMeta, omit: true };
  const wholeObject: ObjectSchema = { id, fields: new Map([['metadata', metadata]]), messageFields: [metadata], bare: false };
  let apply: ReturnType<typeof applyTypeOfStructural> | undefined;
  return {
    ...wholeObject,
    custom: {
      normalize: (input) => read(wholeObject, schema, input),
      get apply() {
        apply ??= applyTypeOfStructural(schema as Parameters<typeof applyTypeOfStructural>[0], applyTypeOf(objectMeta));
        return apply;
      },
    },
  };
}

/** As upstream: metadata is checked and pruned as everywhere, the rest by its own schema, and defaults are filled in. */
function read(wholeObject: ObjectSchema, schema: JsonSchema, { apiVersion, kind, metadata, ...rest }: JsonObject): Normalized {
  const head = normalize(wholeObject, { apiVersion, kind, metadata });
  const object = { ...head.object, ...(cloneJson(rest) as MutableJsonObject) };
  const unknownFields = [...head.unknownFields, ...prune(object, schema)];
  applyDefaults(object, schema);
  return { object, unknownFields };
}
