// Who refused which node and why, one by one.
import type { Decision, Refusal } from '../../../src/scheduler/define.js';

export interface Refused extends Refusal {
  readonly node: string;
  readonly plugin: string;
}

export function refusedIn({ runs, refused, refusals }: Decision): readonly Refused[] {
  const refusing = runs.flatMap(({ refusedBy, count }) => (refusedBy ? new Array<string>(count).fill(refusedBy.name) : []));
  return refused.map(({ name }, i) => ({ node: name, plugin: refusing[i]!, ...refusals[i]! }));
}
