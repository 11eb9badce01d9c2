// The plugins that look at one node: NodeAffinity, TaintToleration's score, ImageLocality; and those of the queue: SchedulingGates, PrioritySort.
import { describe, expect, test } from 'vitest';
import { node, pod } from '../../controllers/objects.js';
import { labelled, pluginOf, refusals, scores } from './lab.js';

const nodes = [labelled('n1', { disk: 'ssd' }), labelled('n2', { disk: 'hdd' })];
const inDisk = (value: string) => ({ matchExpressions: [{ key: 'disk', operator: 'In', values: [value] }] });
const required = (...nodeSelectorTerms: object[]) => ({ requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } });
const NOT_POD = "node(s) didn't match Pod's node affinity/selector";

describe('NodeAffinity', () => {
  const wanting = (nodeAffinity: object) => pod('p', { spec: { affinity: { nodeAffinity } } });

  test('one of the terms is enough, and the selector holds besides', () => {
    expect(refusals('NodeAffinity', wanting(required(inDisk('ssd'), inDisk('tape'))), nodes)).toEqual({ n2: NOT_POD });
    const both = pod('p', { spec: { nodeSelector: { disk: 'hdd' }, affinity: { nodeAffinity: required(inDisk('ssd')) } } });
    expect(refusals('NodeAffinity', both, nodes)).toEqual({ n1: NOT_POD, n2: NOT_POD });
  });

  test('where each term names its nodes, only those are looked at', () => {
    const named = (...values: string[]) => ({ matchFields: [{ key: 'metadata.name', operator: 'In', values }] });
    const prepared = pluginOf('NodeAffinity').preFilter!(wanting(required(named('n1'), named('n9'))), {} as never);
    expect(prepared).toEqual({ nodes: new Set(['n1', 'n9']) });
    const conflicting = { matchFields: [...named('n1').matchFields, ...named('n2').matchFields] };
    expect(refusals('NodeAffinity', wanting(required(conflicting)), nodes)).toEqual({ '*': 'pod affinity terms conflict' });
  });

  test('the configuration adds what every node must have, and what scores', () => {
    const preference = [{ weight: 1, preference: inDisk('hdd') }];
    const addedAffinity = { ...required(inDisk('hdd')), preferredDuringSchedulingIgnoredDuringExecution: preference };
    expect(refusals('NodeAffinity', pod('p'), nodes, { args: { addedAffinity } as never })).toEqual({
      n1: "node(s) didn't match scheduler-enforced node affinity",
    });
    expect(scores('NodeAffinity', pod('p'), nodes, { args: { addedAffinity } as never })).toEqual([0, 100]);
  });
});

test('TaintToleration: the fewer taints of PreferNoSchedule that are not tolerated, the better', () => {
  const tainted = (name: string, ...keys: string[]) =>
    node(name, { spec: { taints: keys.map((key) => ({ key, effect: 'PreferNoSchedule' })) } });
  const all = [tainted('n1', 'a', 'b'), tainted('n2', 'a'), tainted('n3')];
  expect(scores('TaintToleration', pod('p'), all)).toEqual([0, 50, 100]);
  // A toleration of another effect is no help here.
  const tolerating = (effect?: string) =>
    pod('p', { spec: { tolerations: [{ key: 'a', operator: 'Exists', ...(effect ? { effect } : {}) }] } });
  expect(scores('TaintToleration', tolerating(), all)).toEqual([0, 100, 100]);
  expect(scores('TaintToleration', tolerating('NoSchedule'), all)).toEqual([0, 50, 100]);
});

test('ImageLocality: by the size of the images that are there and how many nodes have them', () => {
  const withImage = (name: string, ...images: [string, number][]) =>
    node(name, { status: { images: images.map(([image, sizeBytes]) => ({ names: [image], sizeBytes })) } });
  const MB = 1024 * 1024;
  const all = [withImage('n1', ['app:1', 1000 * MB]), withImage('n2', ['app:1', 1000 * MB], ['small:latest', 10 * MB]), withImage('n3')];
  const running = (image: string) => pod('p', { spec: { containers: [{ name: 'c', image }] } });
  // Two nodes of three have it: it counts for two thirds of its size, of which 23 MiB are not worth a thought.
  const two_thirds = Math.floor((100 * (Math.floor((1000 * MB * 2) / 3) - 23 * MB)) / (977 * MB));
  expect(scores('ImageLocality', running('app:1'), all)).toEqual([two_thirds, two_thirds, 0]);
  expect(scores('ImageLocality', running('small'), all)).toEqual([0, 0, 0]);
  expect(scores('ImageLocality', running('unknown:1'), all)).toBeUndefined();
});

test('SchedulingGates: named until the last is gone', () => {
  const gated = pod('p', { spec: { schedulingGates: [{ name: 'a' }, { name: 'b' }] } });
  expect(pluginOf('SchedulingGates').preEnqueue!(gated)).toBe('waiting for scheduling gates: [a b]');
  expect(pluginOf('SchedulingGates').preEnqueue!(pod('p'))).toBeUndefined();
});

test('PrioritySort: higher priority first, then first come', () => {
  const { less } = pluginOf('PrioritySort');
  const item = (priority: number, turn: number) => ({ pod: pod('p', { spec: { priority } }), turn });
  expect([less!(item(5, 2), item(1, 1)), less!(item(1, 1), item(1, 2)), less!(item(1, 2), item(1, 1))]).toEqual([true, true, false]);
});
