// NodeAffinity by tables: what a pod and the configuration require of a node, and what they prefer.
import { describe, expect, test } from 'vitest';
import type { Json } from '../../../../src/apimachinery/json.js';
import { pod } from '../../controllers/objects.js';
import { labelled, pluginOf, scores, type Verdict, verdicts } from './lab.js';

const nodes = [
  labelled('n1', { disk: 'ssd', cores: '8' }),
  labelled('n2', { disk: 'hdd', cores: '16' }),
  labelled('n3', { cores: 'many' }),
];
const MISMATCH: Verdict = { UnschedulableAndUnresolvable: "node(s) didn't match Pod's node affinity/selector" };
const NOT_ADDED: Verdict = { UnschedulableAndUnresolvable: "node(s) didn't match scheduler-enforced node affinity" };
const CONFLICT: Verdict = { UnschedulableAndUnresolvable: 'pod affinity terms conflict' };

const expression = (key: string, operator: string, ...values: string[]) => ({ key, operator, ...(values.length > 0 && { values }) });
const term = (...matchExpressions: object[]) => ({ matchExpressions });
const named = (operator: string, ...values: string[]) => ({ matchFields: [expression('metadata.name', operator, ...values)] });
const required = (...nodeSelectorTerms: object[]) => ({ requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } });
const preferred = (...weighted: [number, object][]) => ({
  preferredDuringSchedulingIgnoredDuringExecution: weighted.map(([weight, preference]) => ({ weight, preference })),
});
const wanting = (nodeAffinity: object, more: object = {}) => pod('p', { spec: { affinity: { nodeAffinity }, ...more } });
const SSD = term(expression('disk', 'In', 'ssd'));
const HDD = term(expression('disk', 'In', 'hdd'));

describe('what is required', () => {
  test.each<[string, object, string[]]>([
    ['nothing', {}, ['n1', 'n2', 'n3']],
    ['a label', { nodeSelector: { disk: 'ssd' } }, ['n1']],
    ['two labels', { nodeSelector: { disk: 'ssd', cores: '16' } }, []],
    ['In: one of the values', { affinity: { nodeAffinity: required(term(expression('disk', 'In', 'ssd', 'hdd'))) } }, ['n1', 'n2']],
    ['NotIn: another value, or none', { affinity: { nodeAffinity: required(term(expression('disk', 'NotIn', 'ssd'))) } }, ['n2', 'n3']],
    ['Exists', { affinity: { nodeAffinity: required(term(expression('disk', 'Exists'))) } }, ['n1', 'n2']],
    ['DoesNotExist', { affinity: { nodeAffinity: required(term(expression('disk', 'DoesNotExist'))) } }, ['n3']],
    ['Gt: more, and a number', { affinity: { nodeAffinity: required(term(expression('cores', 'Gt', '8'))) } }, ['n2']],
    ['Lt: less, and a number', { affinity: { nodeAffinity: required(term(expression('cores', 'Lt', '16'))) } }, ['n1']],
    ['Gt a label that is not there', { affinity: { nodeAffinity: required(term(expression('gpus', 'Gt', '0'))) } }, []],
    [
      'all expressions of a term',
      { affinity: { nodeAffinity: required(term(expression('disk', 'Exists'), expression('cores', 'Gt', '8'))) } },
      ['n2'],
    ],
    ['one of the terms', { affinity: { nodeAffinity: required(SSD, term(expression('cores', 'Gt', '8'))) } }, ['n1', 'n2']],
    ['the selector besides', { nodeSelector: { disk: 'hdd' }, affinity: { nodeAffinity: required(SSD) } }, []],
    ['a term that says nothing means nobody', { affinity: { nodeAffinity: required({}) } }, []],
    ['nor does it help another', { affinity: { nodeAffinity: required({}, SSD) } }, ['n1']],
    ['a name', { affinity: { nodeAffinity: required(named('In', 'n2')) } }, ['n2']],
    ['any but a name', { affinity: { nodeAffinity: required(named('NotIn', 'n2')) } }, ['n1', 'n3']],
    ['a name and a label', { affinity: { nodeAffinity: required({ ...named('In', 'n2'), ...SSD }) } }, []],
    ['a name or a label', { affinity: { nodeAffinity: required(named('In', 'n3'), SSD) } }, ['n1', 'n3']],
    ['preferences refuse nobody', { affinity: { nodeAffinity: preferred([1, SSD]) } }, ['n1', 'n2', 'n3']],
  ])('%s', (_, spec, fitting) => {
    const told = verdicts('NodeAffinity', pod('p', { spec }), nodes);
    const refused = ['n1', 'n2', 'n3'].filter((name) => !fitting.includes(name));
    expect(told).toEqual(Object.fromEntries(refused.map((name) => [name, MISMATCH])));
  });
});

describe('which nodes are looked at', () => {
  test.each<[string, object, object]>([
    [
      'where each term names nodes, only those',
      required(named('In', 'n1'), named('In', 'n9', 'n2')),
      { nodes: new Set(['n1', 'n9', 'n2']) },
    ],
    [
      'of a term that names them twice, those that both name',
      required({ matchFields: [expression('metadata.name', 'In', 'n1', 'n2'), expression('metadata.name', 'In', 'n2')] }),
      { nodes: new Set(['n2']) },
    ],
    ['all, where one names none', required(named('In', 'n1'), SSD), {}],
    ['all, where one only says who is not meant', required(named('NotIn', 'n1')), {}],
    ['nothing is required: none of its business', preferred([1, SSD]), { skip: true }],
  ])('%s', (_, affinity, expected) => {
    expect(pluginOf('NodeAffinity').preFilter!(wanting(affinity), {} as never)).toEqual(expected);
  });

  test('none, where names contradict each other', () => {
    const contradicting = { matchFields: [expression('metadata.name', 'In', 'n1'), expression('metadata.name', 'In', 'n2')] };
    expect(verdicts('NodeAffinity', wanting(required(contradicting)), nodes)).toEqual({ '*': CONFLICT });
  });
});

describe('scores', () => {
  // The sum of the weights that a node gets, of the most that any gets.
  test.each<[string, object, readonly number[] | undefined]>([
    ['nothing is preferred', required(SSD), undefined],
    ['one label', preferred([10, SSD]), [100, 0, 0]],
    ['weights', preferred([80, SSD], [20, HDD]), [100, 25, 0]],
    ['weights add up: 30, 20 and 0', preferred([10, SSD], [20, term(expression('disk', 'Exists'))]), [100, 66, 0]],
    ['all expressions of a preference', preferred([10, term(expression('disk', 'Exists'), expression('cores', 'Lt', '9'))]), [100, 0, 0]],
    ['a name', preferred([10, named('In', 'n3')]), [0, 0, 100]],
    ['one that says nothing', preferred([10, {}], [5, HDD]), [0, 100, 0]],
    ['one that nobody meets', preferred([10, term(expression('gpus', 'Exists'))]), [0, 0, 0]],
  ])('%s', (_, affinity, expected) => {
    expect(scores('NodeAffinity', wanting(affinity), nodes)).toEqual(expected);
  });
});

describe('what the configuration adds', () => {
  const adding = (addedAffinity: object) => ({ addedAffinity }) as unknown as Json;
  test('every pod must have it, and is told so', () => {
    const args = adding(required(SSD));
    expect(verdicts('NodeAffinity', pod('p'), nodes, { args })).toEqual({ n2: NOT_ADDED, n3: NOT_ADDED });
    expect(verdicts('NodeAffinity', wanting(required(HDD)), nodes, { args })).toEqual({ n1: MISMATCH, n2: NOT_ADDED, n3: NOT_ADDED });
  });

  test('its preferences weigh beside the pod’s own', () => {
    const args = adding(preferred([10, HDD]));
    expect(scores('NodeAffinity', pod('p'), nodes, { args })).toEqual([0, 100, 0]);
    expect(scores('NodeAffinity', wanting(preferred([5, SSD])), nodes, { args })).toEqual([50, 100, 0]);
  });
});
