// IndexList: completion indexes as a Job's status has them (`0,3-5`), as ordered intervals that do not touch. Pure.
import { parseIndexes } from '../kinds/batch/success-policy.js';

type Interval = readonly [first: number, last: number];

export class IndexList {
  static readonly NONE = new IndexList([]);

  private constructor(private readonly intervals: readonly Interval[]) {}

  /** Indexes that an indexed Job has no more, as it was made smaller, are left out; so is a text that is no list. */
  static parse(text: string | undefined, completions: number): IndexList {
    const parsed = parseIndexes(text ?? '', Number.POSITIVE_INFINITY);
    if ('error' in parsed) return IndexList.NONE;
    const kept = parsed.intervals.filter(([first]) => first < completions);
    return new IndexList(kept.map(([first, last]) => [first, Math.min(last, completions - 1)]));
  }

  get size(): number {
    return this.intervals.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }

  has(index: number): boolean {
    let [low, high] = [0, this.intervals.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const [first, last] = this.intervals[middle]!;
      if (index < first) high = middle - 1;
      else if (index > last) low = middle + 1;
      else return true;
    }
    return false;
  }

  with(indexes: Iterable<number>): IndexList {
    return this.union(new IndexList(Array.from(indexes, (index): Interval => [index, index])));
  }

  union(other: IndexList): IndexList {
    const all = [...this.intervals, ...other.intervals].sort(([a], [b]) => a - b);
    const merged: [number, number][] = [];
    for (const [first, last] of all) {
      const previous = merged.at(-1);
      if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
      else merged.push([first, last]);
    }
    return new IndexList(merged);
  }

  /** How many of these are in `other`, too. */
  shared(other: IndexList): number {
    let count = 0;
    for (let [mine, theirs] = [0, 0]; mine < this.intervals.length && theirs < other.intervals.length; ) {
      const [a, b] = [this.intervals[mine]!, other.intervals[theirs]!];
      count += Math.max(0, Math.min(a[1], b[1]) - Math.max(a[0], b[0]) + 1);
      if (a[1] < b[1]) mine++;
      else theirs++;
    }
    return count;
  }

  /** The first `count` indexes below `completions` that are not in the list. */
  missing(count: number, completions: number): readonly number[] {
    const out: number[] = [];
    let next = 0;
    for (const [first, last] of [...this.intervals, [completions, completions] as Interval]) {
      for (; next < Math.min(first, completions) && out.length < count; next++) out.push(next);
      next = last + 1;
    }
    return out;
  }

  /** Two neighbours are two entries, more are a range: as upstream writes them. */
  toString(): string {
    return this.intervals.map(([first, last]) => (first === last ? first : `${first}${last === first + 1 ? ',' : '-'}${last}`)).join(',');
  }
}
