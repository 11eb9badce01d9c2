// @kubernetes/client-node: typed and untyped objects, patches, watches, informers, and a lease as leader election uses it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ApiException,
  ApiextensionsV1Api,
  AppsV1Api,
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  loadYaml,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  V1MicroTime,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer } from '../../suites/apiserver.js';
import { startTestCluster } from '../../suites/cluster.js';
import { shows } from '../../suites/compatibility.js';
import { until } from '../../suites/until.js';

const NAMESPACE = 'default';
const CRD = join(import.meta.dirname, 'chart/crds/greetings.yaml');

let cluster: TestServer;
const config = new KubeConfig();
let core: CoreV1Api;
beforeAll(async () => {
  cluster = await startTestCluster();
  config.loadFromFile(cluster.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
});
afterAll(() => cluster?.stop());

const verb = (name: string, body: () => Promise<void>) =>
  it(name, async (context) => {
    shows(context, { client: '@kubernetes/client-node', version: '1.4', verb: name, result: 'works' });
    await body();
  });
const configMap = (name: string, data: { [key: string]: string }, labels?: { [key: string]: string }) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: NAMESPACE, labels },
  data,
});
const create = (name: string, data: { [key: string]: string } = {}, labels?: { [key: string]: string }) =>
  core.createNamespacedConfigMap({ namespace: NAMESPACE, body: configMap(name, data, labels) });
const as = (strategy: PatchStrategy) => setHeaderOptions('Content-Type', strategy);

verb('version', async () => {
  expect(await config.makeApiClient(VersionApi).getCode()).toMatchObject({ major: '1', minor: '35' });
});

verb('create, read, replace, delete', async () => {
  await create('crud', { key: 'one' });
  const read = await core.readNamespacedConfigMap({ namespace: NAMESPACE, name: 'crud' });
  expect(read.data).toEqual({ key: 'one' });
  expect(read.metadata?.creationTimestamp).toBeInstanceOf(Date);
  const replace = () => core.replaceNamespacedConfigMap({ namespace: NAMESPACE, name: 'crud', body: { ...read, data: { key: 'two' } } });
  expect((await replace()).data).toEqual({ key: 'two' });
  const conflict = await replace().catch((error: unknown) => error as ApiException<string>);
  expect(conflict).toMatchObject({ code: 409, body: expect.stringContaining('the object has been modified') });
  expect(await core.deleteNamespacedConfigMap({ namespace: NAMESPACE, name: 'crud' })).toMatchObject({ status: 'Success' });
  await expect(core.readNamespacedConfigMap({ namespace: NAMESPACE, name: 'crud' })).rejects.toMatchObject({ code: 404 });
});

verb('list', async () => {
  for (const name of ['a', 'b', 'c']) await create(`list-${name}`, {}, { of: 'list', name });
  const page = (limit?: number, _continue?: string) =>
    core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector: 'of=list', limit, _continue } as never);
  const first = await page(2);
  expect(first.items.map(({ metadata }) => metadata?.name)).toEqual(['list-a', 'list-b']);
  expect((await page(2, first.metadata?._continue)).items.map(({ metadata }) => metadata?.name)).toEqual(['list-c']);
  const bad = core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector: 'a in b' });
  await expect(bad).rejects.toMatchObject({ code: 400 });
});

verb('deletecollection', async () => {
  for (const name of ['x', 'y']) await create(`collected-${name}`, {}, { of: 'collection' });
  await core.deleteCollectionNamespacedConfigMap({ namespace: NAMESPACE, labelSelector: 'of=collection' });
  expect((await core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector: 'of=collection' })).items).toEqual([]);
});

verb('patch', async () => {
  await create('patched', { a: '1', b: '2' });
  const patch = async (strategy: PatchStrategy, body: unknown) =>
    (await core.patchNamespacedConfigMap({ namespace: NAMESPACE, name: 'patched', body }, as(strategy))).data;
  expect(await patch(PatchStrategy.JsonPatch, [{ op: 'replace', path: '/data/a', value: '3' }])).toEqual({ a: '3', b: '2' });
  expect(await patch(PatchStrategy.MergePatch, { data: { a: null } })).toEqual({ b: '2' });
  expect(await patch(PatchStrategy.StrategicMergePatch, { data: { $retainKeys: ['c'], c: '4' } })).toEqual({ c: '4' });
});

verb('server-side apply', async () => {
  const apply = (data: { [key: string]: string }, fieldManager: string, force = false) =>
    core.patchNamespacedConfigMap(
      { namespace: NAMESPACE, name: 'applied', body: configMap('applied', data), fieldManager, force },
      as(PatchStrategy.ServerSideApply),
    );
  await apply({ a: '1', b: '2' }, 'one');
  await apply({ c: '3' }, 'two');
  expect((await apply({ a: '1' }, 'one')).data).toEqual({ a: '1', c: '3' });
  await expect(apply({ a: '5' }, 'two')).rejects.toMatchObject({ code: 409, body: expect.stringContaining('conflict with \\"one\\"') });
  const { data, metadata } = await apply({ a: '5' }, 'two', true);
  expect(data).toEqual({ a: '5' });
  expect(metadata?.managedFields).toMatchObject([{ manager: 'two', operation: 'Apply' }]);
});

verb('watch', async () => {
  const seen: string[] = [];
  const { metadata } = await core.listNamespacedConfigMap({ namespace: NAMESPACE });
  const ended = new Promise<void>((resolve) => {
    const options = { resourceVersion: metadata?.resourceVersion, fieldSelector: 'metadata.name=watched', allowWatchBookmarks: true };
    void new Watch(config)
      .watch(
        `/api/v1/namespaces/${NAMESPACE}/configmaps`,
        options,
        (type, object) => seen.push(`${type} ${object.metadata.name}`),
        () => resolve(),
      )
      .then(async (controller) => {
        await create('watched');
        await core.deleteNamespacedConfigMap({ namespace: NAMESPACE, name: 'watched' });
        await until('all is seen', () => seen.length >= 2);
        controller.abort();
      });
  });
  await ended;
  expect(seen).toEqual(['ADDED watched', 'DELETED watched']);
});

verb('informer', async () => {
  await create('informed', { n: '0' }, { of: 'informer' });
  const list = () => core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector: 'of=informer' });
  const informer = makeInformer(config, `/api/v1/namespaces/${NAMESPACE}/configmaps`, list, 'of=informer');
  const seen: string[] = [];
  for (const event of ['add', 'update', 'delete'] as const) informer.on(event, ({ data }) => seen.push(`${event} ${data?.['n']}`));
  await informer.start();
  expect(seen).toEqual(['add 0']);
  await core.patchNamespacedConfigMap({ namespace: NAMESPACE, name: 'informed', body: { data: { n: '1' } } }, as(PatchStrategy.MergePatch));
  await until('the change is seen', () => informer.get('informed', NAMESPACE)?.data?.['n'] === '1');
  // Out of the selector is out of the cache.
  await core.patchNamespacedConfigMap(
    { namespace: NAMESPACE, name: 'informed', body: { metadata: { labels: null } } },
    as(PatchStrategy.MergePatch),
  );
  await until('it has left', () => informer.list(NAMESPACE).length === 0);
  expect(seen).toEqual(['add 0', 'update 1', 'delete 1']);
  await informer.stop();
});

verb('scale, status', async () => {
  const apps = config.makeApiClient(AppsV1Api);
  const labels = { app: 'scaled' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'nginx' }] } };
  const name = { namespace: NAMESPACE, name: 'scaled' };
  await apps.createNamespacedDeployment({
    namespace: NAMESPACE,
    body: { metadata: { name: 'scaled' }, spec: { selector: { matchLabels: labels }, template } },
  });
  await apps.patchNamespacedDeploymentScale({ ...name, body: { spec: { replicas: 3 } } }, as(PatchStrategy.MergePatch));
  await until('all are ready', async () => (await apps.readNamespacedDeploymentStatus(name)).status?.readyReplicas === 3);
  expect((await apps.readNamespacedDeploymentScale(name)).status).toMatchObject({ replicas: 3, selector: 'app=scaled' });
  await apps.deleteNamespacedDeployment({ ...name, propagationPolicy: 'Foreground' });
  const left = () => core.listNamespacedPod({ namespace: NAMESPACE, labelSelector: 'app=scaled' });
  await until('its pods are gone', async () => (await left()).items.length === 0);
});

verb('leader election by lease', async () => {
  const leases = config.makeApiClient(CoordinationV1Api);
  const name = { namespace: NAMESPACE, name: 'leader' };
  const spec = (holderIdentity: string) => ({
    holderIdentity,
    leaseDurationSeconds: 15,
    acquireTime: new V1MicroTime(),
    renewTime: new V1MicroTime(),
  });
  const held = await leases.createNamespacedLease({ namespace: NAMESPACE, body: { metadata: { name: 'leader' }, spec: spec('one') } });
  const second = leases.createNamespacedLease({ namespace: NAMESPACE, body: { metadata: { name: 'leader' }, spec: spec('two') } });
  await expect(second).rejects.toMatchObject({ code: 409 });
  // Both saw the same lease; only one of them can take it.
  const take = (holder: string) => leases.replaceNamespacedLease({ ...name, body: { ...held, spec: spec(holder) } });
  const results = await Promise.allSettled([take('one'), take('two')]);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

verb('untyped and custom objects', async () => {
  const objects = KubernetesObjectApi.makeApiClient(config);
  await objects.create(loadYaml<KubernetesObject>(readFileSync(CRD, 'utf8')));
  const crds = config.makeApiClient(ApiextensionsV1Api);
  const established = async () => {
    const { status } = await crds.readCustomResourceDefinition({ name: 'greetings.greeter.example' });
    return status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
  };
  await until('the kind is served', established);
  const greeting = { apiVersion: 'greeter.example/v1', kind: 'Greeting', metadata: { name: 'g', namespace: NAMESPACE } };
  expect(await objects.create({ ...greeting, spec: { text: 'hello' } } as KubernetesObject)).toMatchObject({
    spec: { text: 'hello', times: 1 },
  });
  const patched = await objects.patch(
    { ...greeting, spec: { times: 2 } } as never,
    undefined,
    undefined,
    'test',
    undefined,
    PatchStrategy.MergePatch,
  );
  expect(patched).toMatchObject({ spec: { text: 'hello', times: 2 } });
  const custom = config.makeApiClient(CustomObjectsApi);
  const where = { group: 'greeter.example', version: 'v1', namespace: NAMESPACE, plural: 'greetings' };
  expect(await custom.listNamespacedCustomObject(where)).toMatchObject({ kind: 'GreetingList', items: [{ metadata: { name: 'g' } }] });
  await expect(custom.createNamespacedCustomObject({ ...where, body: { ...greeting, spec: {} } })).rejects.toMatchObject({ code: 422 });
  await objects.delete(greeting);
  await expect(objects.read(greeting)).rejects.toMatchObject({ code: 404 });
});
