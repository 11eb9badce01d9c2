// Custom resources whose versions a webhook converts, over HTTPS.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { crontabs } from '../../suites/custom-resources.js';
import { type HttpsServer, startHttpsServer } from '../../suites/https-server.js';
import { json, streamFrom, type Wire, wireTo } from '../../suites/wire.js';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const V1 = '/apis/stable.example.com/v1/namespaces/default/crontabs';
const V2 = V1.replace('/v1/', '/v2/');
let api: TestServer;
let http: Wire;
let webhook: HttpsServer;
/** The objects of each review, and what the webhook answers in place of its own answer. */
let reviews: number[] = [];
let answer: (response: JsonObject) => JsonObject = (response) => response;

interface Timed {
  readonly apiVersion: string;
  readonly metadata: JsonObject;
  readonly spec: { readonly time?: string; readonly minute?: string; readonly hour?: string };
}

/** v1 has one field for what are two in v2. */
function convert(object: Timed, apiVersion: string): object {
  const { time, minute, hour } = object.spec;
  const labels = { ...(object.metadata['labels'] as JsonObject | undefined), converted: 'yes' };
  const spec = apiVersion.endsWith('/v2') ? { minute: time!.split(':')[1], hour: time!.split(':')[0] } : { time: `${hour}:${minute}` };
  return { ...object, apiVersion, metadata: { ...object.metadata, labels, finalizers: ['not/kept'] }, spec };
}

beforeAll(async () => {
  api = await startTestServer();
  http = wireTo(api);
  webhook = await startHttpsServer((_request, body, response) => {
    const { kind, apiVersion, request } = JSON.parse(body);
    reviews.push(request.objects.length);
    const convertedObjects = request.objects.map((object: Timed) => convert(object, request.desiredAPIVersion));
    const own = { uid: request.uid, result: { status: 'Success' }, convertedObjects };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ kind, apiVersion, response: answer(own) }));
  });
  const version = (name: string, fields: readonly string[], storage: boolean) => {
    const properties = Object.fromEntries(fields.map((field) => [field, { type: 'string' }]));
    const openAPIV3Schema = { type: 'object', properties: { spec: { type: 'object', properties } } };
    return { name, served: true, storage, schema: { openAPIV3Schema } };
  };
  const clientConfig = { url: `https://127.0.0.1:${webhook.port}/convert`, caBundle: webhook.caBundle };
  const definition = crontabs({
    versions: [version('v1', ['time'], true), version('v2', ['minute', 'hour'], false)],
    conversion: { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions: ['v1'] } },
  });
  expect((await send('POST', DEFINITIONS, definition)).code).toBe(201);
  while ((await http('GET', V1)).code === 404);
});
afterAll(async () => {
  // The server's caches are compared with the store at its end, which the webhook is needed for.
  await api?.stop();
  await webhook?.stop();
});
afterEach(() => {
  reviews = [];
  answer = (response) => response;
});

const send = (method: string, path: string, body: object, type = 'application/json') =>
  http(method, path, { body: JSON.stringify(body), headers: { 'content-type': type } });
const object = (version: string, name: string, spec: object) => ({
  apiVersion: `stable.example.com/${version}`,
  kind: 'CronTab',
  metadata: { name },
  spec,
});

it('what is written in one version is read in the other, and the webhook is asked only where there is something to convert', async () => {
  await send('POST', V1, object('v1', 'a', { time: '10:30' }));
  expect(json(await http('GET', `${V1}/a`)).spec).toEqual({ time: '10:30' });
  expect(reviews).toEqual([]);
  const read = json(await http('GET', `${V2}/a`));
  expect(read).toMatchObject({
    apiVersion: 'stable.example.com/v2',
    spec: { minute: '30', hour: '10' },
    metadata: { labels: { converted: 'yes' } },
  });
  expect(read.metadata.finalizers).toBeUndefined();
  const written = await send('POST', V2, object('v2', 'b', { minute: '15', hour: '9' }));
  expect(json(written)).toMatchObject({ apiVersion: 'stable.example.com/v2', spec: { minute: '15', hour: '9' } });
  expect(json(await http('GET', `${V1}/b`)).spec).toEqual({ time: '9:15' });
});

it('a list is one review, and watchers of each version see it', async () => {
  for (const name of ['c', 'd', 'e']) await send('POST', V1, object('v1', name, { time: '1:2' }));
  reviews = [];
  const list = json(
    await http('GET', `${V2}?resourceVersionMatch=Exact&resourceVersion=${json(await http('GET', V1)).metadata.resourceVersion}`),
  );
  expect(list.items.every(({ apiVersion }: { apiVersion: string }) => apiVersion === 'stable.example.com/v2')).toBe(true);
  expect(reviews).toEqual([list.items.length]);
  const after = json(await http('GET', V2)).metadata.resourceVersion;
  await send('PATCH', `${V1}/a`, { spec: { time: '11:45' } }, 'application/merge-patch+json');
  const events = (bytes: Buffer) => bytes.toString().split('\n').filter(Boolean);
  const stream = await streamFrom(api, `${V2}?watch=1&resourceVersion=${after}`, 'application/json', (bytes) => events(bytes).length > 0);
  expect(JSON.parse(events(stream.bytes)[0]!)).toMatchObject({
    type: 'MODIFIED',
    object: { apiVersion: 'stable.example.com/v2', spec: { minute: '45' } },
  });
});

it.each<[string, (response: JsonObject) => JsonObject, string]>([
  ['refuses', (response) => ({ ...response, result: { status: 'Failure', message: 'not today' } }), 'failed: not today'],
  ['answers another question', (response) => ({ ...response, uid: 'x' }), 'failed: expected response.uid='],
  ['returns too little', (response) => ({ ...response, convertedObjects: [] }), 'returned 0 objects, expected 1'],
  [
    'renames objects',
    (response) => ({
      ...response,
      convertedObjects: (response['convertedObjects'] as unknown as Timed[]).map((each) => ({
        ...each,
        metadata: { ...each.metadata, name: 'z' },
      })) as never,
    }),
    'returned invalid converted object at index 0: must have the same name: x != z',
  ],
  [
    'converts to another version',
    (response) => ({
      ...response,
      convertedObjects: (response['convertedObjects'] as unknown as Timed[]).map((each) => ({
        ...each,
        apiVersion: 'stable.example.com/v3',
      })) as never,
    }),
    'returned invalid converted object at index 0: invalid groupVersion (expected stable.example.com/v1, received stable.example.com/v3)',
  ],
])('a webhook that %s fails the request', async (_name, changed, message) => {
  answer = changed;
  const failed = json(await send('POST', V2, object('v2', 'x', { minute: '1', hour: '2' })));
  expect(failed).toMatchObject({ kind: 'Status', code: 500 });
  expect(failed.message).toContain(`conversion webhook for stable.example.com/v2, Kind=CronTab ${message}`);
});
