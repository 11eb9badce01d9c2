// InterPodAffinity by tables: company that pods require or refuse, of both sides, and what they prefer; what is required is also compared with a plain reading elsewhere.
import { describe, expect, test } from 'vitest';
import type { Json } from '../../../../src/apimachinery/json.js';
import type { Pod } from '../../../../src/kinds/types/core_v1.js';
import { pod } from '../../controllers/objects.js';
import { HOST, labelled, on, scores, type Verdict, type Verdicts, verdicts, ZONE } from './lab.js';

const nodes = [labelled('n1', { [ZONE]: 'a' }), labelled('n2', { [ZONE]: 'a' }), labelled('n3', { [ZONE]: 'b' }), labelled('n4', {})];
const selecting = (app: string, topologyKey = HOST, more: object = {}) => ({
  topologyKey,
  labelSelector: { matchLabels: { app } },
  ...more,
});
const near = (...terms: object[]) => ({ podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } });
const apart = (...terms: object[]) => ({ podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } });
const weighted = (weight: number, podAffinityTerm: object) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm }],
});
const likes = (weight: number, term: object) => ({ podAffinity: weighted(weight, term) });
const dislikes = (weight: number, term: object) => ({ podAntiAffinity: weighted(weight, term) });
/** A pod `app: web` that is to be placed. */
const web = (affinity: object, labels: object = {}) => pod('p', { metadata: { labels: { app: 'web', ...labels } }, spec: { affinity } });
/** One that is there. */
const there = (nodeName: string, app: string, affinity: object = {}, labels: object = {}) =>
  on(nodeName, `${app}-${nodeName}`, { affinity }, { app, ...labels });
const elsewhere = (nodeName: string, namespace: string, app: string) =>
  pod(app, { metadata: { namespace, labels: { app } }, spec: { nodeName } });

const NO_COMPANY: Verdict = { UnschedulableAndUnresolvable: "node(s) didn't match pod affinity rules" };
const UNWANTED: Verdict = { Unschedulable: "node(s) didn't match pod anti-affinity rules" };
const REPELLED: Verdict = { Unschedulable: "node(s) didn't satisfy existing pods anti-affinity rules" };
const everywhere = (verdict: Verdict): Verdicts => ({ n1: verdict, n2: verdict, n3: verdict, n4: verdict });

describe('company that is required', () => {
  const gold = { topologyKey: ZONE, labelSelector: { matchLabels: { tier: 'gold' } } };
  test.each<[string, Pod, Pod[], Verdicts]>([
    ['on the same host', web(near(selecting('db'))), [there('n1', 'db')], { n2: NO_COMPANY, n3: NO_COMPANY, n4: NO_COMPANY }],
    ['in the same zone', web(near(selecting('db', ZONE))), [there('n1', 'db')], { n3: NO_COMPANY, n4: NO_COMPANY }],
    ['that is on a node outside all zones', web(near(selecting('db', ZONE))), [there('n4', 'db')], everywhere(NO_COMPANY)],
    ['that nobody is', web(near(selecting('db'))), [there('n1', 'other')], everywhere(NO_COMPANY)],
    [
      'one pod that all terms mean',
      web(near(selecting('db'), gold)),
      [there('n1', 'db', {}, { tier: 'gold' })],
      { n2: NO_COMPANY, n3: NO_COMPANY, n4: NO_COMPANY },
    ],
    [
      'two pods of which each is meant by one term',
      web(near(selecting('db'), gold)),
      [there('n1', 'db'), there('n2', 'x', {}, { tier: 'gold' })],
      everywhere(NO_COMPANY),
    ],
    ['of its own sort: the first of a group needs only the label', web(near(selecting('web', ZONE))), [], { n4: NO_COMPANY }],
    [
      'of its own sort, which is somewhere already',
      web(near(selecting('web', ZONE))),
      [there('n3', 'web')],
      { n1: NO_COMPANY, n2: NO_COMPANY, n4: NO_COMPANY },
    ],
    ['of its own sort, but in another namespace', web(near(selecting('web', ZONE, { namespaces: ['other'] }))), [], everywhere(NO_COMPANY)],
    ['of its own sort by one term only', web(near(selecting('web', ZONE), selecting('db', ZONE))), [], everywhere(NO_COMPANY)],
    ['without a selector nobody is meant', web(near({ topologyKey: HOST })), [there('n1', 'db')], everywhere(NO_COMPANY)],
    [
      'with an empty one everybody is',
      web(near({ topologyKey: HOST, labelSelector: {} })),
      [there('n1', 'db')],
      { n2: NO_COMPANY, n3: NO_COMPANY, n4: NO_COMPANY },
    ],
    [
      'an expression',
      web(near({ topologyKey: HOST, labelSelector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['db'] }] } })),
      [there('n1', 'db'), there('n2', 'x')],
      { n1: NO_COMPANY, n3: NO_COMPANY, n4: NO_COMPANY },
    ],
  ])('%s', (_, what, pods, expected) => {
    expect(verdicts('InterPodAffinity', what, nodes, { pods })).toEqual(expected);
  });
});

describe('company that is refused', () => {
  test.each<[string, Pod, Pod[], Verdicts]>([
    ['on the same host', web(apart(selecting('db'))), [there('n1', 'db')], { n1: UNWANTED }],
    ['in the same zone', web(apart(selecting('db', ZONE))), [there('n1', 'db')], { n1: UNWANTED, n2: UNWANTED }],
    [
      'by any of the terms',
      web(apart(selecting('db'), selecting('x', ZONE))),
      [there('n1', 'db'), there('n3', 'x')],
      { n1: UNWANTED, n3: UNWANTED },
    ],
    ['where the node has no such label nobody is near', web(apart(selecting('db', ZONE))), [there('n4', 'db')], {}],
    ['by a pod that is there', web({}), [there('n1', 'hermit', apart(selecting('web', ZONE)))], { n1: REPELLED, n2: REPELLED }],
    ['by a pod that is there, which means others', web({}), [there('n1', 'hermit', apart(selecting('db')))], {}],
    [
      'by a pod of another namespace, which means its own',
      web({}),
      [{ ...elsewhere('n1', 'other', 'h'), spec: there('n1', 'h', apart(selecting('web'))).spec } as Pod],
      {},
    ],
    [
      'by both: its own word comes first',
      web(apart(selecting('hermit'))),
      [there('n1', 'hermit', apart(selecting('web')))],
      { n1: UNWANTED },
    ],
    [
      'where company is required, too',
      web({ ...near(selecting('db', ZONE)), ...apart(selecting('db')) }),
      [there('n1', 'db')],
      { n1: UNWANTED, n3: NO_COMPANY, n4: NO_COMPANY },
    ],
    ['by preference only', web(dislikes(100, selecting('db'))), [there('n1', 'db')], {}],
  ])('%s', (_, what, pods, expected) => {
    expect(verdicts('InterPodAffinity', what, nodes, { pods })).toEqual(expected);
  });
});

describe('whose namespace', () => {
  const namespaces = { default: {}, blue: { team: 'x' }, red: { team: 'y' } };
  const pods = [there('n1', 'db'), elsewhere('n2', 'blue', 'db'), elsewhere('n3', 'red', 'db')];
  test.each<[string, object, string[]]>([
    ['nothing is said: its own', {}, ['n1']],
    ['an empty list says nothing', { namespaces: [] }, ['n1']],
    ['those that are named, not its own', { namespaces: ['blue'] }, ['n2']],
    ['those that have labels', { namespaceSelector: { matchLabels: { team: 'y' } } }, ['n3']],
    ['those, and the named ones', { namespaces: ['default'], namespaceSelector: { matchLabels: { team: 'y' } } }, ['n1', 'n3']],
    ['an empty selector: all', { namespaceSelector: {} }, ['n1', 'n2', 'n3']],
    ['an empty selector and a list: all', { namespaces: ['blue'], namespaceSelector: {} }, ['n1', 'n2', 'n3']],
    ['a selector that no namespace has', { namespaceSelector: { matchLabels: { team: 'z' } } }, []],
  ])('%s', (_, more, expected) => {
    const told = verdicts('InterPodAffinity', web(apart(selecting('db', HOST, more))), nodes, { pods, namespaces });
    expect(told).toEqual(Object.fromEntries(expected.map((node) => [node, UNWANTED])));
  });

  test('of a pod that repels: it chooses by the labels of the namespace of the one that comes', () => {
    const chooses = (team: string) => [
      there('n1', 'hermit', apart(selecting('web', HOST, { namespaceSelector: { matchLabels: { team } } }))),
    ];
    const blue = { ...web({}), metadata: { ...web({}).metadata, namespace: 'blue' } } as Pod;
    expect(verdicts('InterPodAffinity', blue, nodes, { pods: chooses('x'), namespaces })).toEqual({ n1: REPELLED });
    expect(verdicts('InterPodAffinity', blue, nodes, { pods: chooses('y'), namespaces })).toEqual({});
  });
});

describe('labels that are compared with the pod’s own', () => {
  const pods = [there('n1', 'web', {}, { release: '1' }), there('n2', 'web', {}, { release: '2' }), there('n3', 'web')];
  test.each<[string, object, object, string[]]>([
    ['the same', { matchLabelKeys: ['release'] }, { release: '2' }, ['n2']],
    ['another, or none', { mismatchLabelKeys: ['release'] }, { release: '2' }, ['n1', 'n3']],
    ['one that the pod does not have is not compared', { matchLabelKeys: ['release'] }, {}, ['n1', 'n2', 'n3']],
    ['nor so', { mismatchLabelKeys: ['release'] }, {}, ['n1', 'n2', 'n3']],
  ])('%s', (_, more, labels, expected) => {
    const told = verdicts('InterPodAffinity', web(apart(selecting('web', HOST, more)), labels), nodes, { pods });
    expect(told).toEqual(Object.fromEntries(expected.map((node) => [node, UNWANTED])));
  });
});

describe('scores', () => {
  // What each node weighs, from the least (0) to the most (100).
  test.each<[string, object, Pod[], Json, readonly number[] | undefined]>([
    ['nobody prefers anything', {}, [there('n1', 'x')], {}, undefined],
    ['by how many it likes', likes(5, selecting('db')), [there('n1', 'db'), there('n1', 'db'), there('n2', 'db')], {}, [100, 50, 0, 0]],
    ['by the zone, where that is what counts', likes(5, selecting('db', ZONE)), [there('n1', 'db')], {}, [100, 100, 0, 0]],
    ['against what it dislikes', dislikes(5, selecting('db')), [there('n1', 'db')], {}, [0, 100, 100, 100]],
    [
      'both weigh',
      { ...likes(20, selecting('a')), ...dislikes(10, selecting('b')) },
      [there('n1', 'a'), there('n2', 'b'), there('n3', 'a'), there('n3', 'b')],
      {},
      [100, 0, 66, 33],
    ],
    ['one that is liked is nowhere: all alike', likes(5, selecting('db')), [there('n1', 'x')], {}, undefined],
    ['by who likes it', {}, [there('n2', 'fan', likes(10, selecting('web')))], {}, [0, 100, 0, 0]],
    ['by who dislikes it', {}, [there('n2', 'foe', dislikes(10, selecting('web', ZONE)))], {}, [0, 0, 100, 100]],
    [
      'who requires it draws it a little',
      {},
      [there('n1', 'needs', near(selecting('web'))), there('n2', 'fan', likes(2, selecting('web')))],
      {},
      [50, 100, 0, 0],
    ],
    [
      'or more',
      {},
      [there('n1', 'needs', near(selecting('web'))), there('n2', 'fan', likes(2, selecting('web')))],
      { hardPodAffinityWeight: 4 },
      [100, 50, 0, 0],
    ],
    ['or not at all', {}, [there('n1', 'needs', near(selecting('web')))], { hardPodAffinityWeight: 0 }, undefined],
    ['who refuses company does not weigh', {}, [there('n1', 'hermit', apart(selecting('web')))], {}, undefined],
    [
      'what others like may be ignored',
      {},
      [there('n2', 'fan', likes(10, selecting('web')))],
      { ignorePreferredTermsOfExistingPods: true },
      undefined,
    ],
    [
      'but is not where the pod likes any company itself',
      likes(10, selecting('db')),
      [there('n1', 'db'), there('n2', 'fan', likes(10, selecting('web')))],
      { ignorePreferredTermsOfExistingPods: true },
      [100, 100, 0, 0],
    ],
  ])('%s', (_, affinity, pods, args, expected) => {
    expect(scores('InterPodAffinity', web(affinity), nodes, { pods, args })).toEqual(expected);
  });
});
