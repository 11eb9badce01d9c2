// What leaves the API server, in every encoding: protobuf, YAML, tables, metadata only, compressed, and for people.
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { decodeProtobuf } from '../../../src/apimachinery/codec/protobuf.js';
import { encodeProtobuf } from '../../../src/apimachinery/codec/protobuf-encode.js';
import { WireReader } from '../../../src/apimachinery/codec/wire.js';
import { normalize } from '../../../src/apimachinery/normalize.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { schemas } from '../../../src/kinds/index.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { json, streamFrom, type Wire, wireTo } from '../../suites/wire.js';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const meta = (as: string, type = 'application/json', v = 'v1') => `${type};as=${as};v=${v};g=meta.k8s.io`;
let api: TestServer;
let http: Wire;

beforeAll(async () => {
  api = await startTestServer();
  http = wireTo(api);
  for (const name of ['a', 'b']) {
    await api.client.create(configMaps, { metadata: { name, namespace: 'default', labels: { app: 'x' } }, data: { key: 'value' } });
  }
  const spec = {
    containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '100m' } }, livenessProbe: { httpGet: { port: 'web' } } }],
  };
  await api.client.create(pods, { metadata: { name: 'p', namespace: 'default' }, spec });
});
afterAll(() => api?.stop());

const get = (path: string, accept: string, headers: object = {}) => http('GET', path, { headers: { accept, ...headers } });
const schemaOf = (_apiVersion: string, kind: string) =>
  schemas.get(`${/^(Status|Partial|DeleteOptions)/.test(kind) ? 'meta' : kind === 'Scale' ? 'autoscaling' : 'core'}.v1.${kind}`);
/** As a Go client has it after reading. */
const read = (bytes: Uint8Array) => {
  const object = decodeProtobuf(bytes, schemaOf);
  return normalize(schemaOf(String(object['apiVersion']), String(object['kind'])), object).object;
};

describe('protobuf', () => {
  it('is the object that JSON shows', async () => {
    for (const path of ['/api/v1/namespaces/default/pods/p', '/api/v1/namespaces/default/configmaps/a', '/api/v1/namespaces/default']) {
      const answer = await get(path, PROTOBUF);
      expect(answer.headers['content-type']).toBe(PROTOBUF);
      expect(read(answer.bytes)).toEqual(json(await get(path, 'application/json')));
    }
  });

  it('is the list that JSON shows, page by page too', async () => {
    for (const query of ['', '?limit=1', '?labelSelector=none']) {
      const [bytes, text] = [
        await get(`/api/v1/configmaps${query}`, PROTOBUF),
        await get(`/api/v1/configmaps${query}`, 'application/json'),
      ];
      const list = decodeProtobuf(bytes.bytes, schemaOf) as { metadata: object; items?: object[] };
      const wanted = json(text);
      expect({ ...list.metadata, selfLink: undefined, continue: undefined }).toMatchObject({ ...wanted.metadata, continue: undefined });
      const items = (list.items ?? []).map((item) => normalize(schemas.get('core.v1.ConfigMap'), item as never).object);
      expect(items).toEqual(wanted.items);
    }
  });

  it('carries errors, success, scales and metadata', async () => {
    const missing = await get('/api/v1/namespaces/default/pods/nope', PROTOBUF);
    expect(missing.code).toBe(404);
    expect(read(missing.bytes)).toMatchObject({
      kind: 'Status',
      reason: 'NotFound',
      message: 'pods "nope" not found',
      code: 404,
      details: { name: 'nope' },
    });
    const partial = await get('/api/v1/namespaces/default/pods', `${meta('PartialObjectMetadataList', PROTOBUF)},application/json`);
    expect(decodeProtobuf(partial.bytes, schemaOf)).toMatchObject({ apiVersion: 'meta.k8s.io/v1', items: [{ metadata: { name: 'p' } }] });
    await api.client.create(configMaps, { metadata: { name: 'gone', namespace: 'default' } });
    const options = encodeProtobuf(schemas.get('meta.v1.DeleteOptions'), {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
    });
    const deleted = await http('DELETE', '/api/v1/namespaces/default/configmaps/gone', {
      headers: { accept: PROTOBUF, 'content-type': PROTOBUF },
      body: options,
    });
    expect(read(deleted.bytes)).toMatchObject({ kind: 'Status', status: 'Success', details: { name: 'gone', kind: 'configmaps' } });
  });

  it('is written and answered, dry or not', async () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'written' }, data: { a: 'b' } };
    const body = encodeProtobuf(schemas.get('core.v1.ConfigMap'), object);
    for (const query of ['?dryRun=All', '']) {
      const answer = await http('POST', `/api/v1/namespaces/default/configmaps${query}`, {
        headers: { accept: PROTOBUF, 'content-type': PROTOBUF },
        body,
      });
      expect(answer.code).toBe(201);
      expect(read(answer.bytes)).toMatchObject({ ...object, metadata: { name: 'written', namespace: 'default', uid: expect.any(String) } });
    }
  });

  it('streams events as length-delimited frames, errors and bookmarks too', async () => {
    const path =
      '/api/v1/namespaces/default/configmaps?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
    const stream = await streamFrom(api, path, `${PROTOBUF};stream=watch`, (bytes) =>
      framesOf(bytes).some(({ type }) => type === 'BOOKMARK'),
    );
    expect(stream.headers['content-type']).toBe(`${PROTOBUF};stream=watch`);
    const events = framesOf(stream.bytes);
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'ADDED', 'ADDED', 'BOOKMARK']);
    expect(read(events[0]!.object)).toEqual(json(await get('/api/v1/namespaces/default/configmaps/a', '*/*')));
    expect(read(events[3]!.object)).toMatchObject({
      kind: 'ConfigMap',
      metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } },
    });
    const partial = await streamFrom(api, path, meta('PartialObjectMetadata', PROTOBUF), (bytes) => framesOf(bytes).length > 0);
    expect(read(framesOf(partial.bytes)[0]!.object)).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'a' } });
  });
});

interface Frame {
  readonly type: string;
  readonly object: Uint8Array;
}

/** The whole frames among the bytes. */
function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    const event = new WireReader(bytes, at + 4, end);
    expect(event.tag()).toBe(10);
    const type = event.text();
    expect(event.tag()).toBe(18);
    const raw = event.message();
    expect(raw.tag()).toBe(10);
    frames.push({ type, object: raw.chunk() });
    at = end;
  }
  return frames;
}

describe('other forms', () => {
  it('YAML is the same object, keys in order', async () => {
    const path = '/api/v1/namespaces/default/pods/p';
    const answer = await get(path, 'application/yaml');
    expect(answer.headers['content-type']).toBe('application/yaml');
    expect(parse(answer.text)).toEqual(json(await get(path, '*/*')));
    expect(answer.text).toMatch(/^apiVersion: v1\nkind: Pod\nmetadata:\n/);
    expect((await get('/api/v1/pods/nope/nope', 'application/yaml')).text).toContain('kind: Status\n');
  });

  it('items of a list of a built-in kind do not repeat its name', async () => {
    const { kind, items } = json(await get('/api/v1/configmaps', '*/*'));
    expect(kind).toBe('ConfigMapList');
    for (const item of items) expect(Object.keys(item)).toEqual(expect.not.arrayContaining(['kind', 'apiVersion']));
    expect(items[0]).toMatchObject({ metadata: { name: 'a' }, data: { key: 'value' } });
  });

  it('tables and metadata have the version that was asked for', async () => {
    const table = json(await get('/api/v1/pods', meta('Table', 'application/json', 'v1beta1')));
    expect(table).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1beta1',
      rows: [{ object: { apiVersion: 'meta.k8s.io/v1beta1' } }],
    });
    const whole = json(await get('/api/v1/pods?includeObject=Object', meta('Table')));
    expect(whole.rows[0].object).toMatchObject({ kind: 'Pod', spec: {} });
    expect(json(await get('/api/v1/pods?includeObject=None', meta('Table'))).rows[0]).not.toHaveProperty('object');
    const one = json(await get('/api/v1/namespaces/default/pods/p', meta('PartialObjectMetadata')));
    expect(Object.keys(one)).toEqual(['kind', 'apiVersion', 'metadata']);
  });

  it('what cannot be had is refused with 406, in JSON if nothing else is accepted', async () => {
    const html = await get('/api/v1/pods', 'text/html');
    expect(json(html)).toMatchObject({
      code: 406,
      reason: 'NotAcceptable',
      message: expect.stringContaining(`accepted: application/json, application/yaml, ${PROTOBUF}`),
    });
    expect(html.headers['content-type']).toBe('application/json');
    expect((await get('/api/v1/pods', 'application/cbor')).code).toBe(406);
    expect(json(await get('/api/v1/pods', `${meta('PartialObjectMetadata')},*/*`)).message).toContain('the requested object is a list');
    expect(json(await get('/api/v1/namespaces/default/pods/p', meta('PartialObjectMetadataList'))).message).toContain('is not a list');
    expect((await get('/api/v1/pods?watch=1', 'application/yaml')).text).toContain('application/json;stream=watch');
    const cbor = await http('POST', '/api/v1/namespaces/default/configmaps', {
      headers: { 'content-type': 'application/cbor' },
      body: '\xa0',
    });
    expect(json(cbor)).toMatchObject({
      code: 415,
      message: `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, ${PROTOBUF}`,
    });
  });

  it('curl gets line breaks', async () => {
    const path = '/api/v1/namespaces/default/configmaps/a';
    expect((await get(path, '*/*', { 'user-agent': 'curl/8.5.0' })).text).toMatch(/^\{\n {2}"/);
    expect((await get(path, '*/*')).text.trimEnd()).not.toContain('\n');
    expect((await get('/api/v1/configmaps?pretty=true', '*/*')).text).toMatch(/^\{\n {2}"kind": "ConfigMapList"/);
  });
});

describe('gzip', () => {
  it('is for large answers to clients that take it', async () => {
    await api.client.create(configMaps, { metadata: { name: 'large', namespace: 'default' }, data: { a: 'x'.repeat(200_000) } });
    const path = '/api/v1/namespaces/default/configmaps/large';
    const plain = await get(path, '*/*');
    expect(plain.headers).not.toHaveProperty('content-encoding');
    for (const accept of ['application/json', PROTOBUF]) {
      const packed = await get(path, accept, { 'accept-encoding': 'deflate, gzip' });
      expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding', 'content-type': accept });
      expect(packed.bytes.length).toBeLessThan(5_000);
      expect(gunzipSync(packed.bytes)).toEqual((await get(path, accept)).bytes);
    }
    expect((await get('/api/v1/namespaces/default/configmaps/a', '*/*', { 'accept-encoding': 'gzip' })).headers).not.toHaveProperty(
      'content-encoding',
    );
    await api.client.delete(configMaps, { namespace: 'default', name: 'large' });
  });
});

it('JSON ends with its line, as Go writes it, unless it is for people', async () => {
  const one = '/api/v1/namespaces/default/configmaps/a';
  const table = meta('Table', 'application/json');
  for (const [path, accept] of [
    [one, 'application/json'],
    [one, table],
    ['/api/v1/configmaps', 'application/json'],
    ['/api/v1/configmaps', table],
    ['/api/v1/configmaps', meta('PartialObjectMetadataList', 'application/json')],
    [`${one}-none`, 'application/json'],
  ] as const) {
    const { text } = await get(path, accept);
    expect(text.endsWith('}\n'), `${path} ${accept}`).toBe(true);
    expect((await get(`${path}?pretty=true`, accept)).text.endsWith('}')).toBe(true);
  }
});
