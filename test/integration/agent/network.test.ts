// The node's network on real namespaces with real iptables, in both backends: what reaches what, by curl, UDP and DNS from pods,
// from nodes and from outside.
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cleanupRoutes } from '../../../agent/cni/routes.js';
import type { ExecError } from '../../../agent/proxy/exec.js';
import { openIptables } from '../../../agent/proxy/iptables.js';
import { cleanupKubeProxy } from '../../../agent/proxy/kube-proxy.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { namespace, node, service, serviceCidr, slice } from '../../unit/agent/objects.js';
import { Lab, type Place, type Pod, type Worker } from './lab.js';

const tcp = [{ name: '', protocol: 'TCP', port: 8080 }];
const udp = [{ name: '', protocol: 'UDP', port: 8053 }];
const WEB = '10.96.7.7';
const ECHO = '10.96.7.8';
const NODE_A = '192.168.77.10';
const NODE_B = '192.168.77.11';
/** What takes milliseconds on a machine with nothing else to do. */
const SOON = { timeout: 10_000, interval: 20 };

const web = (more: object = {}) =>
  service('web', { type: 'NodePort', clusterIP: WEB, ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }], ...more });
const dns = {
  ...service(
    'kube-dns',
    {
      clusterIP: '10.96.0.10',
      internalTrafficPolicy: 'Local',
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53 },
      ],
    },
    'kube-system',
  ),
};
const dnsEndpoint = (nodeName: string, ip: string) =>
  slice(
    'kube-dns',
    [{ ip, node: nodeName }],
    [
      { name: 'dns', protocol: 'UDP', port: 10053 },
      { name: 'dns-tcp', protocol: 'TCP', port: 10053 },
    ],
    {
      namespace: 'kube-system',
      name: `kube-dns-${nodeName}`,
    },
  );

describe.each(['nft', 'legacy'] as const)('the network of two nodes, iptables backend %s', (backend) => {
  const lab = new Lab(backend);
  let lan: Place;
  let nodeA: Place;
  let nodeB: Place;
  let a1: Pod;
  let a2: Pod;
  let b1: Pod;
  let mainA: Worker;
  let mainB: Worker;
  let state: readonly KubeObject[];

  const tell = async (...set: KubeObject[]) => {
    await Promise.all([mainA.ask({ set }), mainB.ask({ set })]);
  };
  const webOn = (...pods: Pod[]) =>
    tell(
      slice(
        'web',
        pods.map((pod) => ({ ip: pod.ip, node: pod === b1 ? 'b' : 'a', pod: pod.name })),
        tcp,
      ),
    );
  const echoOn = (...pods: Pod[]) =>
    tell(
      slice(
        'echo',
        pods.map((pod) => ({ ip: pod.ip, node: pod === b1 ? 'b' : 'a', pod: pod.name })),
        udp,
      ),
    );
  const answerers = async (from: Place, url: string, count = 16) => {
    const names = new Set<string>();
    for (let i = 0; i < count; i++) names.add((await from.curl(url)).split(' ')[0]!);
    return [...names].sort();
  };

  const resolvConf = join(tmpdir(), `phnet-resolv-${process.pid}-${backend}`);
  beforeAll(async () => {
    writeFileSync(resolvConf, 'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n');
    lan = await lab.lan();
    [nodeA, nodeB] = [await lab.node(0), await lab.node(1)];
    // Node A has a default route and a policy that drops what nobody allows, as Docker sets it; node B has no default route.
    await nodeA.exec('ip', ['route', 'add', 'default', 'via', '192.168.77.1']);
    await nodeA.exec(`iptables-${backend}`, ['-P', 'FORWARD', 'DROP']);
    await nodeA.exec('ip', ['route', 'add', '10.99.0.0/24', 'via', '192.168.77.1']);
    [a1, a2, b1] = [await lab.pod('a1', 0, 5), await lab.pod('a2', 0, 6), await lab.pod('b1', 1, 5)];
    await lab.podServer(lan, 'outside');
    mainA = await lab.nodeMain(nodeA, ['a', NODE_A, backend]);
    mainB = await lab.nodeMain(nodeB, ['b', NODE_B, backend]);
    state = [
      node('a', NODE_A, '10.244.0.0/24'),
      node('b', NODE_B, '10.244.1.0/24'),
      serviceCidr('10.96.0.0/12'),
      namespace('default'),
      namespace('kube-system'),
      web(),
      service('echo', { clusterIP: ECHO, ports: [{ name: '', protocol: 'UDP', port: 53 }] }),
      dns,
      dnsEndpoint('a', NODE_A),
      dnsEndpoint('b', NODE_B),
    ];
    await tell(...state);
    await Promise.all([mainA.ask({ synced: true }), mainB.ask({ synced: true })]);
  }, 120_000);

  afterAll(async () => {
    rmSync(resolvConf);
    await lab.close();
  }, 30_000);

  it('pods reach pods of the other node by their own addresses, and the world outside by the address of their node', async () => {
    await vi.waitFor(async () => expect(await a1.curl(`${b1.ip}:8080`)).toBe(`b1 ${a1.ip}`), SOON);
    expect(await b1.curl(`${a2.ip}:8080`)).toBe(`a2 ${b1.ip}`);
    expect(await a1.curl('192.168.77.1:8080')).toBe(`outside ${NODE_A}`);
  });

  it("Docker's rules, which it puts before all others when it starts, do not get in the way", async () => {
    const rules = [
      '*raw',
      // Docker 28 and newer: a container's address is for its own bridge alone.
      '-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP',
      '-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 8081 -j DROP',
      'COMMIT',
      '*filter',
      ':DOCKER - [0:0]',
      ':DOCKER-FORWARD - [0:0]',
      ':DOCKER-USER - [0:0]',
      '-A DOCKER ! -i docker0 -o docker0 -j DROP',
      '-A DOCKER-FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A DOCKER-FORWARD -o docker0 -j DOCKER',
      '-A DOCKER-FORWARD -i docker0 -j ACCEPT',
      '-I FORWARD 1 -j DOCKER-FORWARD',
      '-I FORWARD 1 -j DOCKER-USER',
      'COMMIT',
    ];
    await nodeA.exec(`iptables-${backend}-restore`, ['--noflush', '-w'], { stdin: `${rules.join('\n')}\n` });
    expect(await a1.curl(`${b1.ip}:8080`)).toBe(`b1 ${a1.ip}`);
    expect(await b1.curl(`${a2.ip}:8080`)).toBe(`a2 ${b1.ip}`);
    expect(await a1.curl('192.168.77.1:8080')).toBe(`outside ${NODE_A}`);
  });

  it('without endpoints refuses at once, by cluster IP and by node port, from pods, nodes and outside', async () => {
    for (let i = 0; i < 12; i++) expect(await lan.curl(`${NODE_A}:30080`)).toBe('curl exit 7');
    for (const [from, url] of [
      [a1, WEB],
      [nodeA, WEB],
      [nodeB, WEB],
      [b1, WEB],
      [lan, `${NODE_B}:30080`],
      [a1, `${NODE_B}:30080`],
    ] as const) {
      expect([from.namespace, url, await from.curl(url)]).toEqual([from.namespace, url, 'curl exit 7']);
    }
  });

  it('a cluster IP leads to every endpoint, on either node, from pods and from nodes', async () => {
    await webOn(a1, b1);
    await vi.waitFor(async () => expect(await a2.curl(WEB)).toMatch(/^(a1|b1) 10\.244\.0\.6$/), SOON);
    await vi.waitFor(async () => expect(await b1.curl(WEB)).toMatch(/^(a1|b1)/), SOON);
    expect(await answerers(a2, WEB)).toEqual(['a1', 'b1']);
    expect(await answerers(nodeA, WEB)).toEqual(['a1', 'b1']);
    expect(await answerers(nodeB, WEB)).toEqual(['a1', 'b1']);
  });

  it('a node port answers on every node, also on one without a pod, on its loopback address and from a pod', async () => {
    await webOn(a1);
    await vi.waitFor(async () => expect(await lan.curl(`${NODE_B}:30080`)).toBe(`a1 ${NODE_B}`), SOON);
    expect(await answerers(lan, `${NODE_A}:30080`, 4)).toEqual(['a1']);
    expect(await nodeA.curl('127.0.0.1:30080')).toMatch(/^a1/);
    expect(await nodeB.curl('127.0.0.1:30080')).toMatch(/^a1/);
    expect(await b1.curl(`${NODE_A}:30080`)).toMatch(/^a1/);
    expect(await a2.curl(`${NODE_A}:30080`)).toMatch(/^a1/);
  });

  it('a pod reaches itself through its Service', async () => {
    expect(await a1.curl(WEB)).toMatch(/^a1/);
    expect(await a1.curl(`${NODE_B}:30080`)).toMatch(/^a1/);
  });

  it('follows when pods come and go', async () => {
    for (const pods of [[b1], [a1, a2], [a2], []]) {
      const expected = pods.length ? pods.map((pod) => pod.name).sort() : ['curl'];
      await webOn(...pods);
      await vi.waitFor(async () => expect(await answerers(lan, `${NODE_B}:30080`, 8)).toEqual(expected), SOON);
    }
  });

  it('traffic policy Local keeps the address of outside clients, and a client sticks to its pod with sessionAffinity', async () => {
    await tell(web({ externalTrafficPolicy: 'Local' }));
    await webOn(a1, a2);
    await vi.waitFor(async () => expect(await lan.curl(`${NODE_A}:30080`)).toMatch(/^a[12] 192\.168\.77\.1$/), SOON);
    await tell(web({ sessionAffinity: 'ClientIP' }));
    await vi.waitFor(
      async () => expect((await nodeA.exec(`iptables-${backend}-save`, ['-t', 'nat'])).includes('--rcheck')).toBe(true),
      SOON,
    );
    expect(await answerers(lan, `${NODE_A}:30080`)).toHaveLength(1);
    await tell(web());
  });

  it('a UDP client goes over to the next endpoint when its own is gone', async () => {
    const ask = () => a2.worker.ask({ command: 'udp', host: ECHO, port: 53 });
    await echoOn(a1);
    await vi.waitFor(async () => expect(await ask()).toMatch(/^a1 /), SOON);
    await echoOn(b1);
    await vi.waitFor(async () => expect(await ask()).toMatch(/^b1 /), SOON);
  });

  it('DNS answers in every pod, by UDP and by TCP, from the node that the pod is on', async () => {
    const resolve = (pod: Pod, name: string, type = 'A') => pod.worker.ask({ command: 'resolve', name, type, server: '10.96.0.10' });
    for (const pod of [a1, b1]) {
      expect(await resolve(pod, 'web.default.svc.cluster.local')).toEqual([WEB]);
      expect(await resolve(pod, 'nothing.default.svc.cluster.local')).toBe('ENOTFOUND');
    }
    const headless = service('many', { clusterIP: 'None', ports: [{ name: '', protocol: 'TCP', port: 80 }] });
    await tell(
      headless,
      slice(
        'many',
        Array.from({ length: 120 }, (_, i) => ({ ip: `10.244.1.${i + 1}` })),
        tcp,
      ),
    );
    expect(await resolve(a1, 'many.default.svc.cluster.local')).toHaveLength(120);
    // The other node's server is not asked.
    await mainB.kill();
    expect(await resolve(a1, 'web.default.svc.cluster.local')).toEqual([WEB]);
    mainB = await lab.nodeMain(nodeB, ['b', NODE_B, backend]);
  });

  it('names are found as programs look for them: by glibc and busybox with a search list, and by dig', async () => {
    const as = (program: string) => `mount --bind ${resolvConf} /etc/resolv.conf && exec ${program}`;
    const run = (program: string) =>
      a1.exec('unshare', ['-m', 'sh', '-c', as(program)]).catch((error: ExecError) => `exit ${error.code} ${error.stdout}`);
    expect(await run('getent ahostsv4 web')).toContain(`${WEB}       STREAM web.default.svc.cluster.local`);
    expect(await run('getent ahostsv4 kube-dns.kube-system')).toContain('10.96.0.10');
    expect(await run('getent ahosts nothing.default')).toMatch(/^exit 2/);
    expect(await run(`getent hosts ${WEB}`)).toContain('web.default.svc.cluster.local');
    expect(await run('busybox nslookup web.default.svc.cluster.local')).toContain(`Address: ${WEB}`);
    const dig = (...args: string[]) => a1.exec('dig', ['@10.96.0.10', '+tries=2', '+timeout=2', ...args]);
    expect(await dig('+short', '-x', WEB)).toBe('web.default.svc.cluster.local.\n');
    expect(await dig('+short', '+tcp', 'dns-version.cluster.local', 'TXT')).toBe('"1.1.0"\n');
    expect(await dig('+short', '_dns._udp.kube-dns.kube-system.svc.cluster.local', 'SRV')).toBe(
      '0 100 53 kube-dns.kube-system.svc.cluster.local.\n',
    );
    expect(await dig('+edns=1', '+noednsnegotiation', 'web.default.svc.cluster.local')).toContain('status: BADVERS');
    expect(await dig('web.default.svc.cluster.local', 'AAAA')).toMatch(
      /status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1[\s\S]*SOA\tns\.dns\.cluster\.local/,
    );
    expect(await dig('+ignore', '+noedns', 'many.default.svc.cluster.local')).toMatch(/flags: qr aa tc rd ra/);
  });

  it('leaves rules and routes in use while it is away and until it knows better', async () => {
    await mainA.kill();
    const before = await nodeA.exec(`iptables-${backend}-save`, ['-t', 'nat']);
    expect(await answerers(lan, `${NODE_A}:30080`)).toEqual(['a1', 'a2']);
    mainA = await lab.nodeMain(nodeA, ['a', NODE_A, backend]);
    const rules = (saved: string) => saved.split('\n').filter((line) => line.startsWith('-A'));
    expect(rules(await nodeA.exec(`iptables-${backend}-save`, ['-t', 'nat']))).toEqual(rules(before));
    await tell(...state);
    await webOn(b1);
    await Promise.all([mainA.ask({ synced: true }), mainB.ask({ synced: true })]);
    expect(await answerers(lan, `${NODE_A}:30080`, 4)).toEqual(['b1']);
    expect(await nodeA.exec(`iptables-${backend}-save`, ['-t', 'nat'])).not.toContain(a1.ip);
  });

  it('puts everything back after another program flushed the tables', async () => {
    // A look every 3 s, and less often where it takes long; one may come between these commands.
    await nodeA.exec(`iptables-${backend}`, ['-t', 'nat', '-F']);
    await nodeA.exec(`iptables-${backend}`, ['-t', 'nat', '-X']);
    await nodeA.exec(`iptables-${backend}`, ['-t', 'filter', '-F']);
    await vi.waitFor(async () => expect(await lan.curl(`${NODE_A}:30080`, 1)).toMatch(/^b1/), { timeout: 20_000, interval: 50 });
    expect(mainA.log).toContain('removed by another program');
  });

  it('puts back what another program took out, be it one jump or one chain, while all the rest stands', async () => {
    const iptables = (...args: string[]) => nodeA.exec(`iptables-${backend}`, ['-w', '-t', 'nat', ...args]);
    const listed = async (chain: string) => (await iptables('-S', chain)).split('\n').filter((line) => line.startsWith('-A '));
    const jumps = await listed('PREROUTING');
    const chain = (await listed('KUBE-NODEPORTS'))[0]!.split(' ').at(-1)!;
    const ofChain = await listed(chain);
    await iptables(
      '-D',
      ...jumps
        .find((line) => line.endsWith('KUBE-SERVICES'))!
        .match(/"[^"]*"|\S+/g)!
        .slice(1)
        .map((word) => word.replaceAll('"', '')),
    );
    await vi.waitFor(async () => expect(await listed('PREROUTING')).toEqual(jumps), SOON);
    await iptables('-F', chain);
    await vi.waitFor(async () => expect(await listed(chain)).toEqual(ofChain), SOON);
    expect(await lan.curl(`${NODE_A}:30080`)).toMatch(/^b1/);
  });

  it("follows the Nodes with its routes, and leaves others' alone", async () => {
    await tell(
      node('c', '192.168.77.12', '10.244.2.0/24'),
      node('far', '172.30.0.1', '10.244.3.0/24'),
      node('bad', '192.168.77.13', '0.0.0.0/0'),
    );
    const routes = () => nodeA.exec('ip', ['route', 'show']);
    await vi.waitFor(async () => expect(await routes()).toContain('10.244.2.0/24 via 192.168.77.12 dev eth0 proto 76'), SOON);
    await vi.waitFor(async () => expect(await routes()).toContain('10.244.3.0/24 via 10.244.3.0 dev porthole-vx'), SOON);
    // Node B has no default route.
    await vi.waitFor(() => expect(mainB.log).toContain('node far (172.30.0.1) cannot be reached from this node'), SOON);
    await vi.waitFor(() => expect(mainA.log).toContain('is not within 10.244.0.0/16'), SOON);
    await mainA.ask({ remove: { kind: 'Node', key: 'c' } });
    await vi.waitFor(async () => expect(await routes()).not.toContain('10.244.2.0/24'), SOON);
    await nodeA.exec('ip', ['route', 'del', '10.244.1.0/24']);
    await vi.waitFor(async () => expect(await routes()).toContain('10.244.1.0/24 via 192.168.77.11'), SOON);
    expect(await routes()).toContain('10.99.0.0/24 via 192.168.77.1');
  });

  it('cleans up all of its own, finding the backend by itself, and nothing else', async () => {
    await mainA.kill();
    await nodeA.exec(`iptables-${backend}`, ['-A', 'FORWARD', '-s', '203.0.113.7/32', '-j', 'DROP']);
    const iptables = await openIptables({ exec: nodeA.exec, log: silentLogger });
    expect(iptables.backend).toBe(backend);
    await cleanupKubeProxy({ exec: nodeA.exec, iptables });
    await cleanupRoutes(nodeA.exec);
    const left = (await nodeA.exec(`iptables-${backend}-save`, [])).split('\n').filter((line) => /^-A|KUBE/.test(line));
    const foreign = left.filter((line) => !/docker0|--dport 8081/.test(line));
    expect(foreign).toEqual(['-A FORWARD -s 203.0.113.7/32 -j DROP']);
    expect(await nodeA.exec('ip', ['link', 'show'])).not.toContain('porthole-vx');
    expect(await nodeA.exec('ip', ['route', 'show'])).not.toMatch(/proto 7[67]|10\.244\.1/);
  });
});
