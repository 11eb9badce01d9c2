// Nodes: what silence and conditions make of a node, how long pods may stay on it, and which addresses it gets.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sameTaints, silentConditions, wantedTaints } from '../../../src/controllers/node-health.js';
import { freeCidrs, takenCidrs } from '../../../src/controllers/nodeipam.js';
import { tolerated_ms } from '../../../src/controllers/tolerations.js';
import { serviceCidr } from '../agent/objects.js';
import { at, node } from './objects.js';

const ready = (status: string, more: object[] = []) => ({ status: { conditions: [{ type: 'Ready', status }, ...more] } });
const textOf = (taints: ReturnType<typeof wantedTaints>) => taints.map(({ key, effect }) => `${key.split('/').at(-1)}:${effect}`);

describe('taints', () => {
  test.each([
    ['ready', ready('True'), true, []],
    ['not ready', ready('False'), true, ['not-ready:NoSchedule', 'not-ready:NoExecute']],
    ['unknown', ready('Unknown'), true, ['unreachable:NoSchedule', 'unreachable:NoExecute']],
    ['unknown, and no node is well', ready('Unknown'), false, ['unreachable:NoSchedule']],
    ['just registered', { status: { conditions: [] } }, true, ['not-ready:NoSchedule']],
    ['under pressure', ready('True', [{ type: 'DiskPressure', status: 'True' }]), true, ['disk-pressure:NoSchedule']],
    ['cordoned', { ...ready('True'), spec: { unschedulable: true } }, true, ['unschedulable:NoSchedule']],
  ])('of a node that is %s', (_, extra, evict, taints) => {
    expect(textOf(wantedTaints(node('n', extra), evict, at(0)))).toEqual(taints);
  });

  test('recovery takes off what was put on and leaves what others put there', () => {
    const taints = [
      { key: 'dedicated', value: 'gpu', effect: 'NoExecute' },
      { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: at(0) },
      { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' },
    ];
    expect(wantedTaints(node('n', { ...ready('True'), spec: { taints } }), true, at(9))).toEqual([taints[0]]);
  });

  test('a taint that is there stays as it is, with the time it was added', () => {
    const unknown = node('n', ready('Unknown'));
    const first = wantedTaints(unknown, true, at(0));
    const later = wantedTaints({ ...unknown, spec: { taints: first } }, true, at(60));
    expect(later).toEqual(first);
    expect(sameTaints(first, [...later].reverse())).toBe(true);
  });
});

describe('silence', () => {
  test('makes every reported condition unknown, once', () => {
    const before = node(
      'n',
      ready('True', [
        { type: 'MemoryPressure', status: 'False' },
        { type: 'NetworkUnavailable', status: 'False' },
      ]),
    );
    const conditions = silentConditions(before, at(40))!;
    expect(conditions.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ['Ready', 'Unknown', 'NodeStatusUnknown'],
      ['MemoryPressure', 'Unknown', 'NodeStatusUnknown'],
      ['NetworkUnavailable', 'False', undefined],
      ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated'],
    ]);
    expect(silentConditions({ ...before, status: { ...before.status, conditions } }, at(50))).toBeUndefined();
  });
});

describe('how long a pod may stay', () => {
  const unreachable = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };
  const maintenance = { key: 'maintenance', value: 'now', effect: 'NoExecute' };
  const forSeconds = (tolerationSeconds: number) => ({ ...unreachable, operator: 'Exists', tolerationSeconds });
  test.each([
    ['no toleration: not at all', [unreachable], [], 0],
    ['only NoSchedule: for good', [{ ...unreachable, effect: 'NoSchedule' }], [], Number.POSITIVE_INFINITY],
    ['the default five minutes', [unreachable], [forSeconds(300)], 300_000],
    ['the shortest of those that apply', [unreachable], [forSeconds(300), forSeconds(20)], 20_000],
    ['zero or less: not at all', [unreachable], [forSeconds(-5)], 0],
    ['tolerates everything: for good', [unreachable, maintenance], [{ operator: 'Exists' }], Number.POSITIVE_INFINITY],
    ['one taint of two not tolerated: not at all', [unreachable, maintenance], [forSeconds(300)], 0],
    ['by its value', [maintenance], [{ key: 'maintenance', operator: 'Equal', value: 'now' }], Number.POSITIVE_INFINITY],
    ['another value: not at all', [maintenance], [{ key: 'maintenance', value: 'later' }], 0],
  ])('%s', (_, taints, tolerations, stay_ms) => {
    expect(tolerated_ms(taints, tolerations)).toBe(stay_ms);
  });
});

describe('pod CIDRs', () => {
  test('the lowest that is free, and none that overlaps one taken', () => {
    expect(freeCidrs('10.244.0.0/16', 24, ['10.244.0.0/24', '10.244.2.0/23']).next().value).toBe('10.244.1.0/24');
    expect([...freeCidrs('10.244.0.0/23', 24, ['10.244.1.0/25'])]).toEqual(['10.244.0.0/24']);
  });

  test('none where Services have their addresses, also where the ranges of the cluster overlap', () => {
    const services = [serviceCidr('10.244.0.0/23'), serviceCidr('fd00::/112')];
    const taken = takenCidrs([node('a', { spec: { podCIDR: '10.244.2.0/24' } })], services);
    expect(freeCidrs('10.244.0.0/16', 24, taken).next().value).toBe('10.244.3.0/24');
    expect(freeCidrs('10.244.0.0/23', 24, taken).next().done).toBe(true);
  });

  test('never twice', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255)), (taken) => {
        const cidrs = taken.map((id) => `10.244.${id}.0/24`);
        const free = [...freeCidrs('10.244.0.0/16', 24, cidrs)];
        expect(new Set([...free, ...cidrs]).size).toBe(256);
        expect(free.some((cidr) => cidrs.includes(cidr))).toBe(false);
      }),
    );
  });

  test('what is no CIDR is refused by name', () => {
    expect(() => [...freeCidrs('10.244.0.0', 24, [])]).toThrow('"10.244.0.0" is not an IPv4 range');
    expect(() => [...freeCidrs('10.244.0.300/16', 24, [])]).toThrow('not an IPv4 range');
  });
});
