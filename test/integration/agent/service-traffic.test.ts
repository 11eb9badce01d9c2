// Services as traffic meets them on a real node with real iptables, in both backends: addresses of load balancers, policies, what the
// configuration says, what the machine lacks, and what others do to the rules.
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import type { Service } from '../../../src/kinds/types/core_v1.js';
import { node, service, serviceCidr, slice, type TestEndpoint } from '../../unit/agent/objects.js';
import { Lab, type Place, type Pod, type Worker } from './lab.js';

const NODE = '192.168.77.10';
const WEB = '172.20.7.7';
const BALANCED = '203.0.113.9';
const tcp = [{ name: '', protocol: 'TCP', port: 8080 }];
/** What takes milliseconds on a machine with nothing else to do. */
const SOON = { timeout: 10_000, interval: 20 };

function web(spec: object = {}, ingress: readonly object[] = [{ ip: BALANCED, ipMode: 'VIP' }]): Service {
  const ports = [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }];
  return { ...service('web', { type: 'LoadBalancer', clusterIP: WEB, ports, ...spec }), status: { loadBalancer: { ingress } } } as Service;
}

describe.each(['nft', 'legacy'] as const)('the Services of a node, iptables backend %s', (backend) => {
  const lab = new Lab(`svc-${backend}`);
  let lan: Place;
  let nodeA: Place;
  let a1: Pod;
  let a2: Pod;
  let client: Worker;
  let main: Worker;
  const elsewhere: TestEndpoint = { ip: '10.244.1.5', node: 'b', pod: 'b1' };
  const here = (pod: Pod): TestEndpoint => ({ ip: pod.ip, node: 'a', pod: pod.name });
  const state = () => [node('a', NODE, '10.244.0.0/24'), node('b', '192.168.77.11', '10.244.1.0/24'), serviceCidr('172.20.0.0/16')];
  const tell = (...set: KubeObject[]) => main.ask({ set });
  const endpoints = (...those: TestEndpoint[]) => slice('web', those, tcp);
  const restart = async (...more: string[]) => {
    await main?.kill();
    main = await lab.nodeMain(nodeA, ['a', NODE, backend, '', ...more]);
    await tell(...state(), web(), endpoints(here(a1)));
    await main.ask({ synced: true });
  };
  const answers = (from: Place, url: string, expected: RegExp) =>
    vi.waitFor(async () => expect(await from.curl(url, 1)).toMatch(expected), SOON);

  beforeAll(async () => {
    lan = await lab.lan();
    nodeA = await lab.node(0);
    [a1, a2] = [await lab.pod('a1', 0, 5), await lab.pod('a2', 0, 6)];
    client = await lab.podServer(lan, 'outside');
    await lan.exec('ip', ['route', 'add', `${BALANCED}/32`, 'via', NODE]);
    await restart();
  }, 120_000);
  afterAll(() => lab.close(), 30_000);

  it('cluster IPs of whatever range ServiceCIDRs say are reached from the node, without a default route', async () => {
    await answers(nodeA, WEB, /^a1/);
    await answers(a2, WEB, /^a1/);
  });

  it("load balancer addresses are served, unless they are another's to translate", async () => {
    await answers(lan, BALANCED, /^a1/);
    await tell(web({}, [{ ip: BALANCED, ipMode: 'Proxy' }]));
    await answers(lan, BALANCED, /^curl exit/);
    await tell(web({ externalIPs: ['203.0.113.9'] }, []));
    await answers(lan, BALANCED, /^a1/);
  });

  it('an address that two Services claim stays with the older one, and the other is told', async () => {
    const claim = (name: string, clusterIP: string, since: string): KubeObject => {
      const made = service(name, { clusterIP, externalIPs: ['203.0.113.8'], ports: [{ name: '', protocol: 'TCP', port: 80 }] });
      return { ...made, metadata: { ...made.metadata, creationTimestamp: since } };
    };
    await lan.exec('ip', ['route', 'add', '203.0.113.8/32', 'via', NODE]);
    await tell(slice('old', [here(a1)], tcp), slice('a-new', [here(a2)], tcp));
    await tell(claim('old', '172.20.1.8', '2026-01-01T00:00:00Z'), claim('a-new', '172.20.1.9', '2026-01-02T00:00:00Z'));
    await answers(nodeA, '172.20.1.9', /^a2/);
    for (let i = 0; i < 4; i++) expect(await lan.curl('203.0.113.8')).toMatch(/^a1/);
    expect(main.log).toContain('203.0.113.8 port 80/TCP is not served: Service default/old has this address already');
    await main.ask({ remove: { kind: 'Service', key: 'default/old' } });
    await answers(lan, '203.0.113.8', /^a2/);
  });

  it('hints keep traffic in the zone of the node for as long as there is an endpoint for it', async () => {
    const inZone = node('a', NODE, '10.244.0.0/24');
    await tell({ ...inZone, metadata: { ...inZone.metadata, labels: { 'topology.kubernetes.io/zone': 'east' } } } as KubeObject);
    const hinted = (pod: Pod, zone: string) => ({ ...here(pod), hints: { forZones: [{ name: zone }] } });
    const seen = async () => {
      const names = new Set<string>();
      for (let i = 0; i < 12; i++) names.add((await lan.curl(`${NODE}:30080`)).split(' ')[0]!);
      return [...names].sort();
    };
    await tell(web(), endpoints(hinted(a1, 'east'), hinted(a2, 'west')));
    await vi.waitFor(async () => expect(await seen()).toEqual(['a1']), SOON);
    await tell(endpoints(hinted(a1, 'north'), hinted(a2, 'west')));
    await vi.waitFor(async () => expect(await seen()).toEqual(['a1', 'a2']), SOON);
    await tell(inZone, endpoints(here(a1)));
  });

  it('a client sticks to its endpoint until it has stayed away for the time-out', async () => {
    const affinity = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } };
    await tell(web(affinity), endpoints(here(a1), here(a2)));
    const ask = async () => (await lan.curl(`${NODE}:30080`)).split(' ')[0]!;
    await vi.waitFor(
      async () => expect((await nodeA.exec(`iptables-${backend}-save`, ['-t', 'nat'])).includes('--rcheck')).toBe(true),
      SOON,
    );
    const first = await ask();
    for (let i = 0; i < 8; i++) expect(await ask()).toBe(first);
    await vi.waitFor(async () => expect(await ask()).not.toBe(first), { timeout: 60_000, interval: 1_500 });
    await tell(web(), endpoints(here(a1)));
  });

  it('thousands of endpoints of one Service are all served, each with the same chance', async () => {
    const [requests, count] = [400, 2_000];
    // One pod answers at all of their addresses.
    await a1.exec('ip', ['route', 'add', 'local', '10.250.0.0/16', 'dev', 'lo']);
    await nodeA.exec('ip', ['route', 'add', '10.250.0.0/16', 'via', a1.ip]);
    const all = Array.from({ length: count }, (_, i) => ({ ip: `10.250.${i >> 8}.${i & 255}`, node: 'a' }));
    const chunks = [all.slice(0, 1_000), all.slice(1_000)].map((some, i) => slice('many', some, tcp, { name: `many-${i}` }));
    await tell(service('many', { clusterIP: '172.20.1.7', ports: [{ name: '', protocol: 'TCP', port: 80 }] }), ...chunks);
    await vi.waitFor(async () => expect(await nodeA.curl('172.20.1.7')).toMatch(/^a1/), { timeout: 30_000, interval: 50 });
    await nodeA.exec('curl', [
      '-sS',
      '-o',
      '/dev/null',
      '-H',
      'Connection: close',
      '--max-time',
      '60',
      `http://172.20.1.7/?[1-${requests}]`,
    ]);
    const tracked = await nodeA.exec('conntrack', ['-L', '-p', 'tcp', '--orig-dst', '172.20.1.7']);
    const reached = [...tracked.matchAll(/ src=10\.250\.(\d+)\.(\d+) /g)].map(([, high, low]) => Number(high) * 256 + Number(low));
    expect(reached.length).toBeGreaterThan(requests * 0.9);
    // By chance 363 of them, 200 in each half: what is asked is six standard deviations away.
    expect(new Set(reached).size).toBeGreaterThan(320);
    expect(Math.abs(reached.filter((i) => i < count / 2).length - reached.length / 2)).toBeLessThan(60);
    await main.ask({ remove: { kind: 'Service', key: 'default/many' } });
  });

  it('source ranges let in who is in them, and only by the load balancer', async () => {
    await tell(web({ loadBalancerSourceRanges: ['198.51.100.0/24'] }));
    await answers(lan, BALANCED, /^curl exit 28/);
    expect(await lan.curl(`${NODE}:30080`)).toMatch(/^a1/);
    await tell(web({ loadBalancerSourceRanges: ['198.51.100.0/24', '192.168.77.0/24'] }));
    await answers(lan, BALANCED, /^a1/);
  });

  it('policy Local keeps the client address, tells load balancers where pods are, and drops where there are none', async () => {
    const local = web({ externalTrafficPolicy: 'Local', healthCheckNodePort: 32001 });
    await tell(local, endpoints(here(a1), elsewhere));
    await answers(lan, BALANCED, /^a1 192\.168\.77\.1$/);
    const check = async () => JSON.parse(await lan.curl(`${NODE}:32001/`)) as { localEndpoints: number };
    expect(await check()).toEqual({ service: { namespace: 'default', name: 'web' }, localEndpoints: 1, serviceProxyHealthy: true });
    await tell(endpoints(elsewhere));
    await answers(lan, `${NODE}:30080`, /^curl exit 28/);
    const [code] = await Promise.all([lan.exec('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', `http://${NODE}:32001/`]), check()]);
    expect(code).toBe('503');
    await tell(web());
    await answers(lan, `${NODE}:32001`, /^curl exit 7/);
  });

  it('an ending pod that still serves is used while there is no other, one that is not ready never', async () => {
    await tell(endpoints({ ...here(a1), ready: false, serving: true, terminating: true }, { ...here(a2), ready: false }));
    await answers(lan, `${NODE}:30080`, /^a1/);
    for (let i = 0; i < 8; i++) expect(await lan.curl(`${NODE}:30080`)).toMatch(/^a1/);
  });

  it('a connection outlives the proxy, its restart and every change of other endpoints', async () => {
    await tell(endpoints(here(a1)));
    const ask = () => client.ask({ command: 'kept', host: NODE, port: 30080 });
    await vi.waitFor(async () => expect(await ask()).toMatch(/^(new|kept) a1/), SOON);
    await restart();
    expect(await ask()).toMatch(/^kept a1/);
    await tell(endpoints(here(a1), here(a2)));
    await vi.waitFor(async () => expect((await nodeA.exec(`iptables-${backend}-save`, ['-t', 'nat'])).includes(a2.ip)).toBe(true), SOON);
    expect(await ask()).toMatch(/^kept a1/);
  });

  it('mistakes in objects are reported, and what is right beside them is served', async () => {
    const bad = { ...elsewhere, ip: '10.244.1.5 -j ACCEPT' };
    await tell(
      service('zero', { clusterIP: '172.20.1.1', ports: [{ name: '', protocol: 'TCP', port: 0 }] }),
      service('"; -j DROP', { clusterIP: '172.20.1.2', ports: [{ name: '$(reboot)', protocol: 'TCP', port: 80 }] }),
      service('six', { clusterIP: 'fd00::1', ports: [{ name: '', protocol: 'TCP', port: 80 }] }),
      slice('"; -j DROP', [here(a2)], [{ name: '$(reboot)', protocol: 'TCP', port: 8080 }]),
      endpoints(bad, here(a1)),
    );
    await answers(lan, '172.20.1.2', /^curl exit/);
    await answers(nodeA, '172.20.1.2', /^a2/);
    await answers(nodeA, WEB, /^a1/);
    for (const said of ['port 0/', 'is no IPv4 address; it is left out', 'fd00::1']) expect(main.log).toContain(said);
  });

  it('foreign rules are left alone, and those that stand in the way are told of', async () => {
    const foreign = ['FORWARD', '-s', '203.0.113.77/32', '-j', 'DROP'];
    await nodeA.exec(`iptables-${backend}`, ['-I', ...foreign]);
    await vi.waitFor(() => expect(main.log).toContain(`filter: -A ${foreign.join(' ')}`), { timeout: 20_000, interval: 50 });
    await nodeA.exec(`iptables-${backend}`, ['-D', ...foreign]);
  });

  it('node ports are served at the addresses that the configuration says', async () => {
    await answers(nodeA, '127.0.0.1:30080', /^a1/);
    await restart(JSON.stringify({ nodePortAddresses: ['192.168.77.0/24'] }));
    await answers(nodeA, '127.0.0.1:30080', /^curl exit 7/);
    await answers(lan, `${NODE}:30080`, /^a1/);
  });

  it('answers about itself as upstream does', async () => {
    expect(JSON.parse(await lan.curl(`${NODE}:10256/healthz`))).toMatchObject({ nodeEligible: true, status: { IPv4: { healthy: true } } });
    expect(await nodeA.curl('127.0.0.1:10249/metrics')).toMatch(/kubeproxy_sync_proxy_rules_iptables_total\{table="nat"\} \d\d/);
    expect(await nodeA.curl('127.0.0.1:10249/proxyMode')).toBe('iptables');
    expect(await nodeA.curl('127.0.0.1:10249/configz')).toContain('"nodePortAddresses":["192.168.77.0/24"]');
  });

  it('a match that the machine lacks is reported, and everything else is served', async () => {
    const from = readdirSync('/usr/lib')
      .map((machine) => join('/usr/lib', machine, 'xtables'))
      .find(existsSync)!;
    const folder = mkdtempSync(join(tmpdir(), 'xtables-'));
    try {
      for (const name of readdirSync(from)) if (name !== 'libxt_recent.so') symlinkSync(join(from, name), join(folder, name));
      await restart('{}', folder);
      await tell(
        web({ sessionAffinity: 'ClientIP' }),
        service('other', { clusterIP: '172.20.1.3', ports: [{ name: '', protocol: 'TCP', port: 80 }] }),
      );
      await tell(slice('other', [here(a2)], tcp));
      await answers(nodeA, '172.20.1.3', /^a2/);
      await answers(nodeA, WEB, /^a1/);
      await vi.waitFor(() => expect(main.log).toContain('xt_recent'), SOON);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
