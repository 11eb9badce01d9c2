// NodeResourcesFit and NodeResourcesBalancedAllocation: what fits, and how full a node should be.
import { describe, expect, test } from 'vitest';
import { pod } from '../../controllers/objects.js';
import { asking, having, on, refusals, scores } from './lab.js';

const GPU = 'example.com/gpu';
const node = having('n1', { cpu: '4', memory: '8Gi', [GPU]: '2' });

describe('NodeResourcesFit filters', () => {
  test.each<[string, { [resource: string]: string }, object[], string | undefined]>([
    ['all that is left', { cpu: '1' }, [asking({ cpu: '3' })], undefined],
    ['a millicore more', { cpu: '1001m' }, [asking({ cpu: '3' })], 'Insufficient cpu'],
    ['two at once', { cpu: '2', memory: '8Gi' }, [asking({ cpu: '3', memory: '1Gi' })], 'Insufficient cpu, Insufficient memory'],
    ['an extended resource', { [GPU]: '1' }, [asking({ [GPU]: '2' })], `Insufficient ${GPU}`],
    ['one that the node does not have', { 'example.com/fpga': '1' }, [], 'Insufficient example.com/fpga'],
    ['nothing, however full it is', { cpu: '0' }, [asking({ cpu: '4' })], undefined],
  ])('%s', (_, wanted, there, why) => {
    const pods = there.map((spec, i) => on('n1', `x${i}`, spec));
    expect(refusals('NodeResourcesFit', pod('p', { spec: asking(wanted) }), [node], { pods })['n1']).toBe(why);
  });

  test('resources and groups of them that the configuration ignores', () => {
    const what = pod('p', { spec: asking({ 'example.com/fpga': '1', 'other.org/x': '1' }) });
    expect(refusals('NodeResourcesFit', what, [node], { args: { ignoredResources: ['example.com/fpga'] } })).toEqual({
      n1: 'Insufficient other.org/x',
    });
    expect(refusals('NodeResourcesFit', what, [node], { args: { ignoredResourceGroups: ['example.com', 'other.org'] } })).toEqual({});
  });
});

describe('NodeResourcesFit scores', () => {
  const nodes = [having('n1', { cpu: '10', memory: '10Gi' }), having('n2', { cpu: '10', memory: '10Gi' })];
  const pods = [on('n1', 'x', asking({ cpu: '4', memory: '4Gi' }))];
  const what = pod('p', { spec: asking({ cpu: '1', memory: '1Gi' }) });
  const by = (scoringStrategy: object) => scores('NodeResourcesFit', what, nodes, { pods, args: { scoringStrategy } as never });

  test('what would be left free, or what would be taken', () => {
    expect(by({ type: 'LeastAllocated' })).toEqual([50, 90]);
    expect(by({ type: 'MostAllocated' })).toEqual([50, 10]);
  });

  test('by a shape, straight between its points', () => {
    const shape = [
      { utilization: 0, score: 0 },
      { utilization: 50, score: 10 },
      { utilization: 100, score: 0 },
    ];
    expect(by({ type: 'RequestedToCapacityRatio', requestedToCapacityRatio: { shape } })).toEqual([100, 20]);
  });

  test('the weight of a resource counts, and one that the pod does not ask for does not', () => {
    const heavy = on('n1', 'y', asking({ cpu: '9' }));
    const args = {
      scoringStrategy: {
        resources: [
          { name: 'cpu', weight: 3 },
          { name: 'memory', weight: 1 },
          { name: GPU, weight: 9 },
        ],
      },
    };
    // Of cpu nothing is left, of memory (a stand-in of 200 MiB and the 1 GiB) 88 %: (0 * 3 + 88) / 4.
    expect(scores('NodeResourcesFit', what, nodes, { pods: [heavy], args })?.[0]).toBe(22);
  });

  test('containers that ask for nothing count as small ones, each by itself', () => {
    const idle = (count: number) => ({ containers: Array.from({ length: count }, (_, i) => ({ name: `c${i}` })) });
    const [one, three] = scores('NodeResourcesFit', what, nodes, { pods: [on('n1', 'x', idle(1)), on('n2', 'y', idle(20))] })!;
    expect(one).toBeGreaterThan(three!);
  });
});

test('NodeResourcesBalancedAllocation: the more alike the shares, the better; a pod that asks for nothing is not its business', () => {
  const nodes = [having('n1', { cpu: '10', memory: '10Gi' }), having('n2', { cpu: '10', memory: '10Gi' })];
  const pods = [on('n1', 'x', asking({ cpu: '5', memory: '1Gi' }))];
  const what = pod('p', { spec: asking({ cpu: '1', memory: '1Gi' }) });
  expect(scores('NodeResourcesBalancedAllocation', what, nodes, { pods })).toEqual([80, 100]);
  expect(scores('NodeResourcesBalancedAllocation', pod('p'), nodes, { pods })).toBeUndefined();
});
