// A controller that speaks controller-runtime's protocol, from its election to the clean-up of what it made; and reflectors of before and after 1.35.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import type { TestServer } from '../../suites/apiserver.js';
import { startTestCluster } from '../../suites/cluster.js';
import { shows } from '../../suites/compatibility.js';
import { Kubectl } from '../../suites/kubectl.js';
import { until } from '../../suites/until.js';
import { GoClient, type GoKind } from './go-client.js';
import { DEPLOYMENTS, WEBSITES, WebsiteController } from './go-controller.js';
import { type ListWatch, Reflector } from './go-reflector.js';

const CRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: websites.controller.example}
spec:
  group: controller.example
  scope: Namespaced
  names: {plural: websites, singular: website, kind: Website}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Ready, type: integer, jsonPath: .status.ready}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [image]
            properties: {image: {type: string}, replicas: {type: integer, default: 1}}
          status:
            type: object
            properties: {ready: {type: integer}, observedGeneration: {type: integer}}
`;

let cluster: TestServer;
let kubectl: Kubectl;
let client: GoClient;
beforeAll(async () => {
  cluster = await startTestCluster();
  client = new GoClient(cluster);
  kubectl = new Kubectl('1.35', cluster.kubeconfig, join(cluster.dir, 'home'));
  await kubectl.ok(['apply', '-f', '-'], CRD);
  await kubectl.ok(['wait', '--for=condition=Established', 'crd/websites.controller.example']);
});
afterAll(async () => {
  client?.close();
  await cluster?.stop();
});

const verb = (name: string, body: () => Promise<void>, version = '1.35') =>
  it(name, async (context) => {
    shows(context, { client: "client-go's and controller-runtime's protocol", version, verb: name, result: 'works' });
    await body();
  });
const get = (kind: GoKind, name: string) => client.get(kind, 'default', name);
const website = (name: string) => ({
  apiVersion: WEBSITES.apiVersion,
  kind: 'Website',
  metadata: { name, namespace: 'default' },
  spec: { image: 'nginx:1', replicas: 2 },
});

verb('a controller: election, reconcile, status, events, finalizers, owners', async () => {
  const [one, two] = [new WebsiteController(cluster, 'one'), new WebsiteController(cluster, 'two')];
  await until('one is elected', () => one.leading || two.leading);
  expect([one.leading, two.leading].filter(Boolean)).toHaveLength(1);
  const [leader, follower] = one.leading ? [one, two] : [two, one];

  await client.create(WEBSITES, 'default', website('shop'));
  const ready = async () => (await get(WEBSITES, 'shop'))['status']?.ready;
  await until('its pods are ready, and its status says so', async () => (await ready()) === 2);
  const owner = await get(WEBSITES, 'shop');
  expect((await get(DEPLOYMENTS, 'shop')).metadata.ownerReferences).toMatchObject([
    { kind: 'Website', uid: owner.metadata.uid, controller: true },
  ]);
  // A change of status is no new generation.
  expect(owner.metadata.generation).toBe(1);
  expect(owner['status'].observedGeneration).toBe(1);
  expect(await kubectl.ok(['get', 'website', 'shop', '--no-headers'])).toMatch(/^shop +2\n$/);
  expect(await kubectl.ok(['describe', 'website', 'shop'])).toMatch(/Normal +Created .*website-controller.* Created deployment shop/);

  await leader.stop();
  await until('the other takes over', () => follower.leading);
  await client.patch(WEBSITES, owner, 'application/merge-patch+json', { spec: { replicas: 3 } });
  await until('it does what is asked now', async () => (await ready()) === 3);

  await client.delete(WEBSITES, 'default', 'shop');
  await until('it is gone', async () => (await kubectl.run(['get', 'website', 'shop'])).code !== 0);
  expect(follower.cleaned).toEqual(['default/shop']);
  await until('what it owned has gone with it', async () => (await kubectl.run(['get', 'deployment', 'shop'])).code !== 0);
  await follower.stop();
});

verb('watch metadata only', async () => {
  await cluster.client.create(secrets, { metadata: { name: 'hush', namespace: 'default', labels: { a: 'b' } }, data: { key: 'aGVsbG8=' } });
  const reflector = new Reflector(client, { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', form: 'metadata' }, 'streaming list');
  await until('it is there', () => reflector.store.has('default/hush'));
  const object = reflector.store.get('default/hush')!;
  expect(object).toMatchObject({ apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata: { labels: { a: 'b' } } });
  expect(object['data']).toBeUndefined();
  await reflector.stop();
});

const REFLECTED: readonly GoKind[] = [
  { apiVersion: 'v1', kind: 'Node', plural: 'nodes', form: 'protobuf' },
  { apiVersion: 'v1', kind: 'Pod', plural: 'pods', form: 'protobuf' },
  { apiVersion: 'v1', kind: 'Service', plural: 'services', form: 'protobuf' },
  { apiVersion: 'v1', kind: 'Endpoints', plural: 'endpoints', form: 'protobuf' },
  { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', plural: 'endpointslices', form: 'protobuf' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', plural: 'ingresses', form: 'protobuf' },
  { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', form: 'protobuf' },
  WEBSITES,
];

const reflects = (how: ListWatch, version: string) =>
  verb(
    `reflector: ${how}`,
    async () => {
      const reflectors = REFLECTED.map((kind) => new Reflector(client, kind, how));
      await until('all have the first state', () => reflectors.every(({ synced }) => synced));
      const [nodes, , services, endpoints, slices, , maps] = reflectors;
      expect([...nodes!.store.keys()].sort()).toEqual(['node-1', 'node-2']);
      for (const each of [services, endpoints, slices]) expect(each!.store.has('default/kubernetes')).toBe(true);
      const name = { namespace: 'default', name: `seen-${version.replace('.', '-')}` };
      await cluster.client.create(configMaps, { metadata: name, data: { key: 'one' } });
      await until('what is made is seen', () => maps!.store.get(`default/${name.name}`)?.['data']?.key === 'one');
      await cluster.client.patch(configMaps, name, 'application/merge-patch+json', { data: { key: 'two' } });
      await until('what changes is seen', () => maps!.store.get(`default/${name.name}`)?.['data']?.key === 'two');
      await cluster.client.delete(configMaps, name);
      await until('what goes is seen', () => !maps!.store.has(`default/${name.name}`));
      for (const reflector of reflectors) await reflector.stop();
    },
    version,
  );

reflects('streaming list', '1.35');
reflects('list and watch', '1.34');
