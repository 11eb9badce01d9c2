// JSON that is still ours alone to change, and how a shared document becomes one.
import type { Json } from './json.js';
import { badRequest } from './status.js';

export type MutableJson = string | number | boolean | null | MutableJsonObject | MutableJson[];
export interface MutableJsonObject {
  [key: string]: MutableJson | undefined;
}

/** Deepest nesting of a body: more than any API type or sane custom resource has, far less than a stack overflow needs. */
export const JSON_DEPTH_MAX = 256;

export const tooDeep = () => badRequest(`the body is nested more than ${JSON_DEPTH_MAX} levels deep`);

/** As a member's name it would change the object's prototype instead of naming a member. */
export const UNSAFE_KEY = '__proto__';

export const unsafeKey = () => badRequest(`the field name ${JSON.stringify(UNSAFE_KEY)} is not allowed`);

/** Sets a member of an object that is ours; refuses the one name that JavaScript would take for the prototype. */
export function setMember<V extends Json>(target: { [key: string]: V | undefined }, key: string, value: V): void {
  if (key === UNSAFE_KEY) throw unsafeKey();
  target[key] = value;
}

/** A deep copy; shares nothing with its source. */
export function cloneJson(value: Json, depth = 0): MutableJson {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > JSON_DEPTH_MAX) throw tooDeep();
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => cloneJson(item, depth + 1));
  const out: MutableJsonObject = {};
  for (const [key, member] of Object.entries(value)) if (member !== undefined) setMember(out, key, cloneJson(member, depth + 1));
  return out;
}
