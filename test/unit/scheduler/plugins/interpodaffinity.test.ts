// InterPodAffinity: company that pods want or refuse, with preferences of both sides; what is required is also compared with a plain reading elsewhere.
import { describe, expect, test } from 'vitest';
import { pod } from '../../controllers/objects.js';
import { HOST, labelled, on, refusals, scores, ZONE } from './lab.js';

const nodes = [labelled('n1', { [ZONE]: 'a' }), labelled('n2', { [ZONE]: 'a' }), labelled('n3', { [ZONE]: 'b' })];
const selecting = (app: string, topologyKey = HOST, more: object = {}) => ({
  topologyKey,
  labelSelector: { matchLabels: { app } },
  ...more,
});
const required = (...terms: object[]) => ({ requiredDuringSchedulingIgnoredDuringExecution: terms });
const preferred = (weight: number, podAffinityTerm: object) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm }],
});
const wanting = (affinity: object, labels = { app: 'web' }) => pod('p', { metadata: { labels }, spec: { affinity } });
const NO_COMPANY = "node(s) didn't match pod affinity rules";
const UNWANTED = "node(s) didn't match pod anti-affinity rules";

describe('filters', () => {
  test('a whole zone counts as company, or keeps off', () => {
    const pods = [on('n1', 'db', {}, { app: 'db' })];
    expect(refusals('InterPodAffinity', wanting({ podAffinity: required(selecting('db', ZONE)) }), nodes, { pods })).toEqual({
      n3: NO_COMPANY,
    });
    expect(refusals('InterPodAffinity', wanting({ podAntiAffinity: required(selecting('db', ZONE)) }), nodes, { pods })).toEqual({
      n1: UNWANTED,
      n2: UNWANTED,
    });
  });

  test('company is only who all terms mean', () => {
    const both = { podAffinity: required(selecting('db'), { topologyKey: ZONE, labelSelector: { matchLabels: { tier: 'gold' } } }) };
    const pods = [on('n1', 'db', {}, { app: 'db' }), on('n3', 'gold', {}, { app: 'db', tier: 'gold' })];
    expect(Object.keys(refusals('InterPodAffinity', wanting(both), nodes, { pods }))).toEqual(['n1', 'n2']);
  });

  test('namespaces are named, chosen by their labels, or the pod’s own', () => {
    const pods = [pod('db', { metadata: { namespace: 'other', labels: { app: 'db' } }, spec: { nodeName: 'n1' } })];
    const refusedWith = (more: object, namespaces = { other: { team: 'x' } }) =>
      Object.keys(
        refusals('InterPodAffinity', wanting({ podAntiAffinity: required(selecting('db', HOST, more)) }), nodes, { pods, namespaces }),
      );
    expect(refusedWith({})).toEqual([]);
    expect(refusedWith({ namespaces: ['other'] })).toEqual(['n1']);
    expect(refusedWith({ namespaceSelector: { matchLabels: { team: 'x' } } })).toEqual(['n1']);
    expect(refusedWith({ namespaceSelector: { matchLabels: { team: 'y' } } })).toEqual([]);
    expect(refusedWith({ namespaceSelector: {} })).toEqual(['n1']);
  });

  test('matchLabelKeys and mismatchLabelKeys compare with the pod’s own labels', () => {
    const pods = [on('n1', 'old', {}, { app: 'web', release: '1' }), on('n2', 'new', {}, { app: 'web', release: '2' })];
    const refusedWith = (more: object) => {
      const affinity = { podAntiAffinity: required(selecting('web', HOST, more)) };
      return Object.keys(refusals('InterPodAffinity', wanting(affinity, { app: 'web', release: '2' } as never), nodes, { pods }));
    };
    expect(refusedWith({ matchLabelKeys: ['release'] })).toEqual(['n2']);
    expect(refusedWith({ mismatchLabelKeys: ['release'] })).toEqual(['n1']);
  });
});

describe('scores', () => {
  const likesWeb = on('n1', 'fan', { affinity: { podAffinity: preferred(10, selecting('web')) } });
  const avoidsWeb = on('n2', 'foe', { affinity: { podAntiAffinity: preferred(10, selecting('web')) } });

  test('by what the pod prefers, and against what it would rather not have', () => {
    const pods = [on('n1', 'a', {}, { app: 'a' }), on('n2', 'b', {}, { app: 'b' })];
    const affinity = { podAffinity: preferred(5, selecting('a')), podAntiAffinity: preferred(5, selecting('b')) };
    expect(scores('InterPodAffinity', wanting(affinity), nodes, { pods })).toEqual([100, 0, 50]);
  });

  test('by what pods that are there prefer, unless the configuration ignores that', () => {
    const pods = [likesWeb, avoidsWeb];
    expect(scores('InterPodAffinity', wanting({}), nodes, { pods })).toEqual([100, 0, 50]);
    const args = { ignorePreferredTermsOfExistingPods: true };
    expect(scores('InterPodAffinity', wanting({}), nodes, { pods, args })).toBeUndefined();
  });

  test('pods that require the company of such as this one draw it, by a weight of the configuration', () => {
    const pods = [on('n3', 'needs', { affinity: { podAffinity: required(selecting('web')) } })];
    expect(scores('InterPodAffinity', wanting({}), nodes, { pods })).toEqual([0, 0, 100]);
    expect(scores('InterPodAffinity', wanting({}), nodes, { pods, args: { hardPodAffinityWeight: 0 } })).toBeUndefined();
  });

  test('where nobody prefers anything no node is better', () => {
    expect(scores('InterPodAffinity', wanting({}), nodes, { pods: [on('n1', 'x', {})] })).toBeUndefined();
  });
});
