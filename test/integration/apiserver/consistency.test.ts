// What watches and caches promise while many write at once, held to by the checkers that other suites use; and the checkers themselves.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { ApiClient } from '../../../src/client/api-client.js';
import type { Transport, WatchEvent } from '../../../src/client/client.js';
import { httpsTransport } from '../../../src/client/https.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { ADMIN, startTestServer, type TestServer } from '../../suites/apiserver.js';
import { Follower, WatchChecker } from '../../suites/watch-checker.js';

const MERGE = 'application/merge-patch+json';

describe('watches of every resource', () => {
  let api: TestServer;
  beforeAll(async () => {
    api = await startTestServer();
  });
  afterAll(() => api?.stop());

  it('miss nothing, repeat nothing and go forward, in process and over the network', async () => {
    const https = httpsTransport({ server: api.url, ca: api.pki.ca.cert, ...api.pki.admin });
    const checkers = [await WatchChecker.start(api.server.transport(ADMIN)), await WatchChecker.start(https)];
    await Promise.all(Array.from({ length: 10 }, (_, i) => churn(`w${i}`)));
    for (const checker of checkers) {
      expect(await checker.stop()).toEqual([]);
      expect(checker.events).toBeGreaterThanOrEqual(10 * 20 * 3);
    }
    https.close();
    expect(await api.server.inconsistencies()).toEqual([]);
  });

  async function churn(name: string): Promise<void> {
    const object = { metadata: { name, namespace: 'default' } };
    for (let i = 0; i < 20; i++) {
      await api.client.create(configMaps, object);
      await api.client.patch(configMaps, object.metadata, MERGE, { data: { i: String(i) } });
      await api.client.delete(configMaps, object.metadata);
    }
  }
});

describe('clients in the same process', () => {
  it('are shown one object for all of them while one of them has it, whoever wrote it', async () => {
    const api = await startTestServer();
    const https = httpsTransport({ server: api.url, ca: api.pki.ca.cert, ...api.pki.admin });
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } };
    await https.request({ method: 'POST', path: '/api/v1/namespaces/default/configmaps', query: new URLSearchParams(), body });
    const [one, other] = [ADMIN, { ...ADMIN, name: 'system:kube-scheduler' }].map((user) => new ApiClient(api.server.transport(user)));
    const list = async (client: ApiClient) =>
      (await client.list(configMaps, { resourceVersion: '0' })).items.find(({ metadata }) => metadata.name === 'c');
    const held = await list(one!);
    expect(held).toBeDefined();
    expect(await list(other!)).toBe(held);
    https.close();
    await api.stop();
  });
});

describe('the digest of a cache', () => {
  it('differs where the store was changed past its watch', async () => {
    const api = await startTestServer();
    await api.client.create(configMaps, { metadata: { name: 'c', namespace: 'default' }, data: { a: 'b' } });
    await api.client.list(configMaps, { resourceVersion: '0' });
    expect(await api.server.inconsistencies()).toEqual([]);
    const { backend } = api;
    const range = backend.range.bind(backend);
    backend.range = async (request) => {
      const answer = await range(request);
      if (!request.rangeEnd || !request.key.startsWith('/registry/configmaps/')) return answer;
      const kvs = answer.kvs.map((kv) => ({ ...kv, value: Buffer.from(Buffer.from(kv.value).toString().replace('"a":"b"', '"a":"x"')) }));
      return { ...answer, kvs };
    };
    expect(await api.server.inconsistencies()).toEqual([
      expect.stringMatching(/^configmaps as of \d+: \/registry\/configmaps\/default\/c differs though both are of \d+$/),
    ]);
    backend.range = range;
    await api.stop();
  });
});

describe('the checker of streams', () => {
  const object = (name: string, version: number): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, resourceVersion: String(version), uid: name, creationTimestamp: '2026-01-01T00:00:00Z' },
  });
  type Told = [type: WatchEvent<KubeObject>['type'], name: string, version: number];

  async function problemsOf(told: readonly Told[], end: readonly [name: string, version: number][]): Promise<readonly string[]> {
    const abort = new AbortController();
    let lists = 0;
    const transport: Transport = {
      request: async () => {
        const items = lists++ === 0 ? [object('old', 5)] : end.map(([name, version]) => object(name, version));
        return { metadata: { resourceVersion: lists === 1 ? '10' : '100' }, items };
      },
      async *watch(_request, signal) {
        for (const [type, name, version] of told) yield { type, object: object(name, version) };
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    };
    const follower = new Follower(transport, '/c', abort.signal);
    const run = follower.run();
    await follower.following;
    await follower.settle();
    abort.abort();
    await run;
    return follower.problems;
  }

  it('says nothing of a good one', async () => {
    const told: Told[] = [
      ['ADDED', 'a', 11],
      ['BOOKMARK', '', 15],
      ['BOOKMARK', '', 15],
      ['MODIFIED', 'a', 16],
      ['DELETED', 'old', 17],
    ];
    expect(await problemsOf(told, [['a', 16]])).toEqual([]);
  });

  it.each<[string, Told[], RegExp]>([
    ['what was told before', [['MODIFIED', 'old', 9]], /MODIFIED \/old of 9 after 10/],
    [
      'a repetition',
      [
        ['ADDED', 'a', 11],
        ['ADDED', 'a', 11],
      ],
      /ADDED \/a of 11 after 11/,
    ],
    [
      'a bookmark that goes back',
      [
        ['BOOKMARK', '', 15],
        ['BOOKMARK', '', 14],
      ],
      /a bookmark of 14 after 15/,
    ],
    [
      'an event before its bookmark',
      [
        ['BOOKMARK', '', 15],
        ['ADDED', 'a', 15],
      ],
      /ADDED \/a of 15 after 15/,
    ],
    ['a gap', [['MODIFIED', 'new', 12]], /MODIFIED \/new of 12, which was not there/],
    ['what was there already', [['ADDED', 'old', 12]], /ADDED \/old of 12, which was there already/],
  ])('tells %s', async (_, told, problem) => {
    const end = told.flatMap(([type, name, version]): [string, number][] => (type === 'BOOKMARK' ? [] : [[name, version]]));
    const state = new Map<string, number>([['old', 5], ...end]);
    expect((await problemsOf(told, [...state])).join('\n')).toMatch(problem);
  });
});
