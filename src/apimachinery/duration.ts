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

/** As Go writes it: `1m30s`, `40s`. */
export function formatDuration(value_ms: number): string {
  const [hours, minutes, seconds] = [Math.floor(value_ms / 3_600_000), Math.floor(value_ms / 60_000) % 60, (value_ms / 1000) % 60];
  if (value_ms > 0 && value_ms < 1000) return `${value_ms}ms`;
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}
