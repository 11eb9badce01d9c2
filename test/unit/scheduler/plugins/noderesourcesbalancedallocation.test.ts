// NodeResourcesBalancedAllocation by a table: the more alike the shares of a node's resources, the better.
import { expect, test } from 'vitest';
import type { Json } from '../../../../src/apimachinery/json.js';
import { pod } from '../../controllers/objects.js';
import { asking, having, on, scores } from './lab.js';

const GPU = 'example.com/gpu';
type Amounts = { readonly [resource: string]: string };
const nodes = [
  having('n1', { cpu: '10', memory: '10Gi', [GPU]: '10', 'hugepages-2Mi': '4Mi' }),
  having('n2', { cpu: '10', memory: '10Gi' }),
];
const of = (...names: string[]) => ({ resources: names.map((name) => ({ name, weight: 1 })) }) as unknown as Json;
const one = { cpu: '1', memory: '1Gi' };

// 100 less the standard deviation of the shares in per cent; of two that is half of what lies between them.
test.each<[string, Json, Amounts, Amounts, readonly number[] | undefined]>([
  ['60 and 20 %; 10 and 10 %', {}, { cpu: '5', memory: '1Gi' }, one, [80, 100]],
  ['it may make good what others left: 50 and 50 %; 40 and 0 %', {}, { cpu: '1', memory: '5Gi' }, { cpu: '4' }, [100, 80]],
  ['more than all is all: 100 and 70 %; 20 and 10 %', {}, { cpu: '9', memory: '6Gi' }, { cpu: '2', memory: '1Gi' }, [85, 95]],
  ['what is asked for counts, no stand-ins', {}, {}, one, [100, 100]],
  ['a pod that asks for nothing is not its business', {}, { cpu: '5' }, {}, undefined],
  ['nor is one that asks for other things', {}, { cpu: '5' }, { [GPU]: '1' }, undefined],
  [
    '30, 50 and 80 %; where the node has but two, 30 and 50 %',
    of('cpu', 'memory', GPU),
    { [GPU]: '7' },
    { cpu: '3', memory: '5Gi', [GPU]: '1' },
    [79, 90],
  ],
  ['one alone is in balance', of('cpu'), { cpu: '5' }, one, [100, 100]],
  [
    'an extended one that it does not ask for is left out: 60 and 20 %',
    of('cpu', 'memory', GPU),
    { cpu: '5', memory: '1Gi', [GPU]: '9' },
    one,
    [80, 100],
  ],
  ['so are huge pages', of('cpu', 'memory', 'hugepages-2Mi'), { cpu: '5', memory: '1Gi' }, one, [80, 100]],
])('%s', (_, args, there, wanted, expected) => {
  const pods = [on('n1', 'x', asking(there))];
  expect(scores('NodeResourcesBalancedAllocation', pod('p', { spec: asking(wanted) }), nodes, { pods, args })).toEqual(expected);
});
