// The JSON data model, deeply read-only: what crosses the API before a kind gives it a shape.
export type Json = string | number | boolean | null | JsonObject | JsonArray;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}
export type JsonArray = readonly Json[];

/** T with everything optional, at any depth: what a client sends to create or apply; the server fills in the rest. */
export type Draft<T> = T extends readonly (infer U)[]
  ? readonly Draft<U>[]
  : T extends object
    ? { readonly [K in keyof T]?: Draft<T[K]> }
    : T;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as messages show what somebody sent: a text as it is, anything else as JSON, which also has words for what no String() has. */
export const jsonText = (value: Json | undefined): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
