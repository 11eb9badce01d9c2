// Ranges of Services' addresses: ready once somebody has seen them, kept while addresses of theirs are in use.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { services } from '../../../src/kinds/core/service.js';
import { serviceCidrs } from '../../../src/kinds/networking/servicecidr.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
const more = { name: 'more' };
const range = (name: string, cidr: string) => cluster.client.create(serviceCidrs, { metadata: { name }, spec: { cidrs: [cidr] } });
const ready = async (name: string) => {
  const { metadata, status } = await cluster.client.get(serviceCidrs, { name });
  return (
    metadata.finalizers?.includes(FINALIZER) && status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True')
  );
};
const isReady = (name: string) => cluster.until(`${name} is ready`, async () => Boolean(await ready(name)));
const isGone = () =>
  cluster.until('the range is gone', () =>
    cluster.client.get(serviceCidrs, more).then(
      () => false,
      () => true,
    ),
  );
const service = async () => {
  const spec = { clusterIP: '10.200.0.5', ports: [{ port: 80 }] };
  return cluster.client.create(services, { metadata: { name: 's', namespace: 'default' }, spec });
};

test('a range without addresses in use goes when it is deleted', async () => {
  await range('more', '10.200.0.0/24');
  await isReady('more');
  await cluster.client.delete(serviceCidrs, more);
  await isGone();
});

test('a range with addresses in use waits for their Services', async () => {
  await range('more', '10.200.0.0/24');
  await isReady('more');
  const { metadata } = await service();
  await cluster.client.delete(serviceCidrs, more);
  await cluster.until('it says why it stays', async () => {
    const { status } = await cluster.client.get(serviceCidrs, more);
    return status?.conditions?.[0]?.reason === 'Terminating';
  });
  const { status } = await cluster.client.get(serviceCidrs, more);
  expect(status?.conditions).toEqual([
    expect.objectContaining({
      type: 'Ready',
      status: 'False',
      message: expect.stringMatching(/^There are still IPAddresses referencing the ServiceCIDR/),
    }),
  ]);
  await cluster.client.delete(services, metadata);
  await isGone();
});

test('a range goes once another one has its addresses', async () => {
  await range('more', '10.200.0.0/24');
  await isReady('more');
  await service();
  await cluster.client.delete(serviceCidrs, more);
  await range('wider', '10.200.0.0/20');
  await isGone();
});
