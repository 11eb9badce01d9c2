// What CNI plugins are told and how their answers count: plugins that write down their calls, in any version of the specification.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addressesOf } from '../../../../agent/cni/attachment.js';
import { CniNetwork } from '../../../../agent/cni/cni.js';
import { parseConflist } from '../../../../agent/cni/conflist.js';
import type { PodNetworkConfig } from '../../../../agent/runtime/network.js';
import type { JsonObject } from '../../../../src/apimachinery/json.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';

/** Writes down what it is told, then does what the file of its name in `answers` says, or gives an address. */
const PLUGIN = `#!/bin/sh
here=$(dirname "$0"); name=$(basename "$0")
printf '%s %s %s %s %s;\\n' "$name" "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_IFNAME" "$CNI_NETNS" >>"$here/calls"
cat >"$here/config-$name-$CNI_COMMAND"
printf '%s' "$CNI_ARGS" >"$here/args"
if [ -f "$here/answers/$name-$CNI_COMMAND" ]; then . "$here/answers/$name-$CNI_COMMAND"; fi
[ $CNI_COMMAND != VERSION ] || echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0","1.1.0"]}'
[ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.0.0","from":"'"$name"'","interfaces":[{"name":"veth1"},{"name":"eth0","sandbox":"/ns"}],"ips":[{"address":"10.1.0.5/24","interface":1}]}'
`;

let directory: string;
let bin: string;
let conf: string;
let network: CniNetwork;

const list = (name: string, cniVersion: string, plugins: readonly JsonObject[], more: JsonObject = {}) =>
  writeFile(join(conf, `${name}.conflist`), JSON.stringify({ name, cniVersion, plugins, ...more }));
const pod = (sandboxId: string, more: Partial<PodNetworkConfig> = {}): PodNetworkConfig => ({
  sandboxId,
  netns: '/proc/7/ns/net',
  name: 'web',
  namespace: 'default',
  uid: 'u1',
  portMappings: [],
  ...more,
});
const open = () =>
  CniNetwork.open({
    confDirectory: conf,
    binDirectories: ['/nowhere', bin],
    stateDirectory: join(directory, 'state'),
    log: silentLogger,
  });
const calls = async () => {
  const text = await readFile(join(bin, 'calls'), 'utf8').catch(() => '');
  await rm(join(bin, 'calls'), { force: true });
  return text.replaceAll(' ;', ';').replaceAll(';', '').trim().split('\n');
};
const told = async (plugin: string, command: string) => JSON.parse(await readFile(join(bin, `config-${plugin}-${command}`), 'utf8'));
const answers = (plugin: string, command: string, script: string) => writeFile(join(bin, 'answers', `${plugin}-${command}`), script);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'porthole-cni-'));
  [bin, conf] = [join(directory, 'bin'), join(directory, 'net.d')];
  for (const path of [join(bin, 'answers'), conf]) await mkdir(path, { recursive: true });
  for (const name of ['one', 'two', 'portmap', 'bandwidth']) {
    await writeFile(join(bin, name), PLUGIN);
    await chmod(join(bin, name), 0o755);
  }
  network = await open();
});
afterEach(() => rm(directory, { recursive: true }));

describe('a pod is wired', () => {
  it.each<[string, Partial<PodNetworkConfig>, JsonObject, readonly string[]]>([
    ['neither', {}, {}, ['one']],
    ['ports', { portMappings: [{ hostPort: 80, containerPort: 8080, protocol: 'tcp' }] }, {}, ['one', 'portmap']],
    ['bandwidth', { bandwidth: { egressRate: 1000 } }, {}, ['one', 'bandwidth']],
    ['what all pods get', {}, { ingressRate: 1000, ingressBurst: 1000 }, ['one', 'bandwidth']],
  ])('without the plugins for ports and bandwidth where it asks for %s, unless nothing is known of it', async (_, asked, rates, names) => {
    const capable = [
      { type: 'portmap', capabilities: { portMappings: true } },
      { type: 'bandwidth', capabilities: { bandwidth: true }, ...rates },
    ];
    const dataDir = join(directory, 'state/networks');
    await list('net', '1.0.0', [{ type: 'one', ipam: { type: 'host-local', dataDir } }, ...capable]);
    await network.reload(undefined);
    await network.setUp(pod('s1', asked));
    expect(await calls()).toEqual(names.map((name) => `${name} ADD s1 eth0 /proc/7/ns/net`));
    await network.tearDown('s1', '/proc/7/ns/net');
    expect(await calls()).toEqual([...names].reverse().map((name) => `${name} DEL s1 eth0 /proc/7/ns/net`));
    await mkdir(join(dataDir, 'net'), { recursive: true });
    await writeFile(join(dataDir, 'net/10.1.0.9'), 's2\r\neth0');
    await network.collectGarbage(async () => new Set());
    expect(await calls()).toEqual(['bandwidth', 'portmap', 'one'].map((name) => `${name} DEL s2 eth0`));
  });

  it('by one plugin after the other, each with the result of the one before, and unwired the other way round', async () => {
    await list('net', '1.0.0', [{ type: 'one', key: { kept: 1 } }, { type: 'two' }]);
    await network.reload(undefined);
    expect(await network.setUp(pod('s1'))).toEqual(['10.1.0.5']);
    expect(await calls()).toEqual(['one ADD s1 eth0 /proc/7/ns/net', 'two ADD s1 eth0 /proc/7/ns/net']);
    expect(await told('one', 'ADD')).toEqual({ type: 'one', key: { kept: 1 }, name: 'net', cniVersion: '1.0.0' });
    expect(await told('two', 'ADD')).toMatchObject({ type: 'two', prevResult: { from: 'one' } });
    expect(await readFile(join(bin, 'args'), 'utf8')).toBe(
      'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=s1;K8S_POD_UID=u1',
    );
    await network.tearDown('s1', '/proc/7/ns/net');
    expect(await calls()).toEqual(['two DEL s1 eth0 /proc/7/ns/net', 'one DEL s1 eth0 /proc/7/ns/net']);
    expect(await told('one', 'DEL')).toMatchObject({ prevResult: { from: 'two' } });
    await network.tearDown('s1', undefined);
    expect(await calls()).toEqual(['']);
  });

  it('with what each plugin has asked for by its capabilities, and nothing else', async () => {
    await list('net', '1.0.0', [
      { type: 'one', capabilities: { portMappings: true, bandwidth: false } },
      { type: 'two', capabilities: { bandwidth: true, ipRanges: true, dns: true, 'io.kubernetes.cri.pod-annotations': true } },
    ]);
    await network.reload('10.1.0.0/24');
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' as const, hostIP: '192.0.2.1' }];
    const dns = { nameservers: ['10.96.0.10'], searches: ['svc'], options: ['ndots:5'] };
    await network.setUp(pod('s1', { portMappings, bandwidth: { egressRate: 1000 }, dns, annotations: { a: 'b' } }));
    expect(await told('one', 'ADD')).toEqual({ type: 'one', name: 'net', cniVersion: '1.0.0', runtimeConfig: { portMappings } });
    expect((await told('two', 'DEL').catch(() => told('two', 'ADD'))).runtimeConfig).toEqual({
      bandwidth: { egressRate: 1000 },
      ipRanges: [[{ subnet: '10.1.0.0/24' }]],
      dns: { servers: ['10.96.0.10'], searches: ['svc'], options: ['ndots:5'] },
      'io.kubernetes.cri.pod-annotations': { a: 'b' },
    });
  });

  it('and where a plugin fails the reason is its own, and what the others did is undone', async () => {
    await list('net', '1.0.0', [{ type: 'one' }, { type: 'two' }]);
    await network.reload(undefined);
    await answers('two', 'ADD', `echo '{"code":11,"msg":"no room","details":"try later"}'; exit 1`);
    await expect(network.setUp(pod('s1'))).rejects.toThrow(
      'failed to setup network for sandbox "s1": plugin type="two" failed (add): no room; try later',
    );
    await calls();
    await network.tearDown('s1', '/ns');
    expect(await calls()).toEqual(['two DEL s1 eth0 /ns', 'one DEL s1 eth0 /ns']);
  });

  it('and unwired by an agent that comes after one that was killed meanwhile, also where it cannot read what that kept', async () => {
    await list('net', '0.3.1', [{ type: 'one' }, { type: 'two' }]);
    await network.reload(undefined);
    await answers('two', 'ADD', 'exit 1');
    await network.setUp(pod('s1')).catch(() => undefined);
    await answers('two', 'ADD', '');
    await network.setUp(pod('s2'));
    await writeFile(join(directory, 'state/results/s3.json'), '{"pod":');
    // Named in the directory, and not there to be read: as a file that is removed in that very moment.
    await symlink(join(directory, 'nowhere'), join(directory, 'state/results/s4.json'));
    const next = await open();
    expect(await readdir(join(directory, 'state/results'))).toEqual(['s1.json', 's2.json', 's4.json']);
    expect([next.ips('s1'), next.ips('s2')]).toEqual([[], ['10.1.0.5']]);
    await calls();
    await next.collectGarbage(async () => new Set(['s2']));
    expect(await calls()).toEqual(['two DEL s1 eth0', 'one DEL s1 eth0']);
    // A result at DEL is of version 0.4.0.
    await next.tearDown('s2', undefined);
    expect((await told('one', 'DEL')).prevResult).toBeUndefined();
  });

  it('and unwired where an agent was still wiring it when the next one had begun', async () => {
    await list('net', '1.0.0', [{ type: 'one' }]);
    await network.reload(undefined);
    const next = await open();
    await network.setUp(pod('late'));
    await calls();
    await next.collectGarbage(async () => new Set());
    expect(await calls()).toEqual(['one DEL late eth0']);
    expect(await readdir(join(directory, 'state/results'))).toEqual([]);
  });

  it('and unwired for good where it is given up while it is being wired', async () => {
    await list('net', '1.0.0', [{ type: 'one' }]);
    await network.reload(undefined);
    await answers('one', 'ADD', 'while [ ! -f "$here/go" ]; do sleep 0.01; done');
    const wired = network.setUp(pod('a'));
    await network.collectGarbage(async () => new Set());
    await writeFile(join(bin, 'go'), '');
    await wired;
    await network.collectGarbage(async () => new Set());
    expect(network.ips('a')).toEqual([]);
    expect(await readdir(join(directory, 'state/results'))).toEqual([]);
  });
});

describe('the configuration', () => {
  it('that stands first counts for pods from then on; those before keep theirs to the end', async () => {
    await list('b', '1.0.0', [{ type: 'one' }]);
    await network.reload(undefined);
    await network.setUp(pod('s1'));
    await list('a', '1.0.0', [{ type: 'two' }]);
    await network.whenReady();
    await network.setUp(pod('s2'));
    await network.tearDown('s1', '/ns');
    expect(await calls()).toEqual(['one ADD s1 eth0 /proc/7/ns/net', 'two ADD s2 eth0 /proc/7/ns/net', 'one DEL s1 eth0 /ns']);
  });

  it.each([
    ['is absent', undefined, 'no CNI configuration in'],
    ['is no JSON', '{', 'a.conflist is not JSON'],
    ['is no object', '[]', 'a.conflist is not an object'],
    ['has no plugins', '{"name":"x","plugins":[]}', 'a.conflist has no plugins'],
    ['has a plugin without a type', '{"name":"x","plugins":[{}]}', 'a.conflist: a plugin has no type'],
    ['has a name that is a path', '{"name":"../x","plugins":[{"type":"one"}]}', 'invalid characters found in network name "../x"'],
    ['is of the future', '{"name":"x","cniVersion":"9.0.0","plugins":[{"type":"one"}]}', 'of version 9.0.0, known are 1.1.0, 1.0.0'],
  ])('that %s leaves the node not ready until it is mended', async (_what, text, why) => {
    if (text !== undefined) await writeFile(join(conf, 'a.conflist'), text);
    await network.reload(undefined);
    expect(network.notReady()).toContain('Network plugin returns error: cni plugin not initialized: ');
    expect(network.notReady()).toContain(why);
    await expect(network.whenReady()).rejects.toThrow(why);
    await writeFile(join(conf, 'a.conflist'), '{"name":"x","cniVersion":"1.0.0","plugins":[{"type":"one"}]}');
    await network.whenReady();
    expect(network.notReady()).toBeUndefined();
  });

  it('whose plugin is not installed fails the pod with the places that were looked at', async () => {
    await list('net', '1.0.0', [{ type: 'three' }]);
    await network.whenReady();
    await expect(network.setUp(pod('s1'))).rejects.toThrow(`failed to find plugin "three" in path [/nowhere ${bin}]`);
  });

  it('may be of one plugin, offer several versions, and have plugins in a folder of its own', async () => {
    const parsed = (value: object) => parseConflist(JSON.stringify(value), 'x');
    expect(parsed({ name: 'n', type: 'one' })).toMatchObject({ cniVersion: '0.2.0', plugins: [{ type: 'one' }] });
    expect(parsed({ name: 'n', cniVersion: '0.4.0', cniVersions: ['9.0.0', '1.1.0'], plugins: [] }).cniVersion).toBe('1.1.0');
    await list('net', '1.0.0', [{ type: 'one' }]);
    await mkdir(join(conf, 'net'));
    await writeFile(join(conf, 'net/x.conf'), '{"type":"two"}');
    await network.whenReady();
    await network.setUp(pod('s1'));
    expect((await calls()).map((line) => line.split(' ')[0])).toEqual(['one', 'two']);
  });
});

describe('plugins of version 1.1.0', () => {
  it('say whether they can wire pods', async () => {
    await list('net', '1.1.0', [{ type: 'one' }]);
    await answers('one', 'STATUS', `echo '{"code":50,"msg":"daemon is away"}'; exit 1`);
    await network.reload(undefined);
    expect(network.notReady()).toBe('Network plugin returns error: plugin type="one" failed (status): daemon is away');
    await answers('one', 'STATUS', '');
    await network.whenReady();
    expect(network.notReady()).toBeUndefined();
  });

  it.each([
    ['are told at start which attachments live', {}, true],
    ['but not where the list says no', { disableGC: true }, false],
  ])('%s', async (_what, more, isTold) => {
    await list('net', '1.1.0', [{ type: 'one' }], more);
    await network.reload(undefined);
    await network.setUp(pod('s1'));
    await network.collectGarbage(async () => new Set(['s1']));
    expect((await calls()).some((line) => line.startsWith('one GC'))).toBe(isTold);
    if (isTold)
      expect(await told('one', 'GC')).toMatchObject({ name: 'net', 'cni.dev/valid-attachments': [{ containerID: 's1', ifname: 'eth0' }] });
    await network.collectGarbage(async () => new Set(['s1']));
    expect(await calls()).toEqual(['']);
  });

  it.each([
    ['are asked once whether what was wired before still is', {}, true],
    ['but not where the list says no', { disableCheck: true }, false],
  ])('%s', async (_what, more, isAsked) => {
    await list('net', '1.0.0', [{ type: 'one' }], more);
    await network.reload(undefined);
    await network.setUp(pod('s1'));
    const next = await open();
    await next.collectGarbage(async () => new Set(['s1']));
    expect((await calls()).includes('one CHECK s1 eth0 /proc/7/ns/net')).toBe(isAsked);
  });
});

it('the addresses of a result are those of the pod itself, IPv4 first, in each form that there was', () => {
  const interfaces = [{ name: 'veth0' }, { name: 'eth0', sandbox: '/ns' }, { name: 'net1', sandbox: '/ns' }];
  const ips = [
    { address: 'fd00::5/64', interface: 1 },
    { address: '10.1.0.5/24', interface: 1 },
    { address: '10.9.0.5/24', interface: 2 },
  ];
  expect(addressesOf({ interfaces, ips })).toEqual(['10.1.0.5', 'fd00::5']);
  expect(addressesOf({ ips: [{ version: '4', address: '10.1.0.5/24' }] })).toEqual(['10.1.0.5']);
  expect(addressesOf({ ip4: { ip: '10.1.0.5/24' } })).toEqual(['10.1.0.5']);
  expect(addressesOf(undefined)).toEqual([]);
});
