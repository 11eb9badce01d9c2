// Choosing a free number of a range: at random from the dynamic band, so that two servers seldom choose the same, and from the lower one,
// which is for those who ask for a number of their own, only when that is full.
import type { Random } from '../../apimachinery/clock.js';
import { internalError } from '../../apimachinery/status.js';

export interface Range {
  readonly size: number;
  /** How many numbers from the start on are chosen last. */
  readonly band: number;
  /** The claim's key for a number; undefined for one that this same object has chosen already. */
  keyOf(index: number): string | undefined;
  /** `a service IP`. */
  readonly what: string;
}

/** Random tries before the range is searched from end to end. */
const RANDOM_TRIES = 16;
const MIN_BAND = 16;

/** Upstream's: a part of the range, at least 16, at most `max`, and nothing of a range that is smaller than that. */
export const staticBand = (size: number, part: number, max: number) =>
  size < MIN_BAND ? 0 : Math.min(Math.max(MIN_BAND, Math.floor(size / part)), max, size);

/** Of the first range that has one, with which that is. Throws 500 in upstream's words where none is left. */
export function pickFree<R extends Range>(random: Random, ranges: readonly R[], taken: ReadonlySet<string>): readonly [R, number] {
  for (const range of ranges) {
    const index = findFree(random, range, taken);
    if (index !== undefined) return [range, index];
  }
  throw internalError(`failed to allocate ${ranges[0]!.what}: range is full`);
}

function findFree(random: Random, { size, band, keyOf }: Range, taken: ReadonlySet<string>): number | undefined {
  const isFree = (index: number) => {
    const key = keyOf(index);
    return key !== undefined && !taken.has(key);
  };
  for (let i = 0; i < RANDOM_TRIES && size > band; i++) {
    const index = band + Math.floor(random.next() * (size - band));
    if (isFree(index)) return index;
  }
  for (let index = band; index < size; index++) if (isFree(index)) return index;
  for (let index = 0; index < band; index++) if (isFree(index)) return index;
  return undefined;
}
