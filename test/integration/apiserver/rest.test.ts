// The API over its in-process transport: what lists, watches, writes and deletions promise.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import type { StatusError } from '../../../src/apimachinery/status.js';
import { bootstrap } from '../../../src/apiserver/bootstrap.js';
import { ApiClient } from '../../../src/client/api-client.js';
import type { Transport, WatchEvent } from '../../../src/client/client.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { certificateSigningRequests } from '../../../src/kinds/certificates/certificatesigningrequest.js';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { endpoints } from '../../../src/kinds/core/endpoints.js';
import { events } from '../../../src/kinds/core/event.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { services } from '../../../src/kinds/core/service.js';
import { ADMIN, startTestServer, type TestServer } from '../../suites/apiserver.js';
import { refusal, type Send, sender } from './requests.js';

let api: TestServer;
let client: ApiClient;
let transport: Transport;

beforeAll(async () => {
  api = await startTestServer();
  client = api.client;
  transport = api.server.transport(ADMIN);
});
afterAll(() => api?.stop());

const send: Send = (...request) => sender(transport)(...request);
const configMap = (name: string, extra: object = {}) => ({ metadata: { name, namespace: 'default', ...extra }, data: { a: 'b' } });
let namespaceCount = 0;
const freshNamespace = async () => {
  const name = `n${++namespaceCount}`;
  await client.create(namespaces, { metadata: { name } });
  return name;
};

/** The events of a watch until `enough` says so. */
async function watchUntil(url: string, enough: (events: WatchEvent<KubeObject>[]) => boolean) {
  const [path, query] = url.split('?');
  const abort = new AbortController();
  const seen: WatchEvent<KubeObject>[] = [];
  const stream = transport.watch({ method: 'GET', path: path!, query: new URLSearchParams(`watch=1&${query ?? ''}`) }, abort.signal);
  for await (const event of stream) {
    seen.push(event);
    if (enough(seen)) break;
  }
  abort.abort();
  return seen;
}

describe('creating', () => {
  it('fills in what only the server knows', async () => {
    const before = await client.create(configMaps, configMap('filled', { uid: 'mine', resourceVersion: '', generation: 7, selfLink: 'x' }));
    expect(before.metadata.uid).not.toBe('mine');
    expect(before.metadata).not.toHaveProperty('generation');
    expect(before.metadata).not.toHaveProperty('selfLink');
    expect(Number(before.metadata.resourceVersion)).toBeGreaterThan(0);
    expect(await client.get(configMaps, before.metadata)).toEqual(before);
  });

  it('generates names, anew when one is taken', async () => {
    const names = await Promise.all(
      Array.from({ length: 20 }, () => client.create(configMaps, { metadata: { generateName: 'g-', namespace: 'default' } })),
    );
    expect(new Set(names.map(({ metadata }) => metadata.name)).size).toBe(20);
    expect(names[0]!.metadata.name).toMatch(/^g-[a-z0-9]{5}$/);
  });

  it('refuses in upstream’s words', async () => {
    const cases: [Promise<unknown>, number, string][] = [
      [client.create(configMaps, configMap('filled')), 409, 'configmaps "filled" already exists'],
      [
        send('POST', '/api/v1/namespaces/default/configmaps', configMap('x', { resourceVersion: '1' })),
        400,
        'resourceVersion should not be set on objects to be created',
      ],
      [
        send('POST', '/api/v1/namespaces/default/configmaps', configMap('x', { namespace: 'other' })),
        400,
        'the namespace of the provided object does not match the namespace sent on the request',
      ],
      [send('POST', '/api/v1/configmaps', { metadata: { name: 'x' } }), 400, 'an empty namespace may not be set during creation'],
      [
        send('POST', '/api/v1/namespaces/default/configmaps', { kind: 'Pod', metadata: { name: 'x' } }),
        400,
        'the kind in the data (Pod) does not match the expected kind (ConfigMap)',
      ],
      [
        send('POST', '/api/v1/namespaces/default/configmaps', { apiVersion: 'v2', metadata: { name: 'x' } }),
        400,
        'the API version in the data (v2) does not match the expected API version (v1)',
      ],
      [
        send('POST', '/api/v1/namespaces/default/configmaps', { metadata: {} }),
        422,
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
      ],
      [send('POST', '/api/v1/namespaces/default/nothings', {}), 404, 'the server could not find the requested resource'],
      [send('POST', '/api/v1/nodes/n', { metadata: { name: 'n' } }), 405, 'create is not supported on resources of kind "nodes"'],
      [send('POST', '/api/v1/namespaces/default/configmaps?dryRun=Some', configMap('x')), 422, 'dryRun: Unsupported value: ["Some"]'],
      [
        send('POST', '/api/v1/namespaces/default/configmaps?fieldValidation=Loud', configMap('x')),
        422,
        'fieldValidation: Unsupported value: "Loud"',
      ],
    ];
    for (const [request, code, message] of cases) {
      const error = await refusal(request);
      expect(error.message).toContain(message);
      expect(error.code).toBe(code);
    }
  });

  it('does not let a client change the object it sent in process, nor the server', async () => {
    const sent = Object.freeze(configMap('frozen'));
    Object.freeze(sent.metadata);
    Object.freeze(sent.data);
    await client.create(configMaps, sent);
    expect(sent).toEqual(configMap('frozen'));
  });
});

describe('updating', () => {
  it('counts changes of the spec, and only those', async () => {
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const spec = { replicas: 1, selector: { matchLabels: { a: 'b' } }, template };
    const created = await client.create(deployments, { metadata: { name: 'd', namespace: 'default' }, spec });
    expect(created.metadata.generation).toBe(1);
    const labelled = await client.patch(deployments, created.metadata, 'application/merge-patch+json', {
      metadata: { labels: { x: 'y' } },
    });
    expect(labelled.metadata.generation).toBe(1);
    const scaled = await client.patch(deployments, created.metadata, 'application/merge-patch+json', { spec: { replicas: 2 } });
    expect(scaled.metadata.generation).toBe(2);
    const reported = await client.update(
      deployments,
      { ...scaled, spec: { ...scaled.spec, replicas: 9 }, status: { replicas: 2 } },
      'status',
    );
    expect(reported).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 2 }, status: { replicas: 2 } });
    const kept = await client.update(deployments, { ...reported, status: { replicas: 7 } });
    expect(kept.status.replicas).toBe(2);
    expect(kept.metadata.resourceVersion).toBe(reported.metadata.resourceVersion);
  });

  it('is refused for a state that is no longer', async () => {
    const first = await client.create(configMaps, configMap('stale'));
    await client.update(configMaps, { ...first, data: { a: 'c' } });
    expect(await refusal(client.update(configMaps, { ...first, data: { a: 'd' } }))).toMatchObject({ code: 409, reason: 'Conflict' });
    const { resourceVersion: _, ...metadata } = first.metadata;
    expect((await client.update(configMaps, { ...first, metadata, data: { a: 'd' } })).data).toEqual({ a: 'd' });
    expect((await refusal(client.update(configMaps, configMap('nowhere')))).code).toBe(404);
    const other = await refusal(send('PUT', '/api/v1/namespaces/default/configmaps/stale', configMap('other')));
    expect(other.message).toBe('the name of the object (other) does not match the name on the URL (stale)');
  });

  it('loses nothing when many patch the same object', async () => {
    await client.create(configMaps, configMap('hot'));
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    await Promise.all(
      keys.map((key) =>
        client.patch(configMaps, { namespace: 'default', name: 'hot' }, 'application/merge-patch+json', { data: { [key]: key } }),
      ),
    );
    expect(Object.keys((await client.get(configMaps, { namespace: 'default', name: 'hot' })).data ?? {}).sort()).toEqual(
      ['a', ...keys].sort(),
    );
  });

  it('makes the object where the kind allows that, and not elsewhere', async () => {
    const lease = { metadata: { name: 'put', namespace: 'default' }, spec: { holderIdentity: 'me' } };
    const made = await client.update(leases, lease);
    expect(made).toMatchObject({ metadata: { name: 'put', uid: expect.any(String) }, spec: { holderIdentity: 'me' } });
    expect((await refusal(client.update(configMaps, configMap('put')))).message).toBe('configmaps "put" not found');
    const other = { metadata: { ...lease.metadata, name: 'put-too', uid: 'u' } };
    expect((await refusal(client.update(leases, other))).message).toContain('uid mismatch: the provided object specified uid u');
    expect(await refusal(client.update(leases, lease))).toMatchObject({
      code: 422,
      message: 'Lease.coordination.k8s.io "put" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
    });
  });

  it('shows what a patch makes that is no object of its kind', async () => {
    await client.create(configMaps, configMap('unfit'));
    const url = '/api/v1/namespaces/default/configmaps/unfit';
    const patches: [string, unknown, string][] = [
      ['merge-patch', { data: ['a'] }, '"data":["a"]'],
      ['json-patch', [{ op: 'replace', path: '/data', value: 'a' }], '"data":"a"'],
      ['strategic-merge-patch', { data: ['a'] }, 'map[data:[a]]'],
    ];
    for (const [type, patch, shown] of patches) {
      const error = await refusal(send('PATCH', url, patch, `application/${type}+json`));
      expect(error).toMatchObject({
        code: 422,
        message: expect.stringMatching(/^ "" is invalid: patch: Invalid value: .*: json: cannot unmarshal /),
      });
      expect(error.message.replaceAll('\\"', '"')).toContain(shown);
    }
    expect((await refusal(send('PATCH', url, [], 'application/merge-patch+json'))).message).toBe(
      'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
    );
  });

  it('refuses patches that it does not know', async () => {
    const url = '/api/v1/namespaces/default/configmaps/hot';
    expect(await refusal(send('PATCH', url, {}, 'application/apply-patch+cbor'))).toMatchObject({
      code: 415,
      message:
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
    });
    expect((await refusal(send('PATCH', `${url}`, { metadata: { resourceVersion: '1' } }, 'application/merge-patch+json'))).code).toBe(409);
    expect((await refusal(send('PATCH', `${url}?fieldValidation=Strict`, { dta: {} }, 'application/merge-patch+json'))).message).toContain(
      'unknown field "dta"',
    );
  });

  it('binds a pod once', async () => {
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    for (const name of ['bound', 'bound-too']) await client.create(pods, { metadata: { name, namespace: 'default' }, spec });
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'bound' }, target: { kind: 'Node', name: 'node-1' } };
    await client.post(pods, { namespace: 'default', name: 'bound' }, 'binding', binding);
    expect((await client.get(pods, { namespace: 'default', name: 'bound' })).spec.nodeName).toBe('node-1');
    expect(await refusal(client.post(pods, { namespace: 'default', name: 'bound' }, 'binding', binding))).toMatchObject({ code: 409 });
    await send('POST', '/api/v1/namespaces/default/bindings', { ...binding, metadata: { name: 'bound-too' } });
    expect((await client.get(pods, { namespace: 'default', name: 'bound-too' })).spec.nodeName).toBe('node-1');
  });
});

describe('deleting', () => {
  it('is graceful for a running pod, and ends when the kubelet says so', async () => {
    const name = { namespace: 'default', name: 'bound' };
    await client.delete(pods, name);
    const { metadata } = await client.get(pods, name);
    expect(metadata).toMatchObject({ deletionGracePeriodSeconds: 30, deletionTimestamp: expect.any(String) });
    await client.delete(pods, name, { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid } });
    expect((await refusal(client.get(pods, name))).code).toBe(404);
  });

  it('waits for finalizers', async () => {
    const created = await client.create(configMaps, configMap('held', { finalizers: ['example.com/hold'] }));
    await client.delete(configMaps, created.metadata);
    const held = await client.get(configMaps, created.metadata);
    expect(held.metadata.deletionTimestamp).toBeDefined();
    await client.patch(configMaps, created.metadata, 'application/merge-patch+json', { metadata: { finalizers: null } });
    expect((await refusal(client.get(configMaps, created.metadata))).code).toBe(404);
  });

  it('is tried without keeping, and answered as it would be', async () => {
    const url = (kind: string, name: string, query: string) => `/api/v1/namespaces/default/${kind}/${name}?${query}`;
    await client.create(configMaps, configMap('tried'));
    expect(await send('DELETE', url('configmaps', 'tried', 'dryRun=All'))).toMatchObject({ kind: 'Status', status: 'Success' });
    expect(await client.get(configMaps, { namespace: 'default', name: 'tried' })).toMatchObject(configMap('tried'));
    const foreground = await send('DELETE', url('configmaps', 'tried', 'propagationPolicy=Foreground&dryRun=All'));
    expect(foreground.metadata).toMatchObject({ finalizers: ['foregroundDeletion'], deletionTimestamp: expect.any(String) });
    expect((await client.get(configMaps, { namespace: 'default', name: 'tried' })).metadata).not.toHaveProperty('deletionTimestamp');
    const both = refusal(send('DELETE', url('configmaps', 'tried', 'propagationPolicy=Orphan&orphanDependents=true')));
    expect((await both).message).toBe(
      'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
    );
  });

  it('is refused for another object of the same name', async () => {
    const { metadata } = await client.create(configMaps, configMap('precise'));
    const error = await refusal(client.delete(configMaps, metadata, { preconditions: { uid: 'other' } }));
    expect(error).toMatchObject({
      code: 409,
      message: expect.stringContaining(
        'Operation cannot be fulfilled on ConfigMap "precise": the UID in the precondition (other) does not match',
      ),
    });
  });

  it('takes a collection by its labels', async () => {
    const namespace = await freshNamespace();
    for (const name of ['a', 'b', 'c'])
      await client.create(configMaps, configMap(name, { namespace, labels: { keep: name === 'c' ? 'yes' : 'no' } }));
    await client.deleteCollection(configMaps, { namespace, labelSelector: 'keep=no' });
    expect((await client.list(configMaps, { namespace })).items.map(({ metadata }) => metadata.name)).toEqual(['c']);
  });
});

describe('listing', () => {
  it('shows every write that was answered before', async () => {
    const namespace = await freshNamespace();
    for (let i = 0; i < 50; i++) {
      await client.create(configMaps, configMap(`c${i}`, { namespace }));
      expect((await client.list(configMaps, { namespace })).items).toHaveLength(i + 1);
    }
  });

  it('goes page by page through one state', async () => {
    const namespace = await freshNamespace();
    const names = Array.from({ length: 25 }, (_, i) => `c${String(i).padStart(2, '0')}`);
    for (const name of names)
      await client.create(configMaps, configMap(name, { namespace, labels: { even: String(Number(name.slice(1)) % 2 === 0) } }));
    const read = async (labelSelector: string) => {
      const seen: string[] = [];
      let token: string | undefined;
      do {
        const page = await client.list(configMaps, { namespace, limit: 10, labelSelector, ...(token ? { continue: token } : {}) });
        if (!token)
          await client.create(
            configMaps,
            configMap(`late-${seen.length}-${labelSelector.length}`, { namespace, labels: { even: 'true' } }),
          );
        seen.push(...page.items.map(({ metadata }) => metadata.name));
        token = page.continue;
      } while (token);
      return seen;
    };
    expect(await read('')).toEqual(names);
    expect((await read('even=true')).filter((name) => name.startsWith('c'))).toEqual(names.filter((_, i) => i % 2 === 0));
    const first = (await send('GET', `/api/v1/namespaces/${namespace}/configmaps?limit=10`)) as {
      metadata: { remainingItemCount: number };
    };
    expect(first.metadata.remainingItemCount).toBe(17);
  });

  it('says when a page is of a state that is forgotten', async () => {
    const namespace = await freshNamespace();
    for (const name of ['a', 'b', 'c']) await client.create(configMaps, configMap(name, { namespace }));
    const page = await client.list(configMaps, { namespace, limit: 1 });
    const { resourceVersion } = await client.create(configMaps, configMap('d', { namespace })).then(({ metadata }) => metadata);
    await api.backend.compact(Number(resourceVersion));
    const error = await refusal(client.list(configMaps, { namespace, limit: 1, continue: page.continue! }));
    expect(error).toMatchObject({ code: 410, reason: 'Expired', message: expect.stringContaining('too old to display a consistent list') });
    const rest = await client.list(configMaps, { namespace, continue: error.metadata.continue! });
    expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(['b', 'c', 'd']);
    const exact = refusal(send('GET', `/api/v1/namespaces/${namespace}/configmaps?resourceVersion=2&resourceVersionMatch=Exact`));
    expect((await exact).message).toBe('The resourceVersion for the provided list is too old.');
  });

  it('shows a state of the past, or one as new as asked for', async () => {
    const namespace = await freshNamespace();
    const { resourceVersion } = await client.create(configMaps, configMap('a', { namespace })).then(({ metadata }) => metadata);
    await client.create(configMaps, configMap('b', { namespace }));
    const list = (query: string) => send('GET', `/api/v1/namespaces/${namespace}/configmaps?${query}`);
    const exact = await list(`resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`);
    expect(exact).toMatchObject({ metadata: { resourceVersion }, items: [{ metadata: { name: 'a' } }] });
    expect((await list(`resourceVersion=${resourceVersion}&resourceVersionMatch=NotOlderThan`)).items).toHaveLength(2);
    const url = `/api/v1/namespaces/${namespace}/configmaps`;
    for (const path of [url, `${url}/a`]) {
      expect(await refusal(send('GET', `${path}?resourceVersion=999999999`))).toMatchObject({
        code: 504,
        reason: 'Timeout',
        message: expect.stringContaining('Too large resource version: 999999999'),
        details: { retryAfterSeconds: 1 },
      });
    }
  });

  it('refuses selectors and versions that make no sense', async () => {
    const list = (query: string) => refusal(send('GET', `/api/v1/namespaces/default/configmaps?${query}`));
    expect((await list('labelSelector=a%20b')).code).toBe(400);
    const listPods = (query: string) => refusal(send('GET', `/api/v1/namespaces/default/pods?${query}`));
    expect((await listPods('fieldSelector=spec.image%3Db')).message).toBe('field label not supported: spec.image');
    const cases: [string, number, string][] = [
      ['fieldSelector=data.a%3Db', 400, '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"'],
      ['fieldSelector=data.a', 400, "invalid selector: 'data.a'; can't understand 'data.a'"],
      ['labelSelector=a%20b', 400, "unable to parse requirement: found 'b'"],
      ['resourceVersion=new', 400, 'resourceVersion: Invalid value: "new": strconv.ParseUint: parsing "new": invalid syntax'],
      ['limit=some', 400, 'strconv.ParseInt: parsing "some": invalid syntax'],
      ['continue=x', 400, 'invalid continue token: continue key is not valid'],
      [
        'resourceVersionMatch=Exact',
        422,
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
      ],
      ['resourceVersionMatch=Exact&resourceVersion=0', 422, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'],
      [
        'resourceVersionMatch=Best&resourceVersion=1',
        422,
        'resourceVersionMatch: Unsupported value: "Best": supported values: "Exact", "NotOlderThan"',
      ],
      ['sendInitialEvents=true', 422, 'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list'],
    ];
    for (const [query, code, message] of cases) {
      const error = await list(query);
      expect(error.message).toContain(message);
      expect(error.code, query).toBe(code);
    }
  });
});

describe('watching', () => {
  const url = (namespace: string, query = '') => `/api/v1/namespaces/${namespace}/configmaps?${query}`;
  const told = (seen: WatchEvent<KubeObject>[]) => seen.map(({ type, object }) => `${type} ${object.metadata.name ?? ''}`.trim());

  it('starts with the state and goes on with every change, in order', async () => {
    const namespace = await freshNamespace();
    await client.create(configMaps, configMap('old', { namespace }));
    const change = async () => {
      await client.create(configMaps, configMap('new', { namespace }));
      await client.patch(configMaps, { namespace, name: 'new' }, 'application/merge-patch+json', { data: { a: 'c' } });
      await client.delete(configMaps, { namespace, name: 'new' });
    };
    let changed: Promise<void> | undefined;
    const seen = await watchUntil(url(namespace), (events) => {
      changed ??= change();
      return events.length === 4;
    });
    await changed;
    expect(told(seen)).toEqual(['ADDED old', 'ADDED new', 'MODIFIED new', 'DELETED new']);
    const versions = seen.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
  });

  it('goes on from a version without a gap or a repetition', async () => {
    const namespace = await freshNamespace();
    const { resourceVersion } = await client.list(configMaps, { namespace });
    for (let i = 0; i < 20; i++) await client.create(configMaps, configMap(`c${i}`, { namespace }));
    const seen = await watchUntil(url(namespace, `resourceVersion=${resourceVersion}`), (events) => events.length === 20);
    expect(told(seen)).toEqual(Array.from({ length: 20 }, (_, i) => `ADDED c${i}`));
    const from = seen[9]!.object.metadata.resourceVersion;
    expect(told(await watchUntil(url(namespace, `resourceVersion=${from}`), (events) => events.length === 10))[0]).toBe('ADDED c10');
  });

  it('ends the initial events with a bookmark that says so', async () => {
    const namespace = await freshNamespace();
    for (const name of ['a', 'b']) await client.create(configMaps, configMap(name, { namespace }));
    const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const seen = await watchUntil(url(namespace, query), (events) => events.some(({ type }) => type === 'BOOKMARK'));
    expect(told(seen)).toEqual(['ADDED a', 'ADDED b', 'BOOKMARK']);
    expect(seen.at(-1)!.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    expect(Number(seen.at(-1)!.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(seen[1]!.object.metadata.resourceVersion));
  });

  it('shows what enters and leaves a selector', async () => {
    const namespace = await freshNamespace();
    const { resourceVersion } = await client.create(configMaps, configMap('c', { namespace })).then(({ metadata }) => metadata);
    for (const on of ['yes', 'no', 'yes']) {
      await client.patch(configMaps, { namespace, name: 'c' }, 'application/merge-patch+json', { metadata: { labels: { on } } });
    }
    const query = `labelSelector=on%3Dyes&resourceVersion=${resourceVersion}`;
    const seen = await watchUntil(url(namespace, query), (events) => events.length === 3);
    expect(told(seen)).toEqual(['ADDED c', 'DELETED c', 'ADDED c']);
  });

  it('says 410 for a version that is forgotten, and ends at its time', async () => {
    const started = await refusal(watchUntil(url('default', 'resourceVersion=1'), () => false));
    expect(started).toMatchObject({ code: 410, reason: 'Expired', message: expect.stringContaining('too old resource version: 1') });
    expect(await watchUntil(url(await freshNamespace(), 'timeoutSeconds=1'), () => false)).toEqual([]);
    expect((await refusal(watchUntil(url('default', 'sendInitialEvents=true'), () => false))).message).toContain('resourceVersionMatch');
  });
});

describe('Services', () => {
  const service = (name: string, spec: object) => ({ metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }], ...spec } });

  it('of the cluster are there from the start', async () => {
    expect((await client.get(services, { namespace: 'default', name: 'kubernetes' })).spec.clusterIP).toBe('10.96.0.1');
    expect((await client.get(services, { namespace: 'kube-system', name: 'kube-dns' })).spec.clusterIP).toBe('10.96.0.10');
    const { subsets } = await client.get(endpoints, { namespace: 'default', name: 'kubernetes' });
    expect(subsets).toEqual([
      { addresses: [{ ip: '192.168.241.1' }], ports: [{ name: 'https', port: Number(new URL(api.url).port), protocol: 'TCP' }] },
    ]);
  });

  it('of the cluster, made by an earlier version, get the ports that have come since, unless they lead to another DNS', async () => {
    const name = { namespace: 'kube-system', name: 'kube-dns' };
    const portNames = async () => (await client.get(services, name)).spec.ports?.map((port) => port.name);
    const set = (spec: object) => client.patch(services, name, 'application/merge-patch+json', { spec });
    const start = () => bootstrap(client, { serviceCidr: '10.96.0.0/12', port: 6443, clock: systemClock });
    const { ports = [] } = (await client.get(services, name)).spec;
    await set({ ports: ports.slice(0, 2), selector: { 'k8s-app': 'kube-dns' } });
    await start();
    expect(await portNames()).toEqual(['dns', 'dns-tcp']);
    await set({ selector: null });
    await start();
    expect(await portNames()).toEqual(['dns', 'dns-tcp', 'metrics']);
  });

  it('never share an address or a port, however many are made at once', async () => {
    const made = await Promise.all(Array.from({ length: 60 }, (_, i) => client.create(services, service(`s${i}`, { type: 'NodePort' }))));
    expect(new Set(made.map(({ spec }) => spec.clusterIP)).size).toBe(60);
    expect(new Set(made.map(({ spec }) => spec.ports![0]!.nodePort)).size).toBe(60);
  });

  it('fight for one port and one wins', async () => {
    const wanted = (i: number) =>
      client.create(services, service(`fight${i}`, { type: 'NodePort', ports: [{ port: 80, nodePort: 31999 }] }));
    const results = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => wanted(i)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const lost = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(lost.reason.message).toMatch(/spec.ports\[0\].nodePort: Invalid value: 31999: provided port is already allocated/);
  });

  it('give back what they held', async () => {
    const created = await client.create(
      services,
      service('brief', { type: 'NodePort', clusterIP: '10.100.0.1', ports: [{ port: 80, nodePort: 32001 }] }),
    );
    await client.patch(services, created.metadata, 'application/merge-patch+json', { spec: { type: 'ClusterIP' } });
    await client.create(services, service('port-heir', { type: 'NodePort', ports: [{ port: 80, nodePort: 32001 }] }));
    expect((await refusal(client.create(services, service('early', { clusterIP: '10.100.0.1' })))).message).toContain(
      'provided IP is already allocated',
    );
    await client.delete(services, created.metadata);
    await client.create(services, service('address-heir', { clusterIP: '10.100.0.1' }));
  });
});

describe('users', () => {
  it('are written into the certificate requests that they make', async () => {
    const bootstrapper = new ApiClient(api.server.transport({ name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers'] }));
    const spec = { request: 'eA==', signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['client auth'], username: 'root' };
    const made = await bootstrapper
      .create(certificateSigningRequests, { metadata: { name: 'csr' }, spec })
      .catch((error: StatusError) => error);
    // Whether the request inside is one is the kind's to judge; who asked is never the client's.
    if ('spec' in made) expect(made.spec.username).toBe('system:bootstrap:abcdef');
    else expect(made.code).toBe(422);
  });

  it('that only hold a join token can do nothing else', async () => {
    const bootstrapper = new ApiClient(api.server.transport({ name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers'] }));
    expect(await refusal(bootstrapper.list(pods))).toMatchObject({
      code: 403,
      message: 'pods is forbidden: User "system:bootstrap:abcdef" cannot list resource "pods" in API group "" at the cluster scope',
    });
    await bootstrapper.list(certificateSigningRequests);
    expect((await refusal(bootstrapper.delete(certificateSigningRequests, { name: 'x' }))).code).toBe(403);
  });
});

describe('events', () => {
  it('are stored with an end', async () => {
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'p' };
    await client.create(events, {
      metadata: { name: 'e', namespace: 'default' },
      involvedObject,
      reason: 'Tested',
      message: 'm',
      type: 'Normal',
    });
    const { kvs } = await api.backend.range({ key: '/registry/events/default/e' });
    expect(kvs[0]!.lease).not.toBe(0n);
  });
});
