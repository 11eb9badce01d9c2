// A local cluster's layout: what a person may ask for, and that two clusters never share a name, address or path.
import { describe, expect, test } from 'vitest';
import { type ClusterSpec, layoutOf } from '../../../../src/cluster/local/state.js';

const spec = (changes: Partial<ClusterSpec> = {}): ClusterSpec => ({
  name: 'porthole',
  subnet: '192.168.241.0/24',
  nodes: 3,
  port: 6443,
  ...changes,
});

describe('layoutOf', () => {
  test('gives node i the address that ends in 10 + i, behind the gateway that ends in 1', () => {
    const layout = layoutOf(spec());
    expect(layout.gateway).toBe('192.168.241.1');
    expect(layout.apiUrl).toBe('https://192.168.241.1:6443');
    expect(layout.nodeList.map((node) => [node.name, node.address, node.netns])).toEqual([
      ['node-1', '192.168.241.11', 'porthole-node-1'],
      ['node-2', '192.168.241.12', 'porthole-node-2'],
      ['node-3', '192.168.241.13', 'porthole-node-3'],
    ]);
  });

  test('keeps everything of another cluster apart by its name', () => {
    const [one, other] = [layoutOf(spec()), layoutOf(spec({ name: 'other' }))];
    const names = (layout: typeof one) => [
      layout.runDir,
      layout.dataDir,
      layout.hostLink,
      layout.lanNetns,
      layout.cgroup,
      ...Object.values(layout.chains),
      ...layout.nodeList.flatMap((node) => [node.netns, node.dockerSocket, node.dataDir, node.cgroup, node.agent.pidFile]),
    ];
    expect(names(one).filter((name) => names(other).includes(name))).toEqual([]);
  });

  test('keeps names within what the kernel takes, for the longest cluster name', () => {
    const layout = layoutOf(spec({ name: 'abcdefghijklmn', nodes: 240 }));
    expect(layout.hostLink.length).toBeLessThanOrEqual(15);
    expect(layout.chains.postrouting.length).toBeLessThanOrEqual(28);
    // A Unix socket's path has 107 characters at most; containerd adds .ttrpc to its own.
    expect(Math.max(...layout.nodeList.map((node) => `${node.containerdSocket}.ttrpc`.length))).toBeLessThanOrEqual(107);
    expect(layout.nodeList.at(-1)?.address).toBe('192.168.241.250');
  });

  test.each([
    [{ name: 'Big' }, 'cluster name "Big" is not usable'],
    [{ name: '-x' }, 'cluster name "-x" is not usable'],
    [{ name: '../up' }, 'cluster name "../up" is not usable'],
    [{ name: 'abcdefghijklmno' }, 'at most 14'],
    [{ nodes: 0 }, '--nodes 0 is not usable'],
    [{ nodes: 241 }, '--nodes 241 is not usable'],
    [{ nodes: 1.5 }, '--nodes 1.5 is not usable'],
    [{ port: 0 }, '--port 0 is not usable'],
    [{ subnet: '10.0.0.0/16' }, '--subnet 10.0.0.0/16 is not usable'],
    [{ subnet: '10.0.0.256/24' }, '--subnet 10.0.0.256/24 is not usable'],
    [{ subnet: '10.300.0.0/24' }, '--subnet 10.300.0.0/24 is not usable'],
  ])('refuses %j in one line', (changes, message) => {
    expect(() => layoutOf(spec(changes))).toThrow(message);
  });
});
