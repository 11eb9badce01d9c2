// Bringing raw scores to 0..100, as several plugins need it. Pure.

export const MAX_SCORE = 100;

/** In proportion to the highest; `reverse`: the lowest is best. Where all are 0 nobody is better than another. */
export function byHighest(scores: Float64Array, reverse = false): void {
  let highest = 0;
  for (const score of scores) if (score > highest) highest = score;
  for (let i = 0; i < scores.length; i++) {
    const scaled = highest === 0 ? 0 : Math.floor((scores[i]! * MAX_SCORE) / highest);
    scores[i] = reverse ? MAX_SCORE - scaled : scaled;
  }
}
