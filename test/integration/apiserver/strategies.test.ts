// What writes to /status take of the metadata, kind by kind, and what a deletion that is over at once is answered with.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, startTestServer, type TestServer } from '../../suites/apiserver.js';
import { refusal, type Send, sender } from './requests.js';

let api: TestServer;
let send: Send;

beforeAll(async () => {
  api = await startTestServer();
  send = sender(api.server.transport(ADMIN));
});
afterAll(() => api?.stop());

const container = { name: 'c', image: 'i' };
const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u' };
const labels = { app: 'a' };
const template = { metadata: { labels }, spec: { containers: [container] } };
const NAMESPACED = '/api/v1/namespaces/default';

/** All the metadata that a client may write, of which a status write takes some. */
const META = { labels: { l: '1' }, annotations: { a: '1' }, finalizers: ['example.com/f'], ownerReferences: [owner] };
const ALL = Object.keys(META);

describe('a write to /status', () => {
  const cases: { collection: string; object: object; status: object; kept: readonly string[] }[] = [
    { collection: `${NAMESPACED}/pods`, object: { spec: template.spec }, status: { phase: 'Running' }, kept: ['ownerReferences'] },
    {
      collection: '/apis/apps/v1/namespaces/default/deployments',
      object: { spec: { selector: { matchLabels: labels }, template } },
      status: { replicas: 3 },
      kept: ['labels'],
    },
    {
      collection: '/apis/apps/v1/namespaces/default/replicasets',
      object: { spec: { selector: { matchLabels: labels }, template } },
      status: { replicas: 3 },
      kept: [],
    },
    { collection: '/api/v1/nodes', object: {}, status: { phase: 'Running' }, kept: [] },
    {
      collection: '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas',
      object: { spec: { priorityLevelConfiguration: { name: 'exempt' }, matchingPrecedence: 9 } },
      status: {},
      kept: ALL,
    },
    {
      collection: '/apis/storage.k8s.io/v1/volumeattachments',
      object: { spec: { attacher: 'a', nodeName: 'n', source: { persistentVolumeName: 'v' } } },
      status: { attached: true },
      kept: ALL,
    },
  ];
  for (const { collection, object, status, kept } of cases) {
    it(`of ${collection.split('/').at(-1)} leaves ${kept.join(', ') || 'no metadata'} as it is`, async () => {
      const created = await send('POST', collection, { metadata: { name: 'x' }, ...object });
      const written = { ...created, metadata: { ...created.metadata, ...META }, spec: { ...created.spec, unknown: 1 }, status };
      const { metadata, spec, status: stored } = await send('PUT', `${collection}/x/status`, written);
      expect(stored).toMatchObject(status);
      expect(spec).toEqual(created.spec);
      expect(metadata).toMatchObject({ name: 'x', uid: created.metadata.uid });
      expect(metadata.generation).toBe(created.metadata.generation);
      for (const field of ALL) {
        if (kept.includes(field)) expect(metadata, field).not.toHaveProperty(field);
        else expect(metadata[field]).toEqual(META[field as keyof typeof META]);
      }
      // What it takes it can also take away.
      const { metadata: after } = await send('PUT', `${collection}/x/status`, { ...created, metadata: { name: 'x' }, status });
      for (const field of ALL) expect(after, field).not.toHaveProperty(field);
    });
  }

  it('is refused for metadata that makes no sense', async () => {
    await send('POST', '/api/v1/nodes', { metadata: { name: 'senseless' } });
    const patch = { metadata: { labels: { '-': 'x' } }, status: { phase: 'Running' } };
    const error = await refusal(send('PATCH', '/api/v1/nodes/senseless/status', patch, 'application/merge-patch+json'));
    expect(error).toMatchObject({ code: 422, message: expect.stringContaining('metadata.labels: Invalid value: "-"') });
  });

  it('applied, manages what it can write and nothing else', async () => {
    const url = '/apis/apps/v1/namespaces/default/deployments/x';
    const config = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: META, spec: { replicas: 7 }, status: { replicas: 4 } };
    const answer = await send('PATCH', `${url}/status?fieldManager=m&force=true`, config, 'application/apply-patch+yaml');
    expect(answer).toMatchObject({ metadata: { annotations: { a: '1' } }, spec: { replicas: 1 }, status: { replicas: 4 } });
    const entry = answer.metadata.managedFields.find(({ manager }: { manager: string }) => manager === 'm');
    expect(entry.subresource).toBe('status');
    expect(Object.keys(entry.fieldsV1)).toEqual(['f:metadata', 'f:status']);
    expect(Object.keys(entry.fieldsV1['f:metadata']).sort()).toEqual(['f:annotations', 'f:finalizers', 'f:ownerReferences']);
  });
});

describe('the generation of a Deployment', () => {
  it('counts changes of its annotations, which its replica sets get, but not those that come with the status', async () => {
    const url = '/apis/apps/v1/namespaces/default/deployments/counted';
    const created = { metadata: { name: 'counted' }, spec: { selector: { matchLabels: labels }, template } };
    await send('POST', '/apis/apps/v1/namespaces/default/deployments', created);
    const annotate = (value: string) => ({ metadata: { annotations: { a: value } } });
    const byMerge = 'application/merge-patch+json';
    expect((await send('PATCH', url, annotate('1'), byMerge)).metadata.generation).toBe(2);
    expect((await send('PATCH', `${url}/status`, annotate('2'), byMerge)).metadata).toMatchObject({
      generation: 2,
      annotations: { a: '2' },
    });
    expect((await send('PATCH', url, { metadata: { labels: { a: 'b' } } }, byMerge)).metadata.generation).toBe(2);
  });
});

describe('a deletion that is over at once', () => {
  const objects: { [collection: string]: object } = {
    [`${NAMESPACED}/pods`]: { spec: template.spec },
    [`${NAMESPACED}/services`]: { spec: { ports: [{ port: 80 }] } },
    [`${NAMESPACED}/serviceaccounts`]: {},
    [`${NAMESPACED}/resourcequotas`]: {},
    [`${NAMESPACED}/podtemplates`]: { template },
    '/apis/storage.k8s.io/v1/storageclasses': { provisioner: 'p' },
  };
  for (const [collection, object] of Object.entries(objects)) {
    it(`of ${collection.split('/').at(-1)} is answered with the object`, async () => {
      const created = await send('POST', collection, { metadata: { name: 'gone' }, ...object });
      const deleted = await send('DELETE', `${collection}/gone`);
      expect(deleted).toMatchObject({ kind: created.kind, metadata: { name: 'gone', uid: created.metadata.uid } });
      expect((await refusal(send('GET', `${collection}/gone`))).code).toBe(404);
    });
  }

  it('is refused for the system’s priorities, which pods of the system need', async () => {
    const url = '/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical';
    expect(await refusal(send('DELETE', url))).toMatchObject({
      code: 403,
      message:
        'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted',
    });
    expect((await send('GET', url)).value).toBe(2_000_001_000);
  });

  it('of other kinds is answered with a Status', async () => {
    const { metadata } = await send('POST', `${NAMESPACED}/configmaps`, { metadata: { name: 'gone' } });
    const status = { kind: 'Status', status: 'Success', details: { name: 'gone', kind: 'configmaps', uid: metadata.uid } };
    expect(await send('DELETE', `${NAMESPACED}/configmaps/gone`)).toMatchObject(status);
  });
});
