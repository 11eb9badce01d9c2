// How many replicas a metric asks for: pods that start, show nothing or are on their way out never make it worse.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { proposedReplicas, type Question, type Sample } from '../../../src/controllers/hpa-replicas.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { at, NOW, pod, readyPod } from './objects.js';

const TARGET = 500;
const ready = (name: string) => readyPod(name, { status: { startTime: at(-3600) } }, -3600);
const sample = (value: number): Sample => ({ value, at_ms: NOW, window_ms: 15_000 });
const average = (values: ReadonlyMap<string, number>) => [...values.values()].reduce((sum, value) => sum + value, 0) / values.size;

function ask(pods: readonly Pod[], use: { readonly [pod: string]: number }, more: Partial<Question> = {}): number {
  const samples = new Map(Object.entries(use).map(([name, value]) => [name, sample(value)]));
  const base = {
    resource: 'cpu',
    current: pods.length,
    tolerance: { up: 0.1, down: 0.1 },
    starting: DEFAULT_OPTIONS,
    inFull: () => TARGET,
  };
  return proposedReplicas({ pods, samples, ratioOf: (values) => average(values) / TARGET, ...base, ...more }, NOW);
}

const three = ['a', 'b', 'c'].map(ready);

describe('of pods that are ready', () => {
  test.each([
    [{ a: 500, b: 500, c: 500 }, 3],
    [{ a: 550, b: 550, c: 550 }, 3],
    [{ a: 560, b: 560, c: 560 }, 4],
    [{ a: 1000, b: 1000, c: 1000 }, 6],
    [{ a: 100, b: 100, c: 100 }, 1],
    [{ a: 0, b: 0, c: 0 }, 0],
  ])('%j asks for %d', (use, expected) => {
    expect(ask(three, use)).toBe(expected);
  });

  test('a tolerance of its own', () => {
    expect(ask(three, { a: 510, b: 510, c: 510 }, { tolerance: { up: 0, down: 0.1 } })).toBe(4);
    expect(ask(three, { a: 460, b: 460, c: 460 }, { tolerance: { up: 0.1, down: 0.05 } })).toBe(3);
    expect(ask(three, { a: 300, b: 300, c: 300 }, { tolerance: { up: 0.1, down: 0.5 } })).toBe(3);
  });
});

describe('of other pods', () => {
  test('one that shows nothing uses nothing when more are asked for, and all when fewer are', () => {
    expect(ask(three, { a: 1000, b: 1000 })).toBe(4);
    expect(ask(three, { a: 100, b: 100 })).toBe(2);
    expect(ask(three, { a: 600, b: 600 })).toBe(3);
  });

  test('one that is pending or starts counts as using nothing when more are asked for', () => {
    const starting = readyPod('c', { status: { startTime: at(-20) } }, -5);
    expect(ask([...three.slice(0, 2), pod('c')], { a: 1000, b: 1000 })).toBe(4);
    expect(ask([...three.slice(0, 2), starting], { a: 1000, b: 1000, c: 3000 })).toBe(4);
    expect(ask([...three.slice(0, 2), starting], { a: 1000, b: 1000, c: 3000 }, { resource: 'memory' })).toBe(10);
    expect(ask([...three.slice(0, 2), starting], { a: 100, b: 100, c: 3000 })).toBe(1);
  });

  test('one that goes or has failed does not count', () => {
    const going = readyPod('c', { metadata: { deletionTimestamp: at(0) }, status: { startTime: at(-3600) } });
    const failed = pod('c', { status: { phase: 'Failed' } });
    expect(ask([...three.slice(0, 2), going], { a: 1000, b: 1000, c: 9000 })).toBe(4);
    expect(ask([...three.slice(0, 2), failed], { a: 1000, b: 1000 })).toBe(4);
  });

  test('nothing can be said where none is left', () => {
    expect(() => ask([pod('a')], {})).toThrow('did not receive metrics for targeted pods (pods might be unready)');
  });
});

test('the less is known, the less is done', () => {
  const uses = fc.array(fc.option(fc.integer({ min: 0, max: 2000 }), { nil: undefined }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(uses, (values) => {
      const known = values.filter((value) => value !== undefined);
      fc.pre(known.length > 0);
      const all = values.map((_, i) => ready(`p${i}`));
      const use = Object.fromEntries(values.flatMap((value, i) => (value === undefined ? [] : [[`p${i}`, value]])));
      const asked = ask(all, use);
      const ratio = known.reduce((sum, value) => sum + value, 0) / known.length / TARGET;
      if (ratio > 1) expect(asked).toBeGreaterThanOrEqual(all.length);
      if (ratio < 1) expect(asked).toBeLessThanOrEqual(all.length);
      expect(asked).toBeLessThanOrEqual(Math.max(all.length, Math.ceil(ratio * all.length)));
    }),
  );
});
