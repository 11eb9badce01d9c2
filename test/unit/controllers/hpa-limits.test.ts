// How far an autoscaler goes at a time: by default, by policies, and held back by what it wanted a while ago.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bounds, forget, type History, limitReplicas, NO_HISTORY } from '../../../src/controllers/hpa-limits.js';
import type { HPAScalingRules } from '../../../src/kinds/types/autoscaling_v2.js';
import { NOW } from './objects.js';

const spec = (more: Partial<Bounds> = {}): Bounds => ({
  downscaleStabilization_ms: 300_000,
  minReplicas: 1,
  maxReplicas: 100,
  ...more,
});
const ago = (seconds: number, replicas: number) => ({ at_ms: NOW - seconds * 1000, replicas });
const past = (more: Partial<History>): History => ({ ...NO_HISTORY, ...more });
const limit = (of: Bounds, current: number, desired: number, history: History = NO_HISTORY) => {
  const { replicas, able, limited } = limitReplicas(of, history, current, desired, NOW);
  return [replicas, able.reason, limited.reason];
};

describe('without behavior', () => {
  test.each([
    [10, 12, 12, 'ReadyForNewScale', 'DesiredWithinRange'],
    [10, 30, 20, 'ReadyForNewScale', 'ScaleUpLimit'],
    [1, 30, 4, 'ReadyForNewScale', 'ScaleUpLimit'],
    [60, 130, 100, 'ReadyForNewScale', 'TooManyReplicas'],
    [10, 0, 1, 'ReadyForNewScale', 'TooFewReplicas'],
  ])('%d to %d: %d', (current, desired, ...expected) => {
    expect(limit(spec(), current, desired)).toEqual(expected);
  });

  test('the highest of five minutes holds it up', () => {
    expect(limit(spec(), 10, 2, past({ recommendations: [ago(299, 8)] }))).toEqual([8, 'ScaleDownStabilized', 'DesiredWithinRange']);
    expect(limit(spec(), 10, 2, past({ recommendations: [ago(301, 8)] }))).toEqual([2, 'ReadyForNewScale', 'DesiredWithinRange']);
  });
});

describe('with behavior', () => {
  const up = (scaleUp: HPAScalingRules) => spec({ behavior: { scaleUp, scaleDown: { policies: [] } } });
  const down = (scaleDown: HPAScalingRules) => spec({ behavior: { scaleUp: { policies: [] }, scaleDown } });
  const pods = { type: 'Pods', value: 4, periodSeconds: 60 };
  const percent = { type: 'Percent', value: 50, periodSeconds: 60 };

  test.each([
    ['the larger of its policies', up({ selectPolicy: 'Max', policies: [pods, percent] }), 10, 50, 15, 'ScaleUpLimit'],
    ['the smaller of its policies', up({ selectPolicy: 'Min', policies: [pods, percent] }), 10, 50, 14, 'ScaleUpLimit'],
    ['none', up({ selectPolicy: 'Disabled', policies: [pods] }), 10, 50, 10, 'ScaleUpLimit'],
    ['a fraction of a pod is one', up({ policies: [{ ...percent, value: 10 }] }), 1, 9, 2, 'ScaleUpLimit'],
    [
      'down by the most',
      down({ selectPolicy: 'Max', policies: [pods, percent], stabilizationWindowSeconds: 0 }),
      10,
      1,
      5,
      'ScaleDownLimit',
    ],
    [
      'down by the least',
      down({ selectPolicy: 'Min', policies: [pods, percent], stabilizationWindowSeconds: 0 }),
      10,
      1,
      6,
      'ScaleDownLimit',
    ],
    ['down not at all', down({ selectPolicy: 'Disabled', policies: [pods] }), 10, 1, 10, 'ScaleDownLimit'],
  ] as const)('%s', (_, of, current, desired, replicas, reason) => {
    expect(limit(of, current, desired)).toEqual([replicas, 'ReadyForNewScale', reason]);
  });

  test('what was changed within the period counts', () => {
    const history = past({ added: [ago(30, 3), ago(70, 20)] });
    expect(limit(up({ policies: [pods] }), 13, 50, history)[0]).toBe(14);
    expect(limit(up({ policies: [pods] }), 20, 50, past({ added: [ago(30, 10)] }))[0]).toBe(20);
    const removed = past({ removed: [ago(10, 3)] });
    expect(limit(down({ policies: [pods], stabilizationWindowSeconds: 0 }), 7, 1, removed)[0]).toBe(6);
  });

  test('windows hold it back in either direction', () => {
    const recommendations = [ago(50, 12), ago(20, 30)];
    expect(limit(up({ policies: [pods], stabilizationWindowSeconds: 60 }), 10, 40, past({ recommendations }))).toEqual([
      12,
      'ScaleUpStabilized',
      'DesiredWithinRange',
    ]);
    expect(limit(down({ policies: [percent], stabilizationWindowSeconds: 30 }), 40, 10, past({ recommendations }))).toEqual([
      30,
      'ScaleDownStabilized',
      'DesiredWithinRange',
    ]);
  });
});

test('never past its bounds, never against the direction, whatever there was', () => {
  const changes = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 100 })).map(([s, n]) => ago(s, n)));
  const policy = fc.record({
    type: fc.constantFrom('Pods', 'Percent'),
    value: fc.integer({ min: 1, max: 200 }),
    periodSeconds: fc.integer({ min: 1, max: 1800 }),
  });
  const rules = fc.record({
    selectPolicy: fc.constantFrom('Min', 'Max', 'Disabled'),
    policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
    stabilizationWindowSeconds: fc.integer({ min: 0, max: 3600 }),
  });
  const behaviors = fc.option(fc.record({ scaleUp: rules, scaleDown: rules }), { nil: undefined });
  const counts = fc.integer({ min: 1, max: 100 });
  fc.assert(
    fc.property(
      behaviors,
      changes,
      changes,
      changes,
      counts,
      fc.nat(200),
      (behavior, recommendations, added, removed, current, desired) => {
        const of = spec(behavior ? { behavior } : {});
        const history = { recommendations, added, removed };
        const { replicas } = limitReplicas(of, history, current, desired, NOW);
        expect(replicas).toBeGreaterThanOrEqual(1);
        expect(replicas).toBeLessThanOrEqual(100);
        const wanted = [desired, ...recommendations.map((each) => each.replicas)];
        if (wanted.every((each) => each >= current)) expect(replicas).toBeGreaterThanOrEqual(current);
        if (wanted.every((each) => each <= current)) expect(replicas).toBeLessThanOrEqual(current);
        // What is forgotten made no difference.
        expect(limitReplicas(of, forget(of, history, NOW), current, desired, NOW).replicas).toBe(replicas);
      },
    ),
  );
});
