// Endpoints and EndpointSlices: which pods stand behind a Service, at which ports, laid out over slices of bounded size.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasManagedEndpoints, podsBehind, resolvePorts, stateOf } from '../../../src/controllers/endpoint-pods.js';
import { subsetsOf } from '../../../src/controllers/endpoints.js';
import { endpointOf, groupByPorts, MAX_ENDPOINTS_PER_SLICE, planSlices } from '../../../src/controllers/endpointslice-plan.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../../src/kinds/types/discovery_v1.js';
import { at, pod, readyPod, service } from './objects.js';

const web = service('web');
const labels = { app: 'web' };
const behind = (name: string, ip: string, extra: { status?: object; metadata?: object; spec?: object } = {}): Pod =>
  readyPod(name, { spec: extra.spec ?? {}, metadata: { labels, ...extra.metadata }, status: { podIP: ip, ...extra.status } });
const unready = { conditions: [{ type: 'Ready', status: 'False' }] };

describe('which pods', () => {
  test('those with the labels and an address that are not over', () => {
    const all = [
      behind('b', '10.244.0.3'),
      behind('a', '10.244.0.2'),
      pod('no-address', { metadata: { labels } }),
      behind('over', '10.244.0.4', { status: { phase: 'Succeeded' } }),
      readyPod('other', { metadata: { labels: { app: 'db' } } }),
    ];
    expect(podsBehind(web, all).map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  });

  test('Services without a selector, and names of outside hosts, are left to others', () => {
    expect(hasManagedEndpoints(web)).toBe(true);
    expect(hasManagedEndpoints(service('x', { spec: { selector: undefined } }))).toBe(false);
    expect(hasManagedEndpoints(service('x', { spec: { type: 'ExternalName' } }))).toBe(false);
  });

  test.each([
    ['ready', {}, {}, { ready: true, serving: true, terminating: false }],
    ['not ready', {}, { status: unready }, { ready: false, serving: false, terminating: false }],
    ['leaving, still serving', {}, { metadata: { deletionTimestamp: at(0) } }, { ready: false, serving: true, terminating: true }],
    [
      'published though not ready',
      { publishNotReadyAddresses: true },
      { status: unready },
      { ready: true, serving: false, terminating: false },
    ],
  ])('state: %s', (_, spec, extra, state) => {
    expect(stateOf(service('web', { spec }), behind('a', '10.244.0.2', extra))).toEqual(state);
  });
});

test.each([
  ['nothing is asked for', undefined, undefined],
  ['its zone', 'PreferClose', { forZones: [{ name: 'east' }] }],
  ['its zone, by the newer name', 'PreferSameZone', { forZones: [{ name: 'east' }] }],
  ['its node, else its zone', 'PreferSameNode', { forZones: [{ name: 'east' }], forNodes: [{ name: 'node-1' }] }],
])('traffic that prefers to be near: %s', (_, trafficDistribution, hints) => {
  const near = service('web', { spec: { trafficDistribution } });
  expect(endpointOf(near, behind('a', '10.244.0.2'), 'east').hints).toEqual(hints);
  expect(endpointOf(near, behind('a', '10.244.0.2', { status: unready }), 'east').hints).toBeUndefined();
});

describe('ports', () => {
  const named = (containerPort: number, protocol = 'TCP') => ({
    spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort, protocol }] }] },
  });
  test.each([
    ['a number', { port: 80, targetPort: 8080 }, {}, [8080]],
    ['left out: the port itself', { port: 80 }, {}, [80]],
    ['a name, as the pod has it', { port: 80, targetPort: 'http' }, named(3000), [3000]],
    ['a name of another protocol', { port: 80, targetPort: 'http' }, named(3000, 'UDP'), []],
    ['a name the pod does not have', { port: 80, targetPort: 'http' }, {}, []],
  ])('target port: %s', (_, port, extra, expected) => {
    const resolved = resolvePorts(service('web', { spec: { ports: [port] } }), behind('a', '10.244.0.2', extra));
    expect(resolved.map((each) => each.port)).toEqual(expected);
  });

  test('pods that serve a name at different ports stand in different subsets, unready ones apart', () => {
    const byName = service('web', { spec: { ports: [{ name: 'web', port: 80, targetPort: 'http', protocol: 'TCP' }] } });
    const subsets = subsetsOf(byName, [
      behind('a', '10.244.0.2', named(3000)),
      behind('b', '10.244.0.3', named(4000)),
      behind('c', '10.244.0.4', { ...named(4000), status: unready }),
    ]);
    expect(subsets).toMatchObject([
      {
        addresses: [{ ip: '10.244.0.2', nodeName: 'node-1', targetRef: { kind: 'Pod', name: 'a' } }],
        ports: [{ name: 'web', port: 3000 }],
      },
      { addresses: [{ ip: '10.244.0.3' }], notReadyAddresses: [{ ip: '10.244.0.4' }], ports: [{ name: 'web', port: 4000 }] },
    ]);
  });
});

describe('slices', () => {
  const managed = { 'kubernetes.io/service-name': 'web' };
  const groupsOf = (pods: readonly Pod[]) => groupByPorts(pods, web, (each) => endpointOf(web, each, undefined));
  const podsOf = (ids: readonly number[]) => ids.map((id) => behind(`p${id}`, `10.244.${id >> 8}.${id & 255}`));

  /** What the API would hold after the plan was carried out. */
  function apply(existing: readonly EndpointSlice[], plan: ReturnType<typeof planSlices>, run: number): readonly EndpointSlice[] {
    const kept = existing.filter((slice) => !plan.delete.includes(slice));
    const changed = kept.map((slice) => {
      const draft = plan.update.find((update) => update.slice === slice)?.draft;
      return draft ? { ...slice, endpoints: draft.endpoints, metadata: { ...slice.metadata, labels: draft.labels } } : slice;
    });
    const created = plan.create.map(
      (draft, i) =>
        ({ metadata: { name: `web-${run}-${i}`, labels: draft.labels }, endpoints: draft.endpoints, ports: draft.ports }) as EndpointSlice,
    );
    return [...changed, ...created];
  }

  test('whatever comes and goes, the slices hold each pod once, are bounded, and settle', () => {
    const sets = fc.array(fc.uniqueArray(fc.nat(600), { maxLength: 350 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(sets, (states) => {
        let slices: readonly EndpointSlice[] = [];
        states.forEach((ids, run) => {
          slices = apply(slices, planSlices(slices, groupsOf(podsOf(ids)), managed), run);
          const names = slices.flatMap(({ endpoints }) => endpoints.map(({ targetRef }) => targetRef!.name!));
          expect([...names].sort()).toEqual(ids.map((id) => `p${id}`).sort());
          for (const { endpoints } of slices) expect(endpoints.length).toBeLessThanOrEqual(MAX_ENDPOINTS_PER_SLICE);
          expect(planSlices(slices, groupsOf(podsOf(ids)), managed)).toEqual({ create: [], update: [], delete: [] });
        });
      }),
      { numRuns: 30 },
    );
  });

  test('a Service without pods keeps one empty slice', () => {
    const plan = planSlices([], groupsOf([]), managed);
    expect(plan.create).toEqual([{ labels: managed, ports: [], endpoints: [] }]);
  });

  test('one pod that becomes unready changes one slice', () => {
    const before = apply([], planSlices([], groupsOf(podsOf([1, 2])), managed), 0);
    const [first] = podsOf([1]);
    const after = planSlices(before, groupsOf([first!, behind('p2', '10.244.0.2', { status: unready })]), managed);
    expect(after.update.map(({ draft }) => draft.endpoints.map(({ conditions }) => conditions.ready))).toEqual([[true, false]]);
    expect([after.create, after.delete]).toEqual([[], []]);
  });
});
