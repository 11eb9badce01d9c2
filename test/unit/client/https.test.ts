// The HTTPS transport against a real TLS server: requests, watches, bad servers, and a link that is cut and mended.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { ApiClient } from '../../../src/client/api-client.js';
import { type HttpsTransport, httpsTransport } from '../../../src/client/https.js';
import { createInformers } from '../../../src/client/informers.js';
import { ensurePki, type Pki } from '../../../src/cluster/pki.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { MemoryApi } from './fakes.js';
import { Relay, serveTls, type TlsApi, type TlsApiOptions } from './tls-api.js';

let dir: string;
let pki: Pki;
let api: MemoryApi;
let server: TlsApi;
let transport: HttpsTransport;
let client: ApiClient;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'porthole-https-'));
  const serviceIp = '10.96.0.1';
  pki = await ensurePki({ dir, altNames: [], serviceIp, clock: systemClock, random: systemRandom, log: silentLogger });
});
afterAll(() => rm(dir, { recursive: true }));

beforeEach(() => start({}));
afterEach(async () => {
  transport.close();
  await server.close();
});

async function start(options: Partial<TlsApiOptions>, clock: Clock = systemClock) {
  if (server) await server.close();
  transport?.close();
  api = new MemoryApi();
  server = await serveTls({ api, tls: { ...pki.apiserver, clientCa: pki.ca.cert }, ...options });
  transport = httpsTransport({ server: server.url, ca: pki.ca.cert, ...pki.admin, clock });
  client = new ApiClient(transport);
}

/** Ten times as fast: the transport's time-outs without waiting for them. */
const fastClock: Clock = { ...systemClock, after: (delay_ms, fn) => systemClock.after(delay_ms / 10, fn) };
const named = (name: string) => ({ metadata: { name, namespace: 'default' } });
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
};

test('a client certificate names the user; objects go to and fro', async () => {
  await client.create(configMaps, named('a'));
  expect((await client.get(configMaps, { namespace: 'default', name: 'a' })).metadata.name).toBe('a');
  expect((await client.list(configMaps)).items.map((item) => [item.kind, item.metadata.name])).toEqual([['ConfigMap', 'a']]);
  expect(server.users[0]).toBe('kubernetes-admin');
});

test('an error of the server is its Status', async () => {
  await expect(client.get(configMaps, { namespace: 'default', name: 'none' })).rejects.toMatchObject({
    code: 404,
    reason: 'NotFound',
    message: 'configmaps "none" not found',
  });
});

test('what is no Status is cut short and keeps its code', async () => {
  await start({ intercept: (_, response) => !!response.writeHead(502).end(`<html>${'x'.repeat(10_000)}`) });
  const failure = client.get(configMaps, { namespace: 'default', name: 'a' });
  await expect(failure).rejects.toMatchObject({ code: 502, message: expect.stringMatching(/^<html>x{194}$/) });
});

test('a server that cannot be reached, or is of another authority, is 503 with the cause', async () => {
  const { url } = server;
  await server.close();
  await expect(client.list(configMaps)).rejects.toMatchObject({ code: 503, message: expect.stringContaining('ECONNREFUSED') });
  const other = await ensurePki({
    dir: join(dir, 'other'),
    altNames: [],
    serviceIp: '10.96.0.1',
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
  });
  server = await serveTls({ api, tls: { ...pki.apiserver, clientCa: pki.ca.cert } });
  const stranger = httpsTransport({ server: server.url, ca: other.ca.cert });
  await expect(new ApiClient(stranger).list(configMaps)).rejects.toMatchObject({
    code: 503,
    message: expect.stringContaining('certificate'),
  });
  expect(url).not.toBe(server.url);
});

test('a request that is never answered ends with 503, and others go on meanwhile', async () => {
  await start({ intercept: (request) => request.url.includes('/silent') }, fastClock);
  const hanging = client.get(configMaps, { namespace: 'default', name: 'silent' });
  await client.create(configMaps, named('a'));
  await expect(hanging).rejects.toMatchObject({ code: 503, message: expect.stringContaining('no answer within 10 s') });
});

test('a watch yields events as they come, ends with its signal, and throws the server’s ERROR', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { type, object } of client.watch(configMaps, { resourceVersion: '100' }, stop.signal)) {
      seen.push(`${type} ${object.metadata.name}`);
      if (seen.length === 2) stop.abort();
    }
  })();
  await client.create(configMaps, named('a'));
  await client.create(configMaps, named('b'));
  await watching;
  expect(seen).toEqual(['ADDED a', 'ADDED b']);
  api.compact();
  const old = client.watch(configMaps, { resourceVersion: '1' }, new AbortController().signal)[Symbol.asyncIterator]();
  await expect(old.next()).rejects.toMatchObject({ code: 410, reason: 'Expired' });
});

test('objects larger than a flow window pass, and a reader that stalls does not hold up others', async () => {
  await start({});
  const stop = new AbortController();
  const stalled = client.watch(configMaps, { resourceVersion: '100' }, stop.signal)[Symbol.asyncIterator]();
  const first = stalled.next();
  const big = { ...named('big'), data: { x: 'x'.repeat(1_500_000) } };
  await client.create(configMaps, big);
  for (const name of ['b', 'c', 'd']) await client.create(configMaps, { ...big, ...named(name) });
  await first;
  expect((await client.list(configMaps)).items).toHaveLength(4);
  stop.abort();
});

test('a renewed certificate is used after reconnect, while a watch goes on', async () => {
  let identity = { ca: pki.ca.cert, ...pki.admin };
  transport.close();
  transport = httpsTransport({ server: server.url, ca: pki.ca.cert, reload: () => identity });
  client = new ApiClient(transport);
  const stop = new AbortController();
  const watch = client.watch(configMaps, { resourceVersion: '100' }, stop.signal)[Symbol.asyncIterator]();
  const event = watch.next();
  await client.list(configMaps);
  identity = { ca: pki.ca.cert, ...pki.kubeletClient };
  transport.reconnect();
  await client.create(configMaps, named('a'));
  expect((await event).value.object.metadata.name).toBe('a');
  expect(server.users.at(-1)).toBe('kube-apiserver-kubelet-client');
  stop.abort();
});

test('a link that is cut without a word and mended is used again within seconds, and an informer misses nothing', async () => {
  const relay = await Relay.to(server.url);
  transport.close();
  transport = httpsTransport({ server: relay.url, ca: pki.ca.cert, ...pki.admin, clock: fastClock });
  const informers = createInformers({ client: new ApiClient(transport), clock: fastClock, random: systemRandom, log: silentLogger });
  const informer = informers.of(configMaps);
  await informer.whenSynced();
  relay.cut = true;
  await api.create(configMaps, named('while-cut'));
  // Longer than the link takes to be given up: 8 s of the transport's time.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(informer.list()).toHaveLength(0);
  relay.cut = false;
  const mended_ms = systemClock.monotonic();
  await until(() => informer.list().length === 1);
  expect((systemClock.monotonic() - mended_ms) * 10).toBeLessThan(10_000);
  informers.stop();
  await relay.close();
});
