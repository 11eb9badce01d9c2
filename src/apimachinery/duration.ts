// Go's durations as text: `40s`, `1m30s`, `0`. Pure.

const UNIT_MS: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(?:0|(?:\d+(?:\.\d+)?(?:ms|s|m|h))+)$/;

/** In milliseconds; undefined where it is none. */
export function parseDuration_ms(given: string): number | undefined {
  if (!DURATION.test(given)) return undefined;
  let sum = 0;
  for (const [, count, unit] of given.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) sum += Number(count) * UNIT_MS[unit!]!;
  return sum;
}
