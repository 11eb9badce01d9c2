// Functions on lists and sets: isSorted, sum, min, max, indexOf, lastIndexOf; sets.contains, sets.equivalent, sets.intersects.
import { celEquals } from '../equals.js';
import { spend } from '../meter.js';
import { int, type Register } from './library.js';

class Sets {}

export const registerLists: Register = (environment) => {
  environment
    .registerFunction('list.isSorted(): bool', (list: readonly Comparable[]) => {
      spend(list.length);
      return list.every((item, i) => i === 0 || list[i - 1]! <= item);
    })
    .registerFunction('list.sum(): dyn', (list: readonly never[]) => {
      spend(list.length);
      return list.slice(1).reduce((sum, item) => add(sum, item), list[0] ?? (0n as never));
    })
    .registerFunction('list.min(): dyn', (list: readonly Comparable[]) => extreme('min', list, (a, b) => a < b))
    .registerFunction('list.max(): dyn', (list: readonly Comparable[]) => extreme('max', list, (a, b) => a > b))
    .registerFunction('list.indexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
      int(list.findIndex((each) => celEquals(each, item))),
    )
    .registerFunction('list.lastIndexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
      int(list.findLastIndex((each) => celEquals(each, item))),
    )
    .registerType('Sets', { ctor: Sets })
    .registerConstant('sets', 'Sets', new Sets())
    .registerFunction('Sets.contains(list, list): bool', (_: Sets, a: readonly unknown[], b: readonly unknown[]) => contains(a, b))
    .registerFunction(
      'Sets.equivalent(list, list): bool',
      (_: Sets, a: readonly unknown[], b: readonly unknown[]) => contains(a, b) && contains(b, a),
    )
    .registerFunction('Sets.intersects(list, list): bool', (_: Sets, a: readonly unknown[], b: readonly unknown[]) =>
      a.some((item) => b.some((other) => celEquals(item, other))),
    );
};

type Comparable = bigint | number | string;

/** Numbers are added, and durations, which know how. */
function add(a: unknown, b: unknown): never {
  if (typeof a === 'object' && a !== null && 'addDuration' in a) return (a as { addDuration(b: unknown): never }).addDuration(b);
  return ((a as number) + (b as number)) as never;
}

function extreme(name: string, list: readonly Comparable[], better: (a: Comparable, b: Comparable) => boolean): Comparable {
  spend(list.length);
  if (list.length === 0) throw new Error(`${name} called on empty list`);
  return list.reduce((best, item) => (better(item, best) ? item : best));
}

const contains = (list: readonly unknown[], wanted: readonly unknown[]) =>
  wanted.every((item) => list.some((other) => celEquals(other, item)));
