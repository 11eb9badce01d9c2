// Bringing raw scores to 0..100, as several plugins need it. Pure.

export const MAX_SCORE = 100;

/** In proportion to the highest; `reverse`: the lowest is best. Where all are 0 nobody is better than another. */
export function byHighest(scores: ReadonlyMap<string, number>, reverse = false): ReadonlyMap<string, number> {
  const highest = Math.max(0, ...scores.values());
  const scaled = (score: number) => (highest === 0 ? 0 : Math.floor((score * MAX_SCORE) / highest));
  return new Map([...scores].map(([name, score]) => [name, reverse ? MAX_SCORE - scaled(score) : scaled(score)]));
}
