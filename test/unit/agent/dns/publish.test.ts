// The node's DNS server as an endpoint of kube-dns: published once the Node is there, restored when it is deleted or changed.
import { describe, expect, it, vi } from 'vitest';
import { publishDnsEndpoints } from '../../../../agent/dns/publish.js';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import type { Client } from '../../../../src/client/client.js';
import { nodes } from '../../../../src/kinds/core/node.js';
import { endpointSlices } from '../../../../src/kinds/discovery/endpointslice.js';
import type { EndpointSlice } from '../../../../src/kinds/types/discovery_v1.js';
import { FakeInformers } from '../fake-informers.js';
import { node } from '../objects.js';

describe('the DNS endpoint of a node', () => {
  it('is published, belongs to the Node, and comes back when somebody deletes or changes it', async () => {
    const informers = new FakeInformers();
    const write = vi.fn(async (_kind: unknown, object: unknown) => {
      const stored = object as EndpointSlice;
      informers.set(endpointSlices, { ...stored, metadata: { ...stored.metadata, resourceVersion: '2' } });
      return stored;
    });
    const client = { create: write, update: write } as unknown as Client;
    const publisher = publishDnsEndpoints({
      client,
      informers,
      nodeName: 'node-0',
      nodeIp: '192.168.1.10',
      port: 10053,
      metricsPort: 9153,
      clock: systemClock,
      log: silentLogger,
    });
    const name = { namespace: 'kube-system', name: 'kube-dns-node-0' };
    const stored = () => informers.of(endpointSlices).get(name);
    expect(stored()).toBeUndefined();

    informers.set(nodes, node('node-0', '192.168.1.10'));
    await vi.waitFor(() => expect(stored()).toBeDefined());
    expect(stored()!.metadata).toMatchObject({
      labels: { 'kubernetes.io/service-name': 'kube-dns' },
      ownerReferences: [{ kind: 'Node', uid: 'uid-node-0' }],
    });
    expect(stored()!.endpoints[0]).toMatchObject({ addresses: ['192.168.1.10'], nodeName: 'node-0', conditions: { ready: true } });

    informers.remove(endpointSlices, 'kube-system/kube-dns-node-0');
    await vi.waitFor(() => expect(stored()).toBeDefined());
    informers.set(endpointSlices, { ...stored()!, endpoints: [] });
    await vi.waitFor(() => expect(stored()!.endpoints).toHaveLength(1));
    expect(write).toHaveBeenCalledTimes(3);
    await publisher.stop();
  });
});
