// Endpoints that are kept by hand, on a real API server: mirrored in slices for as long as their Service has no selector.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endpoints } from '../../../src/kinds/core/endpoints.js';
import { services } from '../../../src/kinds/core/service.js';
import { endpointSlices } from '../../../src/kinds/discovery/endpointslice.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;
const MERGE = 'application/merge-patch+json';
const DB = { namespace: 'default', name: 'db' };

beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const slices = async () =>
  (await cluster.client.list(endpointSlices, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=db' })).items;
const shown = async () =>
  (await slices())
    .flatMap(({ addressType, endpoints: all = [], ports = [] }) =>
      all.map(({ addresses, conditions }) => `${addressType} ${addresses[0]}:${ports[0]!.port} ${conditions.ready}`),
    )
    .sort()
    .join();
const show = (what: string) => cluster.until(`the slices show ${what}`, async () => (await shown()) === what);

test('they follow the Endpoints, family by family, and go with what made them', async () => {
  await cluster.client.create(services, { metadata: DB, spec: { ports: [{ port: 5432 }] } } as never);
  await cluster.client.create(endpoints, {
    metadata: { ...DB, labels: { tier: 'data' }, annotations: { note: 'by hand' } },
    subsets: [{ addresses: [{ ip: '10.1.0.1' }, { ip: 'fd00::1' }], notReadyAddresses: [{ ip: '10.1.0.2' }], ports: [{ port: 5432 }] }],
  });
  await show('IPv4 10.1.0.1:5432 true,IPv4 10.1.0.2:5432 false,IPv6 fd00::1:5432 true');
  const [first] = await slices();
  expect(first!.metadata.labels).toEqual({
    tier: 'data',
    'kubernetes.io/service-name': 'db',
    'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
  });
  expect(first!.metadata.annotations).toEqual({ note: 'by hand' });
  expect(first!.metadata.ownerReferences).toMatchObject([{ kind: 'Endpoints', name: 'db', controller: true }]);
  await cluster.client.patch(endpoints, DB, MERGE, { subsets: [{ addresses: [{ ip: '10.1.0.9' }], ports: [{ port: 5433 }] }] });
  await show('IPv4 10.1.0.9:5433 true');
  await cluster.client.patch(endpoints, DB, MERGE, { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } });
  await show('');
  await cluster.client.patch(endpoints, DB, MERGE, { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': null } } });
  await show('IPv4 10.1.0.9:5433 true');
  await cluster.client.delete(services, DB);
  await show('');
});

test('a Service that is given a selector has slices of its own from then on', async () => {
  await cluster.client.create(services, { metadata: DB, spec: { ports: [{ port: 5432 }] } } as never);
  await cluster.client.create(endpoints, { metadata: DB, subsets: [{ addresses: [{ ip: '10.1.0.1' }], ports: [{ port: 5432 }] }] });
  await show('IPv4 10.1.0.1:5432 true');
  await cluster.client.patch(services, DB, MERGE, { spec: { selector: { app: 'db' } } });
  await show('');
  await cluster.until('the empty slice is the endpoint slice controller’s', async () => {
    const managers = (await slices()).map(({ metadata }) => metadata.labels?.['endpointslice.kubernetes.io/managed-by']);
    return managers.join() === 'endpointslice-controller.k8s.io';
  });
});
