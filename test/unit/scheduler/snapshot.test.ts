// The scheduler's cache: what it adds and takes away one by one is what would be counted from nothing, in upstream's order of nodes.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node, Pod } from '../../../src/kinds/types/core_v1.js';
import type { NodeInfo } from '../../../src/scheduler/define.js';
import { nodeInfo } from '../../../src/scheduler/resources.js';
import { SchedulerCache } from '../../../src/scheduler/snapshot.js';
import { node, pod } from '../controllers/objects.js';

const zoned = (name: string, zone: string): Node => node(name, { metadata: { labels: { 'topology.kubernetes.io/zone': zone } } });

/** Pods of every make: with requests and without, with host ports, with affinities. */
const makes: readonly object[] = [
  { containers: [{ name: 'c', resources: { requests: { cpu: '250m', memory: '64Mi', 'example.com/gpu': '1' } } }] },
  { containers: [{ name: 'c' }] },
  { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 8080 }] }] },
  { containers: [{ name: 'c' }], affinity: { podAffinity: {} } },
  {
    containers: [{ name: 'c' }],
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] } },
  },
];
const made = (key: number, uid: number, on: string): Pod =>
  pod(`p${key}`, { metadata: { uid: `${key}-${uid}` }, spec: { ...makes[key % makes.length], nodeName: on } } as never);

const step = fc.record({
  act: fc.constantFrom('setNode', 'removeNode', 'setPod', 'assume', 'forget', 'removePod'),
  key: fc.nat(9),
  uid: fc.nat(1),
  on: fc.constantFrom('n0', 'n1', 'n2'),
  zone: fc.constantFrom('a', 'b'),
});

const essence = ({ node, pods, requested, scored, hostPorts, podsWithAffinity, podsWithRequiredAntiAffinity }: NodeInfo) => {
  const names = (some: readonly Pod[]) => some.map(({ metadata }) => metadata.uid).sort();
  return {
    node,
    pods: names(pods),
    requested: Object.fromEntries([...requested].filter(([, amount]) => amount !== 0).sort()),
    scored,
    hostPorts: [...hostPorts].sort(),
    affinity: [names(podsWithAffinity), names(podsWithRequiredAntiAffinity)],
  };
};

test('whatever came and went, each node is what it would be if all on it were counted anew', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = new SchedulerCache();
      const nodes = new Map<string, Node>();
      const places = new Map<string, { pod: Pod; on: string; assumed: boolean }>();
      for (const { act, key, uid, on, zone } of steps) {
        const one = made(key, uid, on);
        const name = `default/p${key}`;
        const at = places.get(name);
        if (act === 'setNode') {
          nodes.set(on, zoned(on, zone));
          cache.setNode(nodes.get(on)!);
        } else if (act === 'removeNode') {
          nodes.delete(on);
          cache.removeNode(on);
        } else if (act === 'removePod') {
          places.delete(name);
          cache.removePod(name);
        } else if (act === 'forget') {
          const forgets = at?.assumed === true && at.pod.metadata.uid === one.metadata.uid;
          if (forgets) places.delete(name);
          expect(cache.forget(one)).toBe(forgets);
        } else {
          places.set(name, { pod: one, on, assumed: act === 'assume' });
          if (act === 'assume') cache.assume(one, on);
          else cache.setPod(one);
        }
        const snapshot = cache.nodes();
        const expected = [...nodes.values()].map((each) =>
          nodeInfo(
            each,
            [...places.values()].filter(({ on }) => on === each.metadata.name).map(({ pod }) => pod),
          ),
        );
        const byName = (a: NodeInfo, b: NodeInfo) => a.name.localeCompare(b.name);
        expect([...snapshot.nodes].sort(byName).map(essence)).toEqual(expected.sort(byName).map(essence));
        expect([...snapshot.byName.values()].sort(byName)).toEqual([...snapshot.nodes].sort(byName));
        const having = (of: (info: NodeInfo) => readonly Pod[]) => snapshot.nodes.filter((info) => of(info).length > 0).sort(byName);
        expect([...snapshot.withAffinity].sort(byName)).toEqual(having((info) => info.podsWithAffinity));
        expect([...snapshot.withRequiredAntiAffinity].sort(byName)).toEqual(having((info) => info.podsWithRequiredAntiAffinity));
      }
    }),
  );
});

test('nodes are looked at zone by zone in turn, also after one has moved to another zone', () => {
  const cache = new SchedulerCache();
  for (const [name, zone] of ['a1:a', 'a2:a', 'b1:b', 'a3:a', 'c1:c', 'b2:b'].map((text) => text.split(':') as [string, string]))
    cache.setNode(zoned(name, zone));
  const order = () => cache.nodes().nodes.map(({ name }) => name);
  expect(order()).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  cache.setNode(zoned('b1', 'a'));
  expect(order()).toEqual(['a1', 'c1', 'b2', 'a2', 'b1', 'a3']);
  cache.removeNode('c1');
  expect(order()).toEqual(['a1', 'b2', 'a2', 'b1', 'a3']);
});

test('a node that is unchanged keeps its object, so that what was computed of it holds', () => {
  const cache = new SchedulerCache();
  for (const name of ['n0', 'n1']) cache.setNode(node(name));
  const [before] = cache.nodes().nodes;
  cache.assume(made(0, 0, 'n1'), 'n1');
  expect(cache.nodes().nodes[0]).toBe(before);
});
