// NodeResourcesFit by tables: what a pod takes of a node, what fits, and how full a node should be.
import { describe, expect, test } from 'vitest';
import type { Json } from '../../../../src/apimachinery/json.js';
import { pod } from '../../controllers/objects.js';
import { asking, having, on, scores, type Verdict, verdicts } from './lab.js';

const GPU = 'example.com/gpu';
const FPGA = 'example.com/fpga';
const HUGE = 'hugepages-2Mi';
type Amounts = { readonly [resource: string]: string };
const node = having('n1', { cpu: '4', memory: '8Gi', [GPU]: '2', [HUGE]: '4Mi' });
const container = (requests: Amounts, more: object = {}) => ({ name: 'c', resources: { requests }, ...more });
const sidecar = (requests: Amounts) => container(requests, { restartPolicy: 'Always' });
const lacking = (...resources: string[]): Verdict => ({ Unschedulable: resources.map((one) => `Insufficient ${one}`).join(', ') });
/** Not even an empty node could give it. */
const never = (...resources: string[]): Verdict => ({ UnschedulableAndUnresolvable: lacking(...resources).Unschedulable! });

describe('what fits', () => {
  test.each<[string, Amounts, Amounts[], Verdict | undefined]>([
    ['all that is left', { cpu: '1', memory: '1Gi' }, [{ cpu: '3', memory: '7Gi' }], undefined],
    ['a millicore more', { cpu: '1001m' }, [{ cpu: '3' }], lacking('cpu')],
    ['a byte more', { memory: '1073741825' }, [{ memory: '7Gi' }], lacking('memory')],
    ['two at once', { cpu: '2', memory: '8Gi' }, [{ cpu: '3', memory: '1Gi' }], lacking('cpu', 'memory')],
    ['more than the node has', { cpu: '5' }, [], never('cpu')],
    [
      'more than the node has of one, more than is left of another',
      { cpu: '5', memory: '8Gi' },
      [{ memory: '1Gi' }],
      never('cpu', 'memory'),
    ],
    ['pods that ask for nothing take nothing', { cpu: '4' }, [{}, {}], undefined],
    ['one that asks for nothing fits however full it is', {}, [{ cpu: '4' }, { cpu: '4' }], undefined],
    ['so does one that asks for 0', { cpu: '0', memory: '0' }, [{ cpu: '5' }], undefined],
    ['and one that asks for another resource', { memory: '1Gi' }, [{ cpu: '5' }], undefined],
    ['an extended resource', { [GPU]: '1' }, [{ [GPU]: '2' }], lacking(GPU)],
    ['one that the node does not have', { [FPGA]: '1' }, [], never(FPGA)],
    ['0 of one that the node does not have', { [FPGA]: '0' }, [], undefined],
    ['huge pages', { [HUGE]: '4Mi' }, [{ [HUGE]: '2Mi' }], lacking(HUGE)],
    ['huge pages of another size', { 'hugepages-1Gi': '1Gi' }, [], never('hugepages-1Gi')],
    ['storage of a node that tells of none', { 'ephemeral-storage': '1Gi' }, [], never('ephemeral-storage')],
  ])('%s', (_, wanted, there, expected) => {
    const pods = there.map((requests, i) => on('n1', `x${i}`, asking(requests)));
    expect(verdicts('NodeResourcesFit', pod('p', { spec: asking(wanted) }), [node], { pods })['n1']).toEqual(expected);
  });

  test.each<[string, string, number, Amounts, Verdict | undefined]>([
    ['one more pod', '2', 1, {}, undefined],
    ['no place for one more, whatever it asks for', '2', 2, {}, { Unschedulable: 'Too many pods' }],
    ['nor is there room for it', '2', 2, { cpu: '4' }, { Unschedulable: 'Too many pods, Insufficient cpu' }],
    ['nor could there be', '2', 2, { cpu: '5' }, { UnschedulableAndUnresolvable: 'Too many pods, Insufficient cpu' }],
  ])('places: %s', (_, places, count, wanted, expected) => {
    const small = having('n1', { cpu: '4', pods: places });
    const pods = Array.from({ length: count }, (_one, i) => on('n1', `x${i}`, asking({ cpu: '1' })));
    expect(verdicts('NodeResourcesFit', pod('p', { spec: asking(wanted) }), [small], { pods })['n1']).toEqual(expected);
  });
});

describe('what a pod takes', () => {
  // Of a node with 4 CPUs: the least that is asked for besides and does not fit any more.
  test.each<[string, object, string]>([
    ['the sum of its containers', { containers: [container({ cpu: '1' }), container({ cpu: '2' })] }, '1001m'],
    [
      'the largest of its init containers, if that is more',
      { containers: [container({ cpu: '1' })], initContainers: [container({ cpu: '3' }), container({ cpu: '2' })] },
      '1001m',
    ],
    ['nothing more for one that is less', { containers: [container({ cpu: '3' })], initContainers: [container({ cpu: '2' })] }, '1001m'],
    ['a sidecar besides', { containers: [container({ cpu: '1' })], initContainers: [sidecar({ cpu: '2' })] }, '1001m'],
    [
      'an init container beside the sidecars before it',
      { containers: [container({ cpu: '500m' })], initContainers: [sidecar({ cpu: '1' }), container({ cpu: '2' })] },
      '1001m',
    ],
    [
      'not beside those behind it',
      { containers: [container({ cpu: '500m' })], initContainers: [container({ cpu: '2' }), sidecar({ cpu: '1' })] },
      '2001m',
    ],
    ['its overhead', { containers: [container({ cpu: '1' })], overhead: { cpu: '250m' } }, '2751m'],
    [
      'what it asks for as a whole',
      { containers: [container({ cpu: '1' }), container({ cpu: '1' })], resources: { requests: { cpu: '3' } } },
      '1001m',
    ],
    ['its overhead besides', { containers: [container({})], resources: { requests: { cpu: '3' } }, overhead: { cpu: '250m' } }, '751m'],
    [
      'of other resources what its containers do',
      { containers: [container({ cpu: '1' })], resources: { requests: { memory: '1Gi' } } },
      '3001m',
    ],
  ])('%s', (_, spec, tooMuch) => {
    const pods = [on('n1', 'x', spec)];
    const told = (cpu: string) => verdicts('NodeResourcesFit', pod('p', { spec: asking({ cpu }) }), [node], { pods })['n1'];
    expect([told(`${Number.parseInt(tooMuch, 10) - 1}m`), told(tooMuch)]).toEqual([undefined, lacking('cpu')]);
    // One that comes takes as much as one that is there.
    const other = [on('n1', 'y', asking({ cpu: tooMuch }))];
    expect(verdicts('NodeResourcesFit', pod('p', { spec }), [node], { pods: other })['n1']).toEqual(lacking('cpu'));
  });

  const had = (requests: Amounts, allocated: Amounts) => ({
    containerStatuses: [{ name: 'c', allocatedResources: allocated, resources: { requests } }],
  });
  const pending = (reason: string) => ({ conditions: [{ type: 'PodResizePending', status: 'True', reason }] });
  test.each<[string, Amounts, object, string]>([
    ['what it asks for, once it was given that', { cpu: '2' }, had({ cpu: '2' }, { cpu: '2' }), '2001m'],
    ['more, as soon as it asks for it', { cpu: '3' }, had({ cpu: '1' }, { cpu: '1' }), '1001m'],
    ['and while that has to wait', { cpu: '3' }, { ...had({ cpu: '1' }, { cpu: '1' }), ...pending('Deferred') }, '1001m'],
    ['but not where it can never get that', { cpu: '3' }, { ...had({ cpu: '1' }, { cpu: '1' }), ...pending('Infeasible') }, '3001m'],
    ['what it has, until it has given it back', { cpu: '1' }, had({ cpu: '3' }, { cpu: '1' }), '1001m'],
    ['what it was given, until it has it', { cpu: '1' }, had({ cpu: '1' }, { cpu: '3' }), '1001m'],
    ['a resource that it does not ask for any more', {}, had({ cpu: '3' }, {}), '1001m'],
  ])('while it is resized: %s', (_, requests, status, tooMuch) => {
    const pods = [pod('x', { spec: { nodeName: 'n1', containers: [container(requests)] }, status })];
    const told = (cpu: string) => verdicts('NodeResourcesFit', pod('p', { spec: asking({ cpu }) }), [node], { pods })['n1'];
    expect([told(`${Number.parseInt(tooMuch, 10) - 1}m`), told(tooMuch)]).toEqual([undefined, lacking('cpu')]);
  });
});

describe('what the configuration ignores', () => {
  const what = pod('p', { spec: asking({ [FPGA]: '1', 'other.org/x': '1' }) });
  test.each<[string, Json, Verdict | undefined]>([
    ['nothing', {}, never(FPGA, 'other.org/x')],
    ['a resource', { ignoredResources: [FPGA] }, never('other.org/x')],
    ['a group of them', { ignoredResourceGroups: ['example.com'] }, never('other.org/x')],
    ['both', { ignoredResources: ['other.org/x'], ignoredResourceGroups: ['example.com'] }, undefined],
  ])('%s', (_, args, expected) => {
    expect(verdicts('NodeResourcesFit', what, [node], { args })['n1']).toEqual(expected);
  });

  test('never what is not extended', () => {
    const args = { ignoredResources: ['cpu'] };
    expect(verdicts('NodeResourcesFit', pod('p', { spec: asking({ cpu: '5' }) }), [node], { args })['n1']).toEqual(never('cpu'));
  });
});

describe('scores', () => {
  const nodes = [having('n1', { cpu: '10', memory: '10Gi', [GPU]: '4', [HUGE]: '4Mi' }), having('n2', { cpu: '10', memory: '10Gi' })];
  const by = (type: string, resources?: object[], shape?: [number, number][]) =>
    ({
      scoringStrategy: {
        type,
        ...(resources && { resources }),
        ...(shape && { requestedToCapacityRatio: { shape: shape.map(([utilization, score]) => ({ utilization, score })) } }),
      },
    }) as unknown as Json;
  const weights = (cpu: number, memory: number) => [
    { name: 'cpu', weight: cpu },
    { name: 'memory', weight: memory },
  ];
  const there = { cpu: '4', memory: '6Gi' };
  const wanted = { cpu: '1', memory: '2Gi' };
  test.each<[string, Json, Amounts, Amounts, readonly number[]]>([
    ['by default what is left free: (50 + 20) / 2, (90 + 80) / 2', {}, there, wanted, [35, 85]],
    ['LeastAllocated', by('LeastAllocated'), there, wanted, [35, 85]],
    ['cpu weighs three times: (150 + 20) / 4, (270 + 80) / 4', by('LeastAllocated', weights(3, 1)), there, wanted, [42, 87]],
    ['MostAllocated: (50 + 80) / 2, (10 + 20) / 2', by('MostAllocated'), there, wanted, [65, 15]],
    [
      'a node that is over-full has nothing free, or is just full',
      by('LeastAllocated', weights(1, 1)),
      { cpu: '12', memory: '6Gi' },
      wanted,
      [10, 85],
    ],
    ['and counts as full', by('MostAllocated', weights(1, 1)), { cpu: '12', memory: '6Gi' }, wanted, [90, 15]],
    ['one that asks for nothing counts as 100m and 200Mi: (59 + 38) / 2, (99 + 98) / 2', {}, there, {}, [48, 98]],
    ['so does one that is there', {}, {}, { cpu: '1', memory: '1Gi' }, [88, 90]],
    ['0 that is said is 0', {}, there, { cpu: '0', memory: '0' }, [50, 100]],
    [
      'a resource that it does not ask for does not count',
      by('LeastAllocated', [...weights(1, 1), { name: GPU, weight: 50 }]),
      there,
      wanted,
      [35, 85],
    ],
    ['nor do huge pages', by('LeastAllocated', [...weights(1, 1), { name: HUGE, weight: 50 }]), there, wanted, [35, 85]],
    [
      'one that the node does not have does not count there: (75 * 2 + 60) / 3, 100',
      by('LeastAllocated', [
        { name: GPU, weight: 2 },
        { name: 'cpu', weight: 1 },
      ]),
      there,
      { [GPU]: '1', cpu: '0' },
      [70, 100],
    ],
    [
      'by a shape, straight between its points: 50 % and 10 %',
      by(
        'RequestedToCapacityRatio',
        [{ name: 'cpu', weight: 1 }],
        [
          [0, 0],
          [100, 10],
        ],
      ),
      { cpu: '4' },
      { cpu: '1' },
      [50, 10],
    ],
    [
      'level before the first and behind the last: 50 % and 10 %',
      by(
        'RequestedToCapacityRatio',
        [{ name: 'cpu', weight: 1 }],
        [
          [20, 3],
          [40, 7],
        ],
      ),
      { cpu: '4' },
      { cpu: '1' },
      [70, 30],
    ],
    [
      'a top between',
      by(
        'RequestedToCapacityRatio',
        [{ name: 'cpu', weight: 1 }],
        [
          [0, 0],
          [50, 10],
          [100, 0],
        ],
      ),
      { cpu: '7' },
      { cpu: '1' },
      [40, 20],
    ],
    [
      'what scores nothing does not count at all: 80, and (10 + 20) / 2',
      by('RequestedToCapacityRatio', weights(1, 1), [
        [0, 0],
        [50, 5],
        [60, 0],
        [80, 8],
        [100, 10],
      ]),
      { cpu: '5', memory: '6Gi' },
      wanted,
      [80, 15],
    ],
    [
      'over-full is full',
      by(
        'RequestedToCapacityRatio',
        [{ name: 'cpu', weight: 1 }],
        [
          [0, 0],
          [100, 10],
        ],
      ),
      { cpu: '12' },
      { cpu: '1' },
      [100, 10],
    ],
  ])('%s', (_, args, there, wanted, expected) => {
    const pods = [on('n1', 'x', asking(there))];
    expect(scores('NodeResourcesFit', pod('p', { spec: asking(wanted) }), nodes, { pods, args })).toEqual(expected);
  });

  test('containers that ask for nothing count as small ones, each by itself: 20 of 200Mi, and 1', () => {
    const idle = (count: number) => ({ containers: Array.from({ length: count }, (_, i) => ({ name: `c${i}` })) });
    const pods = [on('n1', 'x', idle(20)), on('n2', 'y', idle(1))];
    // (80 + 60) / 2, (99 + 98) / 2.
    expect(scores('NodeResourcesFit', pod('p', { spec: asking({ cpu: '0', memory: '0' }) }), nodes, { pods })).toEqual([70, 98]);
  });
});
