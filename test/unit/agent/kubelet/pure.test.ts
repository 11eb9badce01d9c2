// Small pure parts of the kubelet: back-off, expansion, resolv.conf, hosts, resources, environment.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../../agent/config/load.js';
import { Backoff } from '../../../../agent/kubelet/backoff.js';
import { podBandwidth } from '../../../../agent/kubelet/bandwidth.js';
import { serviceEnv } from '../../../../agent/kubelet/env.js';
import { expand } from '../../../../agent/kubelet/expand.js';
import { fieldValue, resourceValue } from '../../../../agent/kubelet/field-path.js';
import { hostNetworkHosts, podHostname, podHosts } from '../../../../agent/kubelet/hosts.js';
import { needsReport, nodeStatus } from '../../../../agent/kubelet/node-status.js';
import { formatResolvConf, parseResolvConf, podDns } from '../../../../agent/kubelet/resolv-conf.js';
import { containerResources } from '../../../../agent/kubelet/resources.js';
import { sandboxConfig } from '../../../../agent/kubelet/sandbox-config.js';
import { qosClassOf } from '../../../../src/kinds/core/pod-qos.js';
import type { PodSpec } from '../../../../src/kinds/types/core_v1.js';
import { ManualClock } from '../../client/fakes.js';
import { service } from '../objects.js';
import { container, pod, T0_MS } from './fixtures.js';

const settings = readSettings({});

describe('back-off', () => {
  it('doubles from 10 s to 5 min', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock);
    const waits: number[] = [];
    for (let crash = 0; crash < 8; crash++) {
      const wait_ms = backoff.remaining_ms('a', clock.now());
      waits.push(wait_ms / 1000);
      await clock.advance(wait_ms);
      backoff.next('a', clock.now());
    }
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  });

  it('starts over after 10 min without a failure, and by reset', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock);
    for (let crash = 0; crash < 4; crash++) backoff.next('a/x', clock.now());
    expect(backoff.delay_ms('a/x')).toBe(80_000);
    await clock.advance(600_001);
    expect(backoff.remaining_ms('a/x', clock.now())).toBe(0);
    backoff.next('a/x', clock.now());
    expect(backoff.delay_ms('a/x')).toBe(10_000);
    backoff.reset('a/');
    expect(backoff.remaining_ms('a/x', clock.now())).toBe(0);
  });

  it('counts from the failure, and not for ever where the clock was set back', () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock);
    backoff.next('a', T0_MS);
    expect(backoff.remaining_ms('a', T0_MS - 4_000)).toBe(6_000);
    expect(backoff.remaining_ms('a', T0_MS + 3_600_000)).toBe(0);
    expect(backoff.remaining_ms('a', T0_MS + 100_000)).toBe(10_000);
  });
});

describe('$(VAR)', () => {
  it.each([
    ['$(A)', '1'],
    ['x$(A)y$(B)', 'x1y$(B)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$A $(', '$A $('],
    ['a$', 'a$'],
  ])('%s is %s', (text, expected) => {
    expect(expand(text, new Map([['A', '1']]))).toBe(expected);
  });

  it('leaves text without a dollar sign alone', () => {
    fc.assert(
      fc.property(
        fc.string().filter((s) => !s.includes('$')),
        (text) => {
          expect(expand(text, new Map())).toBe(text);
        },
      ),
    );
  });
});

describe('resolv.conf', () => {
  const node = parseResolvConf('# comment\nnameserver 192.0.2.1\nsearch a.example. b.example\noptions timeout:1\n');
  const cluster = { addresses: ['10.96.0.10'], domain: 'cluster.local' };
  const of = (spec: Partial<PodSpec>) => formatResolvConf(podDns(pod(spec).spec, 'shop', cluster, node));
  const clusterFirst =
    'search shop.svc.cluster.local svc.cluster.local cluster.local a.example b.example\nnameserver 10.96.0.10\noptions ndots:5\n';
  const nodes = 'search a.example b.example\nnameserver 192.0.2.1\noptions timeout:1\n';
  it.each<[string, Partial<PodSpec>, string]>([
    ['by default', {}, clusterFirst],
    ['Default', { dnsPolicy: 'Default' }, nodes],
    ["on the node's network", { hostNetwork: true, dnsPolicy: 'ClusterFirst' }, nodes],
    ['ClusterFirstWithHostNet', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, clusterFirst],
    [
      'None',
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], searches: ['x'], options: [{ name: 'ndots', value: '2' }] } },
      'search x\nnameserver 1.1.1.1\noptions ndots:2\n',
    ],
    [
      'an option changed',
      { dnsPolicy: 'Default', dnsConfig: { options: [{ name: 'timeout', value: '9' }, { name: 'rotate' }] } },
      nodes.replace('timeout:1', 'timeout:9 rotate'),
    ],
  ])('%s', (_, spec, expected) => {
    expect(of(spec)).toBe(expected);
  });
});

describe('names', () => {
  it('are a pod’s own, cut to what Linux takes', () => {
    expect(podHostname(pod())).toBe('web');
    expect(podHostname(pod({ hostname: 'given' }))).toBe('given');
    expect(podHostname(pod({}, {}, { name: `${'a'.repeat(62)}-b` }))).toBe('a'.repeat(62));
  });

  it('are in /etc/hosts, with aliases', () => {
    const spec = { hostname: 'db-0', subdomain: 'db', hostAliases: [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }] };
    expect(podHosts(pod(spec), ['10.244.1.5'], 'cluster.local')).toMatch(
      /\n10\.244\.1\.5\tdb-0\.db\.shop\.svc\.cluster\.local\tdb-0\n[\s\S]*\n1\.2\.3\.4\tx\ty\n$/,
    );
    expect(hostNetworkHosts('127.0.0.1 here\n', pod(spec).spec)).toContain('127.0.0.1 here\n');
  });
});

describe('resources', () => {
  const limited = (limits: object, requests?: object) =>
    container('main', { resources: { limits, ...(requests ? { requests } : {}) } as never });
  it('become weights, quotas and limits', () => {
    const spec = pod().spec;
    const of = (c: ReturnType<typeof container>) =>
      containerResources(c, { spec: { ...spec, containers: [c] }, nodeMemory_bytes: 8 * 2 ** 30, oomFloor: -1000, settings });
    expect(of(container('main'))).toEqual({ cpuShares: 2, cpuPeriod_us: 100_000, oomScoreAdj: 1000 });
    expect(of(limited({ cpu: '500m', memory: '64Mi' }))).toEqual({
      cpuShares: 512,
      cpuPeriod_us: 100_000,
      cpuQuota_us: 50_000,
      memory_bytes: 64 << 20,
      oomScoreAdj: -997,
    });
    expect(of(limited({ cpu: '1m' })).cpuQuota_us).toBe(1_000);
    const small = limited({ cpu: 1, memory: 1 });
    const context = { spec: { ...spec, containers: [small] }, nodeMemory_bytes: 1, oomFloor: 0, settings };
    expect(containerResources(small, context).oomScoreAdj).toBe(0);
  });

  it.each([
    ['BestEffort', [container('a')]],
    ['Guaranteed', [limited({ cpu: 1, memory: '1Gi' }, { cpu: '1000m', memory: '1024Mi' })]],
    ['Burstable', [limited({ cpu: 1, memory: '1Gi' }), container('b')]],
    ['Burstable', [limited({ memory: '1Gi' })]],
  ])('make a pod %s', (expected, containers) => {
    expect(qosClassOf({ containers })).toBe(expected);
  });
});

describe('the downward API', () => {
  const node = {
    name: 'n',
    ips: ['192.0.2.1'],
    memory_bytes: 1 << 30,
    allocatable: new Map([
      ['cpu', 4000],
      ['memory', 1 << 30],
    ]),
  };
  const of = pod({ nodeName: 'n' }, {}, { labels: { b: '2', a: '1' }, annotations: { 'x/y': 'z' } });
  it.each([
    ['metadata.name', 'web'],
    ['metadata.labels', 'a="1"\nb="2"'],
    ["metadata.labels['b']", '2'],
    ["metadata.annotations['x/y']", 'z'],
    ["metadata.annotations['none']", ''],
    ['status.podIP', '10.1.1.1'],
    ['status.hostIP', '192.0.2.1'],
    ['spec.nodeName', 'n'],
    ['spec.nope', undefined],
  ])('%s', (path, expected) => {
    expect(fieldValue(of, path, ['10.1.1.1'], node)).toBe(expected);
  });

  it('rounds resources up to whole divisors, and has the node’s where there is no limit', () => {
    const main = container('main', { resources: { limits: { cpu: '1500m' }, requests: { memory: '100Mi' } } });
    expect(resourceValue(main, { resource: 'limits.cpu' }, node)).toBe('2');
    expect(resourceValue(main, { resource: 'limits.cpu', divisor: '1m' }, node)).toBe('1500');
    expect(resourceValue(main, { resource: 'requests.memory', divisor: '1Mi' }, node)).toBe('100');
    expect(resourceValue(main, { resource: 'limits.memory', divisor: '1Gi' }, node)).toBe('1');
    expect(resourceValue(main, { resource: 'nonsense' }, node)).toBeUndefined();
  });
});

it('tells containers of Services in Docker’s old way', () => {
  const all = [
    service('my-db', { clusterIP: '10.96.1.1', ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] }),
    service('headless', { clusterIP: 'None', ports: [{ port: 1 }] }),
  ];
  expect(Object.fromEntries(serviceEnv(all, 'default', true))).toEqual({
    MY_DB_SERVICE_HOST: '10.96.1.1',
    MY_DB_SERVICE_PORT: '5432',
    MY_DB_SERVICE_PORT_SQL: '5432',
    MY_DB_PORT: 'tcp://10.96.1.1:5432',
    MY_DB_PORT_5432_TCP: 'tcp://10.96.1.1:5432',
    MY_DB_PORT_5432_TCP_PROTO: 'tcp',
    MY_DB_PORT_5432_TCP_PORT: '5432',
    MY_DB_PORT_5432_TCP_ADDR: '10.96.1.1',
  });
  expect([...serviceEnv(all, 'default', false)]).toEqual([]);
});

it('maps host ports, but not on the node’s own network', () => {
  const containers = [container('main', { ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }] })];
  expect(sandboxConfig(pod({ containers }), 0, { oomFloor: 0, clusterDomain: 'cluster.local' }).portMappings).toEqual([
    { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
  ]);
  expect(sandboxConfig(pod({ containers, hostNetwork: true }), 0, { oomFloor: 0, clusterDomain: 'cluster.local' })).toMatchObject({
    portMappings: [],
    hostNetwork: true,
  });
});

it.each([
  [{ 'kubernetes.io/ingress-bandwidth': '1M' }, { ingressRate: 1_000_000, ingressBurst: 2 ** 31 - 1 }],
  [
    { 'kubernetes.io/egress-bandwidth': '1Ki', other: 'x' },
    { egressRate: 1024, egressBurst: 2 ** 31 - 1 },
  ],
  [{ other: '1M' }, undefined],
])('the network is told of bandwidth: %j', (annotations, bandwidth) => {
  expect(podBandwidth(annotations)).toEqual(bandwidth);
});

it.each([
  ['999', 'resource is unreasonably small (< 1kbit)'],
  ['2P', 'resource is unreasonably large (> 1Pbit)'],
  ['fast', 'quantities must match the regular expression'],
])('a bandwidth of %s is refused: %s', (value, why) => {
  expect(() => podBandwidth({ 'kubernetes.io/egress-bandwidth': value })).toThrow(why);
});

describe('the node’s status', () => {
  const of = (problems: readonly string[], now_ms: number, old?: ReturnType<typeof nodeStatus>) =>
    nodeStatus({
      name: 'n',
      ips: ['192.0.2.1'],
      settings,
      machine: { cpu_milli: 2000, memory_bytes: 8 * 2 ** 30, disk_bytes: 100 * 2 ** 30, hugepages_bytes: {}, pids_max: 32768 },
      pressures: ['DiskPressure'],
      images: [],
      info: { kubeletVersion: 'v1' } as never,
      problems,
      old,
      now_ms,
    });
  const states = (status: ReturnType<typeof nodeStatus>) => status.conditions?.map(({ type, status: s }) => `${type}=${s}`);

  it('says what the node has, and what is wrong with it', () => {
    expect(of([], T0_MS)).toMatchObject({
      capacity: { cpu: '2', memory: '8Gi', pods: '110', 'ephemeral-storage': '100Gi' },
      allocatable: { memory: '8092Mi', 'ephemeral-storage': '90Gi' },
    });
    expect(states(of([], T0_MS))).toEqual(['MemoryPressure=False', 'DiskPressure=True', 'PIDPressure=False', 'Ready=True']);
    expect(of(['no engine'], T0_MS).conditions?.at(-1)).toMatchObject({
      status: 'False',
      reason: 'KubeletNotReady',
      message: 'no engine',
    });
  });

  it('is reported at once where the clock was set back by hours', () => {
    const old = of([], T0_MS);
    const back_ms = T0_MS - 7_200_000;
    expect(needsReport(old, of([], back_ms, old), back_ms, 300_000)).toBe(true);
  });

  it('is reported on change, and else every five minutes', () => {
    const old = of([], T0_MS);
    expect(needsReport(undefined, old, T0_MS, 300_000)).toBe(true);
    expect(needsReport(old, of([], T0_MS + 10_000, old), T0_MS + 10_000, 300_000)).toBe(false);
    expect(needsReport(old, of(['no engine'], T0_MS + 10_000, old), T0_MS + 10_000, 300_000)).toBe(true);
    expect(needsReport(old, of([], T0_MS + 300_000, old), T0_MS + 300_000, 300_000)).toBe(true);
  });
});
