// JSON as CEL values where no schema says what it is: whole numbers are ints, others doubles.
import { isJsonObject, type Json } from '../json.js';

export function celValue(value: Json): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(celValue);
  if (!isJsonObject(value)) return value;
  const out: { [name: string]: unknown } = {};
  for (const [name, member] of Object.entries(value)) if (member !== undefined) out[name] = celValue(member);
  return out;
}
