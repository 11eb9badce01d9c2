// celEquals: whether two CEL values are the same, numbers by their values and everything else by its parts.
import { spend } from './meter.js';

export function celEquals(a: unknown, b: unknown): boolean {
  // Each comparison is a step: values may be as large as a whole object.
  spend(1);
  if (a === b) return true;
  if (typeof a !== typeof b) return isNumber(a) && isNumber(b) && Number(a) === Number(b);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => celEquals(item, b[i]));
  }
  if (a.constructor !== b.constructor) return false;
  if (a instanceof Date) return a.getTime() === (b as Date).getTime();
  // Durations and the like keep what they are to themselves, but write it.
  if (a.toString !== Object.prototype.toString) return String(a) === String(b);
  return membersEqual(a as Members, b as Members);
}

interface Members {
  readonly [name: string]: unknown;
}

const isNumber = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';

function membersEqual(a: Members, b: Members): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && celEquals(a[name], b[name]));
}
