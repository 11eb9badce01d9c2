// Preemption: which pods have to go on a node, and which node is taken.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import type { PodDisruptionBudget } from '../../../src/kinds/types/policy_v1.js';
import type { Candidate, Refusal } from '../../../src/scheduler/define.js';
import { Budgets } from '../../../src/scheduler/plugins/preemption-budgets.js';
import { pickOneNode } from '../../../src/scheduler/plugins/preemption-pick.js';
import { byImportance, type DryRun, priorityOf, selectVictims } from '../../../src/scheduler/plugins/preemption-victims.js';
import { at, pod } from '../controllers/objects.js';

interface Sized {
  readonly priority: number;
  readonly size: number;
  /** Seconds. */
  readonly started?: number;
  readonly app?: string;
}

const sizes = new WeakMap<Pod, number>();

function sized(name: string, { priority, size, started = 0, app = name }: Sized): Pod {
  const made = pod(name, { metadata: { labels: { app } }, spec: { nodeName: 'n1', priority }, status: { startTime: at(started) } });
  sizes.set(made, size);
  return made;
}

const TOO_SMALL: Refusal = { reasons: ['too small'] };

/** A node of that size, on which nothing but size counts. */
class Room implements DryRun {
  constructor(
    private readonly free: number,
    private readonly wanted: number,
  ) {}
  without = (one: Pod) => new Room(this.free + sizes.get(one)!, this.wanted);
  with = (one: Pod) => new Room(this.free - sizes.get(one)!, this.wanted);
  refusal = () => (this.free >= this.wanted ? undefined : TOO_SMALL);
}

function victimsOf(preemptor: Sized, others: readonly Pod[], capacity: number, budgets: readonly PodDisruptionBudget[] = []) {
  const used = others.reduce((sum, other) => sum + sizes.get(other)!, 0);
  return selectVictims(sized('preemptor', preemptor), others, new Budgets(budgets), new Room(capacity - used, preemptor.size));
}

function budget(app: string, disruptionsAllowed: number, disruptedPods: readonly string[] = []): PodDisruptionBudget {
  return {
    metadata: { name: app, namespace: 'default' },
    spec: { selector: { matchLabels: { app } } },
    status: { disruptionsAllowed, disruptedPods: Object.fromEntries(disruptedPods.map((name) => [name, at(0)])) },
  } as unknown as PodDisruptionBudget;
}

describe('victims on a node', () => {
  const [low, older, mid, high] = [
    sized('low', { priority: 0, size: 2, started: 9 }),
    sized('older', { priority: 0, size: 2, started: 1 }),
    sized('mid', { priority: 5, size: 3 }),
    sized('high', { priority: 10, size: 3 }),
  ];
  const names = (victims: ReturnType<typeof victimsOf>) =>
    victims && 'pods' in victims ? victims.pods.map(({ metadata }) => metadata.name) : victims;

  test.each<[string, Sized, readonly Pod[], number, readonly string[] | Refusal | undefined]>([
    ['nothing of less priority', { priority: 5, size: 1 }, [mid, high], 6, undefined],
    ['not even without all that might go', { priority: 7, size: 9 }, [low, high], 10, TOO_SMALL],
    ['only as many as will do', { priority: 7, size: 2 }, [low, older, mid], 7, ['low']],
    ['of equals the one that began last', { priority: 7, size: 2 }, [older, low], 4, ['low']],
    ['the more important stay where a lesser one is enough', { priority: 20, size: 2 }, [high, mid, low], 8, ['low']],
    ['a more important one where no lesser one is enough', { priority: 20, size: 3 }, [high, mid, low], 8, ['mid']],
    ['several, the most important first', { priority: 20, size: 5 }, [low, mid, high], 8, ['mid', 'low']],
  ])('%s', (_, preemptor, others, capacity, expected) => {
    expect(names(victimsOf(preemptor, others, capacity))).toEqual(expected);
  });

  test('those whose budget has nothing left stay, even where others are more important', () => {
    const victims = victimsOf({ priority: 20, size: 3 }, [high, sized('mid', { priority: 5, size: 3, app: 'guarded' })], 6, [
      budget('guarded', 0),
    ]);
    expect(victims).toMatchObject({ pods: [high], violations: 0 });
  });

  test('where one of them has to go all the same, it is counted', () => {
    const victims = victimsOf({ priority: 20, size: 6 }, [high, mid], 6, [budget('mid', 0)]);
    expect(victims).toMatchObject({ pods: [high, mid], violations: 1 });
  });

  test('a budget is used up by the most important, and not by what it has let go already', () => {
    const guarded = [1, 2, 3].map((n) => sized(`g${n}`, { priority: n, size: 1, app: 'g' })).sort(byImportance);
    const split = (budgets: readonly PodDisruptionBudget[]) => new Budgets(budgets).split(guarded).violating.map(priorityOf);
    expect(split([budget('g', 1)])).toEqual([2, 1]);
    expect(split([budget('g', 1, ['g3'])])).toEqual([1]);
    expect(split([budget('other', 0)])).toEqual([]);
  });

  const others = fc.array(
    fc.record({ priority: fc.integer({ min: -3, max: 3 }), size: fc.integer({ min: 1, max: 4 }), started: fc.nat(3) }),
    {
      maxLength: 8,
    },
  );
  test('are all of less priority, make enough room, and none of them could stay', () => {
    fc.assert(
      fc.property(others, fc.integer({ min: -3, max: 3 }), fc.integer({ min: 1, max: 10 }), fc.nat(4), (given, priority, size, spare) => {
        const all = given.map((one, i) => sized(`p${i}`, one));
        const used = given.reduce((sum, one) => sum + one.size, 0);
        if (spare >= size) return;
        const victims = victimsOf({ priority, size }, all, used + spare);
        const lower = given.filter((one) => one.priority < priority).reduce((sum, one) => sum + one.size, 0);
        if (!victims || 'reasons' in victims) {
          expect(lower + spare < size || lower === 0).toBe(true);
          return;
        }
        const freed = victims.pods.reduce((sum, one) => sum + sizes.get(one)!, 0);
        expect(victims.pods.every((one) => priorityOf(one) < priority)).toBe(true);
        expect(freed + spare).toBeGreaterThanOrEqual(size);
        for (const one of victims.pods) expect(freed - sizes.get(one)! + spare).toBeLessThan(size);
      }),
    );
  });
});

describe('the node that is taken', () => {
  const candidate = (node: string, pods: readonly Sized[], violations = 0): Candidate => ({
    node,
    victims: { pods: pods.map((one, i) => sized(`${node}-${i}`, one)).sort(byImportance), violations },
  });
  const of = (priority: number, started = 0): Sized => ({ priority, size: 1, started });

  test.each<[string, readonly Candidate[], string, string]>([
    ['the only one', [candidate('a', [of(9)])], 'a', 'the only one'],
    ['fewest violated budgets', [candidate('a', [of(0)], 1), candidate('b', [of(9), of(9)])], 'b', 'fewest violated disruption budgets'],
    [
      'lowest highest priority',
      [candidate('a', [of(5)]), candidate('b', [of(3), of(3), of(3)])],
      'b',
      'lowest priority of the most important victim',
    ],
    ['smallest sum', [candidate('a', [of(5), of(4)]), candidate('b', [of(5), of(1)])], 'b', 'smallest sum of the priorities'],
    [
      'negative priorities: more victims are not less harm',
      [candidate('a', [of(-1), of(-5), of(-5)]), candidate('b', [of(-1)])],
      'b',
      'smallest sum of the priorities',
    ],
    [
      'the latest start of the most important ones, of which the one that runs the longest counts',
      [candidate('a', [of(5, 10), of(0, 99)]), candidate('b', [of(5, 20), of(0, 1)]), candidate('c', [of(5, 15), of(0, 2)])],
      'b',
      'most important victims that run the shortest',
    ],
    ['all alike', [candidate('a', [of(5)]), candidate('b', [of(5)])], 'a', 'the first of those that are alike in all'],
  ])('%s', (_, candidates, node, by) => {
    const picked = pickOneNode(candidates);
    expect([picked.candidate.node, picked.by]).toEqual([node, by]);
  });
});
