// Several API servers over one store: the Service kubernetes leads to those that are alive, and each can be told from the others.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Backend } from '../../../src/etcd/backend.js';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { endpoints } from '../../../src/kinds/core/endpoints.js';
import { endpointSlices } from '../../../src/kinds/discovery/endpointslice.js';
import { sharedBackend, startTestServer, type TestServer } from '../../suites/apiserver.js';

const SERVICE = { namespace: 'default', name: 'kubernetes' };
const PORT = 6443;
let backend: Backend;
let servers: TestServer[];

beforeEach(async () => {
  backend = await sharedBackend();
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await server.stop();
});

const start = async (advertiseAddress: string, more: object = {}) => {
  const server = await startTestServer({ backend, advertiseAddress, advertisePort: PORT, ...more });
  servers.push(server);
  return server;
};
const stop = async (server: TestServer) => {
  servers = servers.filter((each) => each !== server);
  await server.stop();
};
const subset = (port: number, ...ips: string[]) => ({
  addresses: ips.map((ip) => ({ ip })),
  ports: [{ name: 'https', port, protocol: 'TCP' }],
});
const subsets = async ({ client }: TestServer) => (await client.get(endpoints, SERVICE)).subsets;
const slices = async ({ client }: TestServer) =>
  (await client.list(endpointSlices, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=kubernetes' })).items.map(
    ({ metadata, endpoints: list, ports }) => [metadata.name, list.flatMap(({ addresses }) => addresses), ports?.[0]?.port],
  );

it('leads to all servers, and no more to one that has stopped', async () => {
  const first = await start('192.168.241.1');
  const second = await start('192.168.241.2');
  await expect.poll(() => subsets(first)).toEqual([subset(PORT, '192.168.241.1', '192.168.241.2')]);
  await expect.poll(() => slices(second)).toEqual([['kubernetes', ['192.168.241.1', '192.168.241.2'], PORT]]);
  await stop(first);
  expect(await subsets(second)).toEqual([subset(PORT, '192.168.241.2')]);
  expect(await slices(second)).toEqual([['kubernetes', ['192.168.241.2'], PORT]]);
});

it('leads to servers of different ports, each by its own', async () => {
  const first = await start('192.168.241.1');
  const second = await start('192.168.241.1', { advertisePort: 6444 });
  await expect.poll(() => subsets(first)).toEqual([subset(PORT, '192.168.241.1'), subset(6444, '192.168.241.1')]);
  await expect
    .poll(() => slices(first))
    .toEqual([
      ['kubernetes', ['192.168.241.1'], PORT],
      ['kubernetes-6444', ['192.168.241.1'], 6444],
    ]);
  await stop(second);
  await expect.poll(() => slices(first)).toEqual([['kubernetes', ['192.168.241.1'], PORT]]);
});

it('gives up a server that dies once its lease ends', async () => {
  const first = await start('192.168.241.1');
  const { id } = await backend.leaseGrant(1);
  const value = Buffer.from(JSON.stringify({ address: '192.168.241.9', port: PORT }));
  const key = `/registry/masterleases/192.168.241.9:${PORT}`;
  await backend.txn({ compare: [], success: [{ type: 'put', key, value, lease: id }], failure: [] });
  await expect.poll(() => subsets(first)).toEqual([subset(PORT, '192.168.241.1', '192.168.241.9')]);
  await expect.poll(() => subsets(first), { timeout: 20_000 }).toEqual([subset(PORT, '192.168.241.1')]);
});

it('still leads to the last one after it has stopped, and to where it is when it comes back', async () => {
  await stop(await start('192.168.241.1'));
  const again = await start('192.168.241.5');
  expect(await subsets(again)).toEqual([subset(PORT, '192.168.241.5')]);
});

it('a Lease tells of each server by its host, and those of servers long gone are taken away', async () => {
  const { client } = await start('192.168.241.1', { hostname: 'one' });
  const labels = { 'apiserver.kubernetes.io/identity': 'kube-apiserver' };
  const spec = { holderIdentity: 'gone', leaseDurationSeconds: 3600, renewTime: '2020-01-01T00:00:00.000000Z' };
  await client.create(leases, { metadata: { namespace: 'kube-system', name: 'apiserver-gone', labels }, spec });
  await start('192.168.241.2', { hostname: 'two' });
  const { items } = await client.list(leases, {
    namespace: 'kube-system',
    labelSelector: 'apiserver.kubernetes.io/identity=kube-apiserver',
  });
  expect(items.map(({ metadata }) => metadata.labels?.['kubernetes.io/hostname']).sort()).toEqual(['one', 'two']);
  for (const { metadata, spec: own } of items) {
    expect(metadata.name).toMatch(/^apiserver-[a-z2-7]{26}$/);
    expect(own.holderIdentity).toMatch(new RegExp(`^${metadata.name}_[0-9a-f-]{36}$`));
    expect(own.leaseDurationSeconds).toBe(3600);
  }
});
