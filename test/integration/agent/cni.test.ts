// The pod network by the real CNI plugins: what pods reach, what becomes of their addresses, and networks other than our own.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CniNetwork } from '../../../agent/cni/cni.js';
import { ExecError } from '../../../agent/proxy/exec.js';
import type { PodNetworkConfig } from '../../../agent/runtime/network.js';
import { type Logger, silentLogger } from '../../../src/apimachinery/logger.js';
import { Lab, type Place } from './lab.js';

const PLUGINS = ['/usr/lib/cni', '/opt/cni/bin'].find((path) => existsSync(path)) ?? '/usr/lib/cni';
const MTU = 1400;

const lab = new Lab('cni');
const directory = mkdtempSync(join(tmpdir(), 'porthole-cni-real-'));
const [bin, conf, state] = ['bin', 'net.d', 'state'].map((name) => join(directory, name)) as [string, string, string];
let node: Place;
let network: CniNetwork;
const wired: string[] = [];
let next = 0;

const open = (log: Logger = silentLogger) =>
  CniNetwork.open({ confDirectory: conf, binDirectories: [bin], stateDirectory: state, mtu: MTU, log });
const reservations = () => readdirSync(join(state, 'networks/porthole')).filter((name) => /^\d/.test(name) && name.includes('.'));
const addressesIn = (cidr: string) => reservations().filter((ip) => ip.startsWith(cidr));

/** A pod without a container: its namespace, wired. */
async function wire(more: Partial<PodNetworkConfig> = {}): Promise<{ id: string; place: Place; ip: string; netns: string }> {
  const name = `pod${next++}`;
  const place = await lab.place(name);
  const id = `sandbox-${name}`;
  const netns = `/run/netns/${place.namespace}`;
  wired.push(id);
  const [ip] = await network.setUp({ sandboxId: id, netns, name, namespace: 'default', uid: name, portMappings: [], ...more });
  return { id, place, ip: ip!, netns };
}
const reaches = (from: Place, ip: string) =>
  from.exec('busybox', ['ping', '-c1', '-W2', ip]).then(
    () => true,
    (error) => {
      if (error instanceof ExecError) return false;
      throw error;
    },
  );

beforeAll(async () => {
  await lab.lan();
  node = await lab.place('node0');
  await node.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  mkdirSync(bin);
  mkdirSync(conf);
  for (const plugin of readdirSync(PLUGINS)) {
    writeFileSync(join(bin, plugin), `#!/bin/sh\nexec nsenter --net=/run/netns/${node.namespace} -- ${join(PLUGINS, plugin)}\n`);
    chmodSync(join(bin, plugin), 0o755);
  }
  network = await open();
  await network.reload('10.244.0.0/28');
}, 30_000);

afterEach(async () => {
  for (const id of wired.splice(0)) await network.tearDown(id, undefined);
  for (const file of readdirSync(conf)) rmSync(join(conf, file), { recursive: true });
  await network.reload('10.244.0.0/28');
});

afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
}, 30_000);

describe('our own network', () => {
  it('wires pods to each other and to the node, with the MTU of the way out, and takes back what it gave', async () => {
    const [one, two] = [await wire(), await wire()];
    expect(await reaches(one.place, two.ip)).toBe(true);
    expect(await reaches(one.place, '10.244.0.1')).toBe(true);
    expect(await one.place.exec('ip', ['link', 'show', 'eth0'])).toContain(`mtu ${MTU} `);
    expect(await node.exec('bridge', ['-d', 'link', 'show'])).toContain('hairpin on');
    expect(reservations()).toEqual([one.ip, two.ip]);
    await network.tearDown(one.id, one.netns);
    expect(reservations()).toEqual([two.ip]);
    expect(await one.place.exec('ip', ['-br', 'link'])).not.toContain('eth0');
  });

  it('holds a pod to the bandwidth that it asks for', async () => {
    const { place } = await wire({
      bandwidth: { ingressRate: 8_000_000, ingressBurst: 0x7fffffff, egressRate: 16_000_000, egressBurst: 0x7fffffff },
    });
    const qdiscs = await node.exec('tc', ['qdisc', 'show']);
    expect(qdiscs).toMatch(/tbf .*rate 8Mbit/);
    expect(qdiscs).toMatch(/tbf .*rate 16Mbit/);
    expect(await reaches(place, '10.244.0.1')).toBe(true);
  });

  it('says that it has no address left, and gives the next that comes back', async () => {
    await network.reload('10.244.8.0/29');
    const first = await wire();
    for (let i = 0; i < 4; i++) await wire();
    await expect(wire()).rejects.toThrow(
      /plugin type="bridge" failed \(add\): .*no IP addresses available in range set: 10\.244\.8\.1-10\.244\.8\.6/,
    );
    // What the failed one has is undone, and does not take up the address that is given back.
    await network.tearDown(wired.at(-1)!, undefined);
    await network.tearDown(first.id, first.netns);
    expect((await wire()).ip).toBe(first.ip);
  }, 30_000);

  it('keeps its bridge when the node is given another pod CIDR', async () => {
    const before = await wire();
    await network.tearDown(before.id, before.netns);
    await network.reload('10.244.9.0/28');
    const after = await wire();
    expect(after.ip).toMatch(/^10\.244\.9\./);
    expect(await reaches(after.place, '10.244.9.1')).toBe(true);
  });
});

describe('an agent that was killed', () => {
  it('while it wired a pod leaves no address behind', async () => {
    writeFileSync(join(bin, 'dies'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const list = JSON.parse(readFileSync(join(conf, '10-porthole.conflist'), 'utf8'));
    writeFileSync(join(conf, '05-x.conflist'), JSON.stringify({ ...list, plugins: [...list.plugins, { type: 'dies' }] }));
    await network.whenReady();
    await expect(wire()).rejects.toThrow('failed (add)');
    expect(reservations()).toHaveLength(1);
    // DEL fails with it, and is tried again until it does not.
    network = await open();
    await expect(network.collectGarbage(async () => new Set())).rejects.toThrow('failed (del)');
    writeFileSync(join(bin, 'dies'), '#!/bin/sh\n');
    await network.collectGarbage(async () => new Set());
    expect(reservations()).toEqual([]);
  });

  it('and lost its memory has the addresses of pods that are gone collected, and no other', async () => {
    const [gone, stays] = [await wire(), await wire()];
    rmSync(join(state, 'results', `${gone.id}.json`));
    network = await open();
    await network.reload('10.244.0.0/28');
    await network.collectGarbage(async () => new Set([stays.id]));
    expect(reservations()).toEqual([stays.ip]);
    expect(await reaches(stays.place, '10.244.0.1')).toBe(true);
  });

  it('finds out whose network somebody has broken meanwhile', async () => {
    const [good, broken] = [await wire(), await wire()];
    await broken.place.exec('ip', ['link', 'del', 'eth0']);
    const warn = vi.fn();
    network = await open({ ...silentLogger, warn });
    await network.collectGarbage(async () => new Set([good.id, broken.id]));
    expect(warn.mock.calls.map(([fields]) => fields.sandboxId)).toEqual([broken.id]);
  });
});

it('another network counts as soon as its file stands first; pods of ours stay and end as they began', async () => {
  const ours = await wire();
  const ipam = { type: 'host-local', subnet: '10.99.0.0/24', dataDir: join(directory, 'other'), routes: [{ dst: '0.0.0.0/0' }] };
  const plugins = [{ type: 'ptp', ipam }];
  writeFileSync(join(conf, '05-other.conflist'), JSON.stringify({ cniVersion: '1.0.0', name: 'other', plugins }));
  await network.whenReady();
  const theirs = await wire();
  expect(theirs.ip).toBe('10.99.0.2');
  expect(await reaches(theirs.place, ours.ip)).toBe(true);
  await network.tearDown(ours.id, ours.netns);
  expect(addressesIn('10.244.')).toEqual([]);
  // What others keep is not ours to collect.
  await network.collectGarbage(async () => new Set([theirs.id]));
  expect(readdirSync(join(directory, 'other/other'))).toContain('10.99.0.2');
});
