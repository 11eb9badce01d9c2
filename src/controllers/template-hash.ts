// A short name for a pod template: the same for the same template, another one for each collision counted. Pure.

/** Letters that make no words, as upstream's for generated names. */
const HASH_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** JSON with sorted keys: the same text for equal values. */
export const canonicalJson = (value: unknown): string => JSON.stringify(sorted(value));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, field]) => [name, sorted(field)]));
}

/** What goes into labels and names. */
export function shortHash(text: string, collisionCount = 0): string {
  let hash = 0x811c9dc5; // FNV-1a, 32 bits
  for (const byte of Buffer.from(text + (collisionCount || ''))) hash = Math.imul(hash ^ byte, 0x01000193);
  return [...String(hash >>> 0)].map((digit) => HASH_ALPHABET[digit.charCodeAt(0) % HASH_ALPHABET.length]).join('');
}
