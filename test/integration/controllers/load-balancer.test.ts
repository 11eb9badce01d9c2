// Services of type LoadBalancer on a real API server: which nodes' addresses they get, and what is left of them afterwards.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isStatus } from '../../../src/apimachinery/status.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { events } from '../../../src/kinds/core/event.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { services } from '../../../src/kinds/core/service.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;
const MERGE = 'application/merge-patch+json';
const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

beforeEach(async () => {
  cluster = await startCluster();
  for (const number of [1, 2, 3]) {
    await cluster.join(`node-${number}`);
    await setAddresses(`node-${number}`, [{ type: 'InternalIP', address: `192.168.0.${number}` }]);
  }
});

afterEach(() => cluster.stop());

const setAddresses = (name: string, addresses: readonly object[]) =>
  cluster.client.patch(nodes, { name }, MERGE, { status: { addresses } }, 'status');
const named = (name: string) => ({ namespace: 'default', name });
const make = (name: string, spec: object = {}) =>
  cluster.client.create(services, {
    metadata: named(name),
    spec: { type: 'LoadBalancer', selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  } as never);
const get = (name: string) => cluster.client.get(services, named(name));
const addresses = async (name: string) => ((await get(name)).status.loadBalancer.ingress ?? []).map(({ ip }) => ip);
const has = (name: string, ...numbers: number[]) => {
  const wanted = numbers.map((number) => `192.168.0.${number}`).join();
  return cluster.until(`${name} has ${wanted}`, async () => (await addresses(name)).join() === wanted);
};
const told = async (name: string) =>
  (await cluster.client.list(events, {})).items
    .filter((each) => each.involvedObject.name === name)
    .map((each) => `${each.reason}: ${each.message}`);
const isTold = (name: string, what: string) =>
  cluster.until(`${name} is told ${what}`, async () => (await told(name)).some((line) => line.includes(what)));

test('it has the address of every node that may take traffic, and follows them', async () => {
  await make('web');
  await has('web', 1, 2, 3);
  expect((await get('web')).metadata.finalizers).toEqual([FINALIZER]);
  expect((await get('web')).status.loadBalancer.ingress![0]).toEqual({ ip: '192.168.0.1', ipMode: 'VIP' });
  await isTold('web', 'EnsuringLoadBalancer: Ensuring load balancer');
  await isTold('web', 'EnsuredLoadBalancer: Ensured load balancer');
  await cluster.client.patch(nodes, { name: 'node-2' }, MERGE, {
    metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } },
  });
  await has('web', 1, 3);
  await isTold('web', 'UpdatedLoadBalancer: Updated load balancer with new hosts');
  await setAddresses('node-3', [
    { type: 'InternalIP', address: '192.168.0.3' },
    { type: 'ExternalIP', address: '192.168.0.33' },
  ]);
  await has('web', 1, 33);
  await cluster.client.delete(nodes, { name: 'node-3' });
  await has('web', 1);
});

test('with externalTrafficPolicy Local only nodes with an endpoint count', async () => {
  await make('web', { externalTrafficPolicy: 'Local' });
  await isTold('web', 'UnAvailableLoadBalancer: There are no available nodes for LoadBalancer');
  const labels = { app: 'web' };
  await cluster.client.create(deployments, {
    metadata: named('web'),
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { nodeSelector: { 'kubernetes.io/hostname': 'node-2' }, containers: [{ name: 'web', image: 'nginx' }] },
      },
    },
  });
  await has('web', 2);
});

test('what is no load balancer any more, or is deleted, gives its addresses back; one of another class is left alone', async () => {
  await make('other', { loadBalancerClass: 'example.com/metal' });
  await make('web');
  await has('web', 1, 2, 3);
  await cluster.client.patch(services, named('web'), MERGE, { spec: { type: 'ClusterIP' } });
  await has('web');
  await cluster.until('nobody holds it', async () => (await get('web')).metadata.finalizers === undefined);
  await isTold('web', 'DeletedLoadBalancer: Deleted load balancer');
  await make('brief');
  await has('brief', 1, 2, 3);
  await cluster.client.delete(services, named('brief'));
  await cluster.until('it is gone', () =>
    get('brief').then(
      () => false,
      (error) => isStatus(error, 'NotFound'),
    ),
  );
  const other = await get('other');
  expect([other.metadata.finalizers, other.status.loadBalancer]).toEqual([undefined, {}]);
});

test('a port of an address is one service’s only, until that goes; those of the nodes themselves are nobody’s', async () => {
  await make('first');
  await has('first', 1, 2, 3);
  await make('second');
  await isTold(
    'second',
    'SyncLoadBalancerFailed: Error syncing load balancer: failed to ensure load balancer: TCP/80 of every node is taken by service default/first',
  );
  await make('third', { ports: [{ port: 81 }] });
  await has('third', 1, 2, 3);
  expect(await addresses('second')).toEqual([]);
  await cluster.client.delete(services, named('first'));
  await has('second', 1, 2, 3);
  await make('greedy', { ports: [{ port: 10250 }] });
  await isTold('greedy', 'SyncLoadBalancerFailed');
});
