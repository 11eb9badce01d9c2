// Pods of nodes that share no segment: real VXLAN between real namespaces, with real traffic, as nodes come, go and change.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { namespace, node, service, slice } from '../../unit/agent/objects.js';
import { Lab, type Place, type Pod, type Worker } from './lab.js';

const NODE_A = '192.168.77.10';
const NODE_B = '192.168.77.11';
const NODE_C = '192.168.78.12';
const NODE_C_NEW = '192.168.78.99';
const WEB = '10.96.7.7';
const SOON = { timeout: 15_000, interval: 50 };
const VXLAN = 'porthole-vx';

const lab = new Lab('overlay');
let lan: Place;
let [nodeA, nodeB, nodeC]: Place[] = [];
let [a1, b1, c1]: Pod[] = [];
const mains = new Map<string, Worker>();

const tell = (...set: KubeObject[]) => Promise.all([...mains.values()].map((main) => main.ask({ set })));
const routes = (place: Place) => place.exec('ip', ['route', 'show']);
const start = async (name: string, place: Place, ip: string, ...more: string[]) => {
  mains.set(name, await lab.nodeMain(place, [name, ip, 'nft', ...more]));
};
const objects = (c: KubeObject) => [
  node('a', NODE_A, '10.244.0.0/24'),
  node('b', NODE_B, '10.244.1.0/24'),
  c,
  namespace('default'),
  service('web', { type: 'NodePort', clusterIP: WEB, ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] }),
  slice('web', [{ ip: c1!.ip, node: 'c', pod: 'c1' }], [{ name: '', protocol: 'TCP', port: 8080 }]),
];

beforeAll(async () => {
  lan = await lab.lan();
  await lab.farLan(lan);
  [nodeA, nodeB, nodeC] = [await lab.node(0), await lab.node(1), await lab.node(2, { far: true })];
  for (const [place, via] of [
    [nodeA, '192.168.77.1'],
    [nodeB, '192.168.77.1'],
    [nodeC, '192.168.78.1'],
  ] as const)
    await place.exec('ip', ['route', 'add', 'default', 'via', via]);
  [a1, b1, c1] = [await lab.pod('a1', 0, 5), await lab.pod('b1', 1, 5), await lab.pod('c1', 2, 5)];
  await start('a', nodeA, NODE_A);
  await start('b', nodeB, NODE_B);
  await start('c', nodeC, NODE_C);
  await tell(...objects(node('c', NODE_C, '10.244.2.0/24')));
  await Promise.all([...mains.values()].map((main) => main.ask({ synced: true })));
}, 120_000);

afterAll(() => lab.close(), 30_000);

describe('three nodes, one of them behind a router', () => {
  it('pods reach each other by their own addresses: directly on one segment, by the tunnel across the router', async () => {
    await vi.waitFor(async () => expect(await a1!.curl(`${c1!.ip}:8080`)).toBe(`c1 ${a1!.ip}`), SOON);
    expect(await c1!.curl(`${b1!.ip}:8080`)).toBe(`b1 ${c1!.ip}`);
    expect(await a1!.curl(`${b1!.ip}:8080`)).toBe(`b1 ${a1!.ip}`);
    expect(await routes(nodeA!)).toContain(`10.244.1.0/24 via ${NODE_B} dev eth0`);
    expect(await routes(nodeA!)).toContain(`10.244.2.0/24 via 10.244.2.0 dev ${VXLAN} proto 76 onlink`);
  });

  it('also with packets of full size: the tunnel says how much it carries', async () => {
    expect(await a1!.curl(`${c1!.ip}:8080/100000`)).toHaveLength(100_000);
    expect(await c1!.curl(`${a1!.ip}:8080/100000`)).toHaveLength(100_000);
  });

  it('nodes reach them too, and a node port leads through the tunnel', async () => {
    expect(await nodeA!.curl(`${c1!.ip}:8080`)).toMatch(/^c1 10\.244\.0\./);
    expect(await lan.curl(`${NODE_B}:30080`)).toMatch(/^c1 10\.244\.1\./);
    expect(await a1!.curl(WEB)).toBe(`c1 ${a1!.ip}`);
  });

  it("a route of somebody else's is left alone, and told of", async () => {
    await nodeB!.exec('ip', ['route', 'add', '10.244.7.0/24', 'via', '192.168.77.1']);
    await tell(node('d', '192.168.77.13', '10.244.7.0/24'));
    await vi.waitFor(() => expect(mains.get('b')!.log).toContain('a route to 10.244.7.0/24 that is not ours is in the way'), SOON);
    await vi.waitFor(async () => expect(await routes(nodeA!)).toContain('10.244.7.0/24 via 192.168.77.13'), SOON);
    expect(await routes(nodeB!)).toContain('10.244.7.0/24 via 192.168.77.1 dev eth0');
  });

  it('the tunnel follows a node to its new address', async () => {
    await mains.get('c')!.kill();
    await nodeC!.exec('ip', ['addr', 'del', `${NODE_C}/24`, 'dev', 'eth0']);
    await nodeC!.exec('ip', ['addr', 'add', `${NODE_C_NEW}/24`, 'dev', 'eth0']);
    await nodeC!.exec('ip', ['route', 'add', 'default', 'via', '192.168.78.1']);
    await start('c', nodeC!, NODE_C_NEW);
    await tell(...objects(node('c', NODE_C_NEW, '10.244.2.0/24')));
    await mains.get('c')!.ask({ synced: true });
    await vi.waitFor(async () => expect(await a1!.curl(`${c1!.ip}:8080`, 1)).toBe(`c1 ${a1!.ip}`), SOON);
    const fdb = await nodeA!.exec('bridge', ['fdb', 'show', 'dev', VXLAN]);
    expect(fdb).toContain(NODE_C_NEW);
    expect(fdb).not.toContain(NODE_C);
  });

  it('comes back within seconds when somebody removes the device', async () => {
    await nodeA!.exec('ip', ['link', 'del', VXLAN]);
    await vi.waitFor(async () => expect(await a1!.curl(`${c1!.ip}:8080`, 1)).toBe(`c1 ${a1!.ip}`), SOON);
  });

  it('an agent that is restarted interrupts nothing', async () => {
    await mains.get('a')!.kill();
    expect(await a1!.curl(`${c1!.ip}:8080`)).toBe(`c1 ${a1!.ip}`);
    await start('a', nodeA!, NODE_A);
    expect(await a1!.curl(`${c1!.ip}:8080`)).toBe(`c1 ${a1!.ip}`);
    const before = await nodeA!.exec('ip', ['-o', 'link', 'show', VXLAN]);
    await tell(...objects(node('c', NODE_C_NEW, '10.244.2.0/24')));
    await mains.get('a')!.ask({ synced: true });
    expect(await a1!.curl(`${c1!.ip}:8080`)).toBe(`c1 ${a1!.ip}`);
    // The same device, by its number.
    expect((await nodeA!.exec('ip', ['-o', 'link', 'show', VXLAN])).split(':')[0]).toBe(before.split(':')[0]);
  });

  it('the device goes with the last node that needs it', async () => {
    await Promise.all([...mains.values()].map((main) => main.ask({ remove: { kind: 'Node', key: 'c' } })));
    await vi.waitFor(async () => expect(await nodeA!.exec('ip', ['link', 'show'])).not.toContain(VXLAN), SOON);
    expect(await routes(nodeA!)).not.toContain('10.244.2.0/24');
    expect(await a1!.curl(`${b1!.ip}:8080`)).toBe(`b1 ${a1!.ip}`);
  });
});

it('with --overlay nodes of one segment use the tunnel too, with a lower MTU throughout', async () => {
  for (const [name, place, ip] of [
    ['a', nodeA!, NODE_A],
    ['b', nodeB!, NODE_B],
  ] as const) {
    await mains.get(name)!.kill();
    await start(name, place, ip, 'overlay');
  }
  await tell(node('a', NODE_A, '10.244.0.0/24'), node('b', NODE_B, '10.244.1.0/24'));
  await Promise.all(['a', 'b'].map((name) => mains.get(name)!.ask({ synced: true })));
  await vi.waitFor(async () => expect(await routes(nodeA!)).toContain(`10.244.1.0/24 via 10.244.1.0 dev ${VXLAN}`), SOON);
  await vi.waitFor(async () => expect(await a1!.curl(`${b1!.ip}:8080/100000`)).toHaveLength(100_000), SOON);
  expect(await nodeA!.exec('ip', ['link', 'show', VXLAN])).toContain('mtu 1450 ');
});
