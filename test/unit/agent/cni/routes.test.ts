// Which routes the Nodes ask for, and that no Node can ask for one that takes over traffic of others.
import { describe, expect, it } from 'vitest';
import { desiredRoutes } from '../../../../agent/cni/routes.js';
import { parseCidr } from '../../../../src/apimachinery/cidr.js';
import { node } from '../objects.js';

const cluster = parseCidr('10.244.0.0/16')!;
const self = node('node-0', '192.168.1.10', '10.244.0.0/24');

describe('routes to other nodes', () => {
  it("lead each node's pods to its InternalIP, and leave this node's own to the bridge", () => {
    const { routes, problems } = desiredRoutes([node('node-1', '192.168.1.11', '10.244.1.0/24'), self], 'node-0', cluster);
    expect(routes).toEqual([{ node: 'node-1', cidr: '10.244.1.0/24', via: '192.168.1.11' }]);
    expect(problems).toEqual([]);
  });

  it.each([
    ['the whole world', '0.0.0.0/0', 'node node-1: podCIDR "0.0.0.0/0" is not within 10.244.0.0/16'],
    ['nonsense', 'x; reboot', 'node node-1: podCIDR "x; reboot" is not within 10.244.0.0/16'],
    ["this node's pods", '10.244.0.0/24', 'node node-1: podCIDR 10.244.0.0/24 is also that of node node-0'],
  ])('no route for a node that asks for %s', (_name, cidr, problem) => {
    const { routes, problems } = desiredRoutes([node('node-1', '192.168.1.11', cidr), self], 'node-0', cluster);
    expect(routes).toEqual([]);
    expect(problems).toEqual([problem]);
  });

  it('a node without an address or without pods yet has none', () => {
    const { routes, problems } = desiredRoutes([node('node-1', 'x', '10.244.1.0/24'), node('node-2', '192.168.1.12')], 'node-0', cluster);
    expect(routes).toEqual([]);
    expect(problems).toEqual(['node node-1 has no InternalIP: its pods cannot be reached from here']);
  });
});
