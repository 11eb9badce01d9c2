// Types whose JSON is one of several forms, such as a schema or a boolean, where protobuf has a message with a field for each.
import type { MutableJson, MutableJsonObject } from './clone.js';
import type { Json, JsonObject } from './json.js';
import { describe } from './scalars.js';
import type { Field, ObjectSchema } from './schema.js';

/** The field that a value is, told by what kind of JSON it is. */
export function bareFieldOf(schema: ObjectSchema, value: Json): Field | undefined {
  return schema.messageFields.find((field) => jsonKindOf(field) === describe(value));
}

const jsonKindOf = ({ of, object, type }: Field): string => (of === 'list' ? 'array' : object ? 'object' : type);

/** What would have fitted, in upstream's words. */
export const bareFormsOf = (schema: ObjectSchema): string => schema.messageFields.map((field) => FORMS[jsonKindOf(field)]).join(' or ');
const FORMS: { readonly [kind: string]: string } = { bool: 'boolean', object: 'JSON schema', array: 'array' };

/** The message's fields. Where there is a boolean form, another form implies that it is true. */
export function wrapBare(schema: ObjectSchema, value: Json): JsonObject {
  const form = bareFieldOf(schema, value);
  if (!form) return {};
  const implied = schema.messageFields.filter(({ type }) => type === 'bool').map(({ name }) => [name, true] as const);
  return { ...Object.fromEntries(implied), [form.name]: value };
}

/** The form that counts of those that a message has: the last. */
export function unwrapBare(schema: ObjectSchema, message: MutableJsonObject): MutableJson | undefined {
  return schema.messageFields.map(({ name }) => message[name]).findLast((value) => value !== undefined);
}
