// Functions on lists and sets: isSorted, sum, min, max, indexOf, lastIndexOf; slice, flatten, sort, distinct, reverse, first, last, lists.range;
// sets.contains, sets.equivalent, sets.intersects.
import { celEquals } from '../equals.js';
import { spend } from '../meter.js';
import { int, type Register } from './library.js';

class Sets {}
class Lists {}

export const registerLists: Register = (environment, { Optional }) => {
  const optional = (list: readonly unknown[], at: number) => (list.length === 0 ? Optional.none() : Optional.of(list.at(at))) as unknown;
  environment
    .registerFunction('list<T>.slice(int, int): list<T>', slice)
    .registerFunction('list.flatten(): list<dyn>', (list: readonly unknown[]) => flatten(list, 1n))
    .registerFunction('list.flatten(int): list<dyn>', flatten)
    .registerFunction('list<T>.sort(): list<T>', (list: readonly Comparable[]) => sorted(list, list))
    .registerFunction('list<T>.distinct(): list<T>', distinct)
    .registerFunction('list<T>.reverse(): list<T>', (list: readonly unknown[]) => list.toReversed())
    .registerFunction('list<T>.first(): optional<T>', (list: readonly unknown[]) => optional(list, 0))
    .registerFunction('list<T>.last(): optional<T>', (list: readonly unknown[]) => optional(list, -1))
    .registerType('Lists', { ctor: Lists })
    .registerConstant('lists', 'Lists', new Lists())
    .registerFunction('Lists.range(int): list<int>', (_: Lists, count: bigint) => range(Number(count)))
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

function slice(list: readonly unknown[], from: bigint, to: bigint): unknown[] {
  const [start, end] = [Number(from), Number(to)];
  if (start < 0 || end < 0) throw new Error(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end) throw new Error(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  if (end > list.length) throw new Error(`cannot slice(${start}, ${end}), list is length ${list.length}`);
  return list.slice(start, end);
}

function flatten(list: readonly unknown[], depth: bigint): unknown[] {
  if (depth < 0n) throw new Error('level must be non-negative');
  return list.flatMap((item) => {
    spend(1);
    return Array.isArray(item) && depth > 0n ? flatten(item, depth - 1n) : [item];
  });
}

/** `items` in the order of their keys. */
export function sorted<T>(items: readonly T[], keys: readonly Comparable[]): T[] {
  const [first] = keys;
  if (keys.some((key) => typeof key !== typeof first)) throw new Error('list elements must have the same type');
  spend(keys.length * Math.ceil(Math.log2(keys.length + 1)));
  const places = keys.map((_, i) => i).sort((a, b) => (keys[a]! < keys[b]! ? -1 : keys[a]! > keys[b]! ? 1 : a - b));
  return places.map((i) => items[i]!);
}

function distinct(list: readonly unknown[]): unknown[] {
  const kept: unknown[] = [];
  for (const item of list) if (!kept.some((other) => celEquals(other, item))) kept.push(item);
  return kept;
}

function range(count: number): bigint[] {
  // Before they are there.
  spend(Math.max(0, count));
  return Array.from({ length: Math.max(0, count) }, (_, i) => int(i));
}

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
