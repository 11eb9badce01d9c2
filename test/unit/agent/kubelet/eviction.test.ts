// Eviction, the pure parts: when a node is short of something, who goes first, what that one is told, and which images go.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../../agent/config/load.js';
import { storageExcess } from '../../../../agent/kubelet/eviction/local-storage.js';
import { evictionMessage, type PodUsage, rank } from '../../../../agent/kubelet/eviction/ranking.js';
import { type Observations, PressureState, parseThresholds, type Signal } from '../../../../agent/kubelet/eviction/thresholds.js';
import { byLastUse, statusImages } from '../../../../agent/kubelet/image-gc.js';
import type { JsonObject } from '../../../../src/apimachinery/json.js';
import { showsFields } from '../../../suites/pod-spec.js';
import { container, pod } from './fixtures.js';

const MI = 2 ** 20;
const seen = (signal: Signal, available: number, capacity = 1000 * MI): Observations => new Map([[signal, { available, capacity }]]);
const thresholds = (configuration: JsonObject) => parseThresholds(readSettings(configuration));

describe('thresholds', () => {
  it('are upstream’s, memory first, where none are set', () => {
    expect(thresholds({}).map(({ signal, value }) => `${signal}<${value}`)).toEqual([
      'memory.available<100Mi',
      'nodefs.available<10%',
      'nodefs.inodesFree<5%',
      'imagefs.available<15%',
      'imagefs.inodesFree<5%',
    ]);
  });

  it('that make no sense are refused by name', () => {
    expect(() => thresholds({ evictionHard: { 'moon.available': '1' } })).toThrow('evictionHard: unknown eviction signal "moon.available"');
    expect(() => thresholds({ evictionSoft: { 'memory.available': '1Mi' } })).toThrow('evictionSoftGracePeriod');
  });

  const soft = {
    evictionHard: { 'memory.available': '50Mi' },
    evictionSoft: { 'memory.available': '10%' },
    evictionSoftGracePeriod: { 'memory.available': '30s' },
    evictionMinimumReclaim: { 'memory.available': '20Mi' },
  };

  it('count at once, or after their grace period; the condition comes at once and stays for a while', () => {
    const state = new PressureState(thresholds(soft), 60_000);
    const at = (second: number, available_mi: number) => {
      const { conditions, thresholds: met } = state.observe(seen('memory.available', available_mi * MI), second * 1000);
      return [conditions.length, ...met.map(({ value }) => value)];
    };
    expect(at(0, 500)).toEqual([0]);
    expect(at(10, 90)).toEqual([1]);
    expect(at(39, 90)).toEqual([1]);
    expect(at(40, 90)).toEqual([1, '10%']);
    expect(at(50, 40)).toEqual([1, '50Mi', '10%']);
    // Enough for the threshold, but not for what is to be reclaimed.
    expect(at(60, 110)).toEqual([1, '10%']);
    expect(at(70, 130)).toEqual([1]);
    expect(at(120, 130)).toEqual([1]);
    expect(at(121, 130)).toEqual([0]);
  });

  it('never show pressure where none is met, whatever was before', () => {
    const percent = fc.integer({ min: 0, max: 100 });
    fc.assert(
      fc.property(fc.array(percent), (levels) => {
        const state = new PressureState(thresholds({ evictionHard: { 'pid.available': '10%' } }), 5);
        for (const [i, level] of levels.entries()) state.observe(seen('pid.available', level, 100), i);
        expect(state.observe(seen('pid.available', 50, 100), 1_000_000)).toEqual({ conditions: [], thresholds: [] });
      }),
    );
  });
});

const using = (name: string, total_mi: number, request: string | undefined, priority = 0): PodUsage => ({
  pod: pod({ priority, containers: [container('main', { resources: request ? { requests: { memory: request } } : {} })] }, {}, { name }),
  total: total_mi * MI,
  containers: new Map([['main', total_mi * MI]]),
});

describe('who goes first', () => {
  const names = (usages: readonly PodUsage[], resource: 'memory' | 'pids') =>
    rank(usages, resource).map(({ pod: { metadata } }) => metadata.name);

  it('is above its request, then of low priority, then the furthest above', () => {
    const usages = [using('within', 90, '100Mi'), using('vip', 500, '1Mi', 10), using('bit', 11, '10Mi'), using('lot', 60, '10Mi')];
    expect(names(usages, 'memory')).toEqual(['lot', 'bit', 'vip', 'within']);
    expect(names(usages, 'pids')).toEqual(['within', 'lot', 'bit', 'vip']);
  });

  it('is told why, in upstream’s words', () => {
    const [threshold] = thresholds({ evictionHard: { 'memory.available': '10%' } });
    expect(evictionMessage(using('a', 30, '10Mi'), threshold!, { available: 50 * MI, capacity: 1000 * MI })).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container main was using 30Mi, request is 10Mi, has larger consumption of memory. ',
    );
    expect(evictionMessage(using('a', 5, '10Mi'), threshold!, { available: 50 * MI, capacity: 1000 * MI })).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ',
    );
  });
});

describe('a pod that takes more of the disk than it may', () => {
  const limited = pod({
    volumes: [{ name: 'data', emptyDir: { sizeLimit: '10Mi' } }],
    containers: [container('main', { resources: { limits: { 'ephemeral-storage': '20Mi' } } }), container('other')],
  });
  const usage = (emptyDir_mi: number, main_mi: number, total_mi: number) => ({
    emptyDirs: new Map([['data', emptyDir_mi * MI]]),
    containers: new Map([['main', main_mi * MI]]),
    total: total_mi * MI,
  });
  it.for([
    [usage(11, 0, 11), 'Usage of EmptyDir volume "data" exceeds the limit "10Mi". ', 'emptydirfs.limit'],
    [usage(9, 12, 21), 'Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. ', 'ephemeralpodfs.limit'],
    [usage(9, 21, 20), 'Container main exceeded its local ephemeral storage limit "20Mi". ', 'ephemeralcontainerfs.limit'],
    [usage(10, 10, 20), undefined, undefined],
  ] as const)('%o: %s', ([used, message, limit], context) => {
    showsFields(context, 'spec.volumes[].emptyDir.sizeLimit');
    expect(storageExcess(limited, used)).toEqual(limit && { limit, message });
  });
});

describe('images', () => {
  const image = (id: string, size_bytes: number, names = 1) => ({
    id,
    digests: ['<none>@<none>'],
    tags: Array.from({ length: names }, (_, i) => `${id}:${i}`),
    user: '',
    size_bytes,
  });
  it('in a node’s status are the largest, with a few names each', () => {
    expect(statusImages([image('a', 1), image('b', 3, 7), image('c', 2)], 2)).toEqual([
      { names: ['b:0', 'b:1', 'b:2', 'b:3', 'b:4'], sizeBytes: 3 },
      { names: ['c:0'], sizeBytes: 2 },
    ]);
    expect(statusImages([image('a', 1), image('b', 3)], -1)).toHaveLength(2);
  });
  it('go by when they were last used', () => {
    const record = (id: string, lastUsed_ms: number, firstSeen_ms: number) => ({ image: image(id, 1), lastUsed_ms, firstSeen_ms });
    const records = [record('new', 9, 1), record('young', 5, 4), record('old', 5, 2)];
    expect(byLastUse(records).map((one) => one.image.id)).toEqual(['old', 'young', 'new']);
  });
});
