// The hash that tells whether a running container still is what its spec asks for.
import type { Container } from '../../src/kinds/types/core_v1.js';

/** Only name and image, as upstream: all else of a container cannot change, and new defaults must restart nothing. FNV-1a, in hex. */
export function containerHash({ name, image }: Container): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify({ name, image: image ?? '' }))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16);
}
