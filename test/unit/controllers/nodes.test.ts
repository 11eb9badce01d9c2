// Nodes that join, fall silent, come back and are removed, and what becomes of their pods.
import { describe, expect, test } from 'vitest';
import { isBeingDeleted } from '../../../src/apimachinery/object.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { evictionRate } from '../../../src/controllers/node-zones.js';
import { nodeIpam } from '../../../src/controllers/nodeipam.js';
import { superfluous } from '../../../src/controllers/podgc.js';
import { taintEviction } from '../../../src/controllers/tainteviction.js';
import { stepFor } from '../../../src/controllers/ttl.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Node } from '../../../src/kinds/types/core_v1.js';
import { showsFields } from '../../suites/pod-spec.js';
import { one, useControlPlane, web } from './control-plane.js';
import { controlledBy, listerOf, node, pod, template } from './objects.js';
import { PatchingApi } from './patching-api.js';

const plane = useControlPlane();

describe('nodes', () => {
  const join = async (name: string) => {
    await plane.api.create(nodes, node(name));
    await plane.api.create(leases, {
      metadata: { name, namespace: 'kube-node-lease' },
      spec: { renewTime: '2026-01-01T00:00:00.000000Z' },
    });
    await plane.quiet();
  };
  let beats = 0;
  const beat = (name: string) =>
    plane.api.patch(leases, { namespace: 'kube-node-lease', name }, 'application/merge-patch+json', {
      spec: { renewTime: `beat-${beats++}` },
    });
  /** Seconds in which the named nodes send heartbeats. */
  const pass = async (seconds: number, ...alive: string[]) => {
    for (let left = seconds; left > 0; left -= 5) {
      for (const name of alive) await beat(name);
      await plane.clock.advance(5000);
      await plane.quiet();
    }
  };
  const stateOf = (name: string) => {
    const { status, spec } = plane.api.objects(nodes).find(({ metadata }) => metadata.name === name) as Node;
    return [
      status.conditions?.find(({ type }) => type === 'Ready')?.status,
      (spec.taints ?? []).map(({ key, effect }) => `${key.split('/')[1]}:${effect}`),
    ];
  };
  const tolerations = [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }];

  test('each gets a pod CIDR of its own', async () => {
    for (const name of ['n1', 'n2', 'n3']) await join(name);
    expect(plane.api.objects(nodes).map(({ spec }) => [spec.podCIDR, spec.podCIDRs])).toEqual([
      ['10.244.0.0/24', ['10.244.0.0/24']],
      ['10.244.1.0/24', ['10.244.1.0/24']],
      ['10.244.2.0/24', ['10.244.2.0/24']],
    ]);
    await plane.api.delete(nodes, { name: 'n2' });
    await join('n4');
    expect(plane.api.objects(nodes).at(-1)!.spec.podCIDR).toBe('10.244.1.0/24');
  });

  test('none gets what another has by now that a cache shows without', async () => {
    const api = new PatchingApi();
    const [early, late] = [await api.create(nodes, node('b')), await api.create(nodes, node('a'))];
    await api.patch(nodes, { name: 'b' }, 'application/merge-patch+json', { spec: { podCIDR: '10.244.0.0/24' } });
    await nodeIpam.reconcile('nodes', { ...listerOf([[nodes, [early, late]]]), client: api, options: DEFAULT_OPTIONS } as never);
    expect(
      api
        .objects(nodes)
        .map(({ metadata, spec }) => `${metadata.name} ${spec.podCIDR}`)
        .sort(),
    ).toEqual(['a 10.244.1.0/24', 'b 10.244.0.0/24']);
  });

  test('a cache that shows a taint which has gone costs no pod', async () => {
    await join('n1');
    await plane.api.create(pods, pod('stays', { spec: { nodeName: 'n1' } }) as never);
    const tainted = node('n1', { spec: { taints: [{ key: 'off', effect: 'NoExecute' }] } });
    const late = {
      ...listerOf([
        [nodes, [tainted]],
        [pods, plane.api.objects(pods)],
      ]),
      client: plane.api,
      options: {},
      clock: plane.clock,
    };
    await taintEviction.reconcile('default/stays', late as never);
    expect(plane.api.objects(pods).filter(isBeingDeleted)).toEqual([]);
    await plane.api.patch(nodes, { name: 'n1' }, 'application/merge-patch+json', { spec: tainted.spec });
    await plane.quiet();
    expect(plane.api.objects(pods).filter(isBeingDeleted)).toHaveLength(1);
  });

  test('each says for how long its kubelet may go by what it has read', async () => {
    await join('n1');
    expect(one(plane.api.objects(nodes)).metadata.annotations).toEqual({ 'node.alpha.kubernetes.io/ttl': '0' });
  });

  test('silent past the grace period: unknown and tainted; its pods are unready, and after their toleration replaced; then it comes back', async (context) => {
    showsFields(context, 'spec.tolerations[].tolerationSeconds');
    await join('node-1');
    await join('node-2');
    await plane.api.create(deployments, web(1, { template: { ...template(), spec: { ...template().spec, tolerations } } }));
    await plane.settled();
    const [before] = plane.active();
    await pass(35, 'node-2');
    expect(stateOf('node-1')).toEqual(['True', []]);
    await pass(10, 'node-2');
    expect(stateOf('node-1')).toEqual(['Unknown', ['unreachable:NoSchedule', 'unreachable:NoExecute']]);
    expect(stateOf('node-2')).toEqual(['True', []]);
    expect(plane.active()[0]!.status.conditions?.[0]).toMatchObject({ type: 'Ready', status: 'False' });
    expect(plane.told).toContain('Node node-1 Normal NodeNotReady: Node node-1 status is now: NodeNotReady');
    await pass(280, 'node-2');
    expect(plane.active().map(({ metadata }) => metadata.name)).toEqual([before!.metadata.name]);
    await pass(30, 'node-2');
    const [after] = plane.active();
    expect(after!.metadata.name).not.toBe(before!.metadata.name);
    expect(plane.told).toContain(
      `Pod ${before!.metadata.name} Normal TaintManagerEviction: Marking for deletion Pod default/${before!.metadata.name}`,
    );
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: 'later' }];
    await plane.api.patch(nodes, { name: 'node-1' }, 'application/merge-patch+json', { status: { conditions } }, 'status');
    await pass(5, 'node-1', 'node-2');
    expect(stateOf('node-1')).toEqual(['True', []]);
  });

  test('one that never reports is given longer', async () => {
    await join('node-1');
    await plane.api.create(nodes, { metadata: { name: 'late' }, spec: {}, status: {} });
    await plane.quiet();
    await pass(55, 'node-1');
    expect(stateOf('late')).toEqual([undefined, ['not-ready:NoSchedule']]);
    await pass(10, 'node-1');
    expect(stateOf('late')).toEqual(['Unknown', ['unreachable:NoSchedule', 'unreachable:NoExecute']]);
    const ready = plane.api.objects(nodes)[1]!.status.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' });
  });

  test('back in time, a pod is spared', async () => {
    await join('node-1');
    await join('node-2');
    await plane.api.create(pods, pod('p', { spec: { tolerations, nodeName: 'node-1' }, status: { phase: 'Running' } }));
    await pass(100, 'node-2');
    expect(stateOf('node-1')[0]).toBe('Unknown');
    await plane.api.patch(
      nodes,
      { name: 'node-1' },
      'application/merge-patch+json',
      { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
      'status',
    );
    await pass(600, 'node-1', 'node-2');
    expect(plane.active()).toHaveLength(1);
  });

  test('when all nodes fall silent at once no pod is evicted: the fault is more likely ours', async () => {
    await join('node-1');
    await join('node-2');
    await plane.api.create(pods, pod('p', { spec: { nodeName: 'node-1' }, status: { phase: 'Running' } }));
    await pass(100);
    expect(stateOf('node-1')).toEqual(['Unknown', ['unreachable:NoSchedule']]);
    expect(plane.active()).toHaveLength(1);
  });

  test('a node’s clock that jumps does not count; only that it beats', async () => {
    await join('node-1');
    await pass(100, 'node-1');
    expect(stateOf('node-1')).toEqual(['True', []]);
  });

  test('pods of a node that was removed go after a while, and its lease at once', async () => {
    await join('node-1');
    const owner = one(plane.api.objects(nodes));
    await plane.api.create(leases, { metadata: { name: 'owned', namespace: 'kube-node-lease', ownerReferences: [controlledBy(owner)] } });
    await plane.api.create(pods, pod('p', { spec: { nodeName: 'node-1' }, status: { phase: 'Running' } }));
    await plane.quiet();
    await plane.api.delete(nodes, { name: 'node-1' });
    await plane.quiet();
    expect(plane.api.objects(leases).map(({ metadata }) => metadata.name)).toEqual(['node-1']);
    await pass(35);
    expect(plane.api.objects(pods)).toHaveLength(1);
    await pass(10);
    expect(plane.api.objects(pods)).toEqual([]);
  });

  test('nodes of a zone are emptied one after the other', async () => {
    for (const name of ['node-1', 'node-2', 'node-3']) await join(name);
    await pass(45, 'node-3');
    const emptied = () => ['node-1', 'node-2'].filter((name) => (stateOf(name)[1] as string[]).includes('unreachable:NoExecute'));
    expect(emptied()).toHaveLength(1);
    await pass(15, 'node-3');
    expect(emptied()).toHaveLength(2);
  });

  test('pods that are to go from a node that is out of service go without its kubelet', async () => {
    await join('node-1');
    await join('node-2');
    const going = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30, finalizers: ['example.com/kept'] };
    await plane.api.create(pods, pod('p', { metadata: going, spec: { nodeName: 'node-1' }, status: { phase: 'Running' } }));
    await pass(60, 'node-2');
    expect(one(plane.api.objects(pods)).status.phase).toBe('Running');
    const taints = [...(plane.api.objects(nodes)[0]!.spec.taints ?? []), { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }];
    await plane.api.patch(nodes, { name: 'node-1' }, 'application/merge-patch+json', { spec: { taints } });
    await pass(5, 'node-2');
    expect(one(plane.api.objects(pods)).status.phase).toBe('Failed');
  });
});

describe('how fast the nodes of a zone are emptied', () => {
  const zone = (down: number, well: number) => [
    ...Array.from({ length: down }, (_, i) => node(`down-${i}`, { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } })),
    ...Array.from({ length: well }, (_, i) => node(`well-${i}`)),
  ];
  test.each([
    ['few are down', 2, 1, 0.1],
    ['less than 55 % are down', 5, 5, 0.1],
    ['most of a small zone is down: not at all', 6, 4, 0],
    ['most of a large zone is down: slowly', 40, 20, 0.01],
    ['all of it is down, so the zone has failed', 10, 0, 0.1],
  ])('%s', (_, down, well, rate) => {
    expect(evictionRate(zone(down, well), DEFAULT_OPTIONS)).toBe(rate);
  });

  test('rates, share and size are flags', () => {
    const options = { nodeEvictionRate: 1, secondaryNodeEvictionRate: 0.5, unhealthyZoneThreshold: 0.8, largeClusterSizeThreshold: 5 };
    expect(evictionRate(zone(6, 4), options)).toBe(1);
    expect(evictionRate(zone(9, 1), options)).toBe(0.5);
    expect(evictionRate(zone(4, 1), options)).toBe(0);
  });
});

test('of too many pods that are over, evicted ones go first, then the oldest; those that run or go already are not counted', () => {
  const over = (name: string, day: number, more: object = {}, status: object = {}) =>
    pod(name, { metadata: { creationTimestamp: `2026-01-0${day}T00:00:00Z`, ...more }, status: { phase: 'Succeeded', ...status } });
  const all = [
    over('newest', 9),
    over('oldest', 1),
    over('old', 2),
    over('evicted', 8, {}, { phase: 'Failed', reason: 'Evicted' }),
    over('going', 1, { deletionTimestamp: '2026-01-09T00:00:00Z' }),
    over('running', 1, {}, { phase: 'Running' }),
  ];
  const names = (max: number) => superfluous(all, max).map(({ metadata }) => metadata.name);
  expect([names(4), names(2), names(1)]).toEqual([[], ['evicted', 'oldest'], ['evicted', 'oldest', 'old']]);
});

test.each([
  [100, 0, 0],
  [101, 0, 1],
  [95, 1, 1],
  [89, 1, 0],
  [5000, 0, 4],
  [20_000, 4, 4],
  [0, 4, 0],
])('%i nodes, from step %i: step %i of how long a kubelet may go by what it has read', (count, before, step) => {
  expect(stepFor(count, before)).toBe(step);
});
