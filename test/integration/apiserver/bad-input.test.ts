// What no client should send, sent over the wire: each gets the Status that Kubernetes gives, nothing is stored, and the server goes on.
import { type ClientHttp2Session, connect } from 'node:http2';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';

let api: TestServer;
let session: ClientHttp2Session;

beforeAll(async () => {
  api = await startTestServer();
  session = connect(api.url, { ca: api.pki.ca.cert, ...api.pki.admin });
  for (const [url, body] of [
    [MAPS, { metadata: { name: 'fixed' }, data: { a: 'b' }, immutable: true }],
    [MAPS, { metadata: { name: 'plain' }, data: { a: 'b' } }],
    [DEPLOYMENTS, deployment('web')],
  ] as const)
    expect((await ask('POST', url, body)).code).toBe(201);
});
afterAll(async () => {
  session?.destroy();
  await api?.stop();
});

const MAPS = '/api/v1/namespaces/default/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const SERVICES = '/api/v1/namespaces/default/services';
const PODS = '/api/v1/namespaces/default/pods';
const [JSON_PATCH, MERGE, STRATEGIC, APPLY] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;
const YAML = 'application/yaml';

const deployment = (name: string) => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { a: 'b' } },
    template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
});

interface Answer {
  readonly code: number;
  readonly body: { readonly kind?: string; readonly reason?: string; readonly message?: string; readonly [field: string]: unknown };
}

function ask(method: string, path: string, body?: unknown, type = 'application/json'): Promise<Answer> {
  const bytes =
    body === undefined || Buffer.isBuffer(body)
      ? (body as Buffer | undefined)
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': method, ':path': path, ...(bytes && { 'content-type': type }) }, { endStream: !bytes });
    let [code, text] = [0, ''];
    stream.setEncoding('utf8');
    stream.on('response', (headers) => {
      code = Number(headers[':status']);
    });
    stream.on('data', (chunk) => (text += chunk));
    stream.on('error', reject);
    stream.on('end', () => resolve({ code, body: JSON.parse(text) }));
    if (bytes) stream.end(bytes);
  });
}

const revision = async () => (await api.backend.range({ key: '/registry/configmaps/' })).revision;

describe('nothing is stored and nothing breaks', () => {
  let before: number;
  beforeEach(async () => {
    before = await revision();
  });
  afterEach(async () => {
    expect(await revision()).toBe(before);
    expect((await ask('GET', `${MAPS}/plain`)).body).toMatchObject({ data: { a: 'b' } });
  });

  type Case = [what: string, method: string, path: string, body: unknown, type: string | undefined, code: number, message: string | RegExp];

  it.each<Case>([
    [
      'a wrong type',
      'POST',
      MAPS,
      { metadata: { name: 'x' }, data: 5 },
      undefined,
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string',
    ],
    [
      'a wrong type inside',
      'POST',
      DEPLOYMENTS,
      { metadata: { name: 'x' }, spec: { replicas: 'three' } },
      undefined,
      400,
      /json: cannot unmarshal string into Go struct field .*spec\.replicas of type int32/,
    ],
    [
      'a number out of range',
      'POST',
      DEPLOYMENTS,
      { metadata: { name: 'x' }, spec: { replicas: 2 ** 40 } },
      undefined,
      400,
      /cannot unmarshal number 1099511627776 into Go struct field .* of type int32/,
    ],
    [
      'an unknown field',
      'POST',
      `${MAPS}?fieldValidation=Strict`,
      { metadata: { name: 'x' }, dta: {} },
      undefined,
      400,
      'strict decoding error: unknown field "dta"',
    ],
    [
      'a name twice',
      'POST',
      `${MAPS}?fieldValidation=Strict`,
      '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}',
      undefined,
      400,
      'strict decoding error: duplicate field "data.a"',
    ],
    [
      'a name twice in a patch',
      'PATCH',
      `${MAPS}/plain?fieldValidation=Strict`,
      '{"data":{"c":"1","c":"2"}}',
      MERGE,
      422,
      'strict decoding error: duplicate field "data.c"',
    ],
    [
      'a name twice in YAML',
      'PATCH',
      `${MAPS}/plain?fieldManager=m&fieldValidation=Strict`,
      'apiVersion: v1\nkind: ConfigMap\ndata: {c: "1", c: "2"}\n',
      APPLY,
      400,
      /error strict decoding YAML: .*key "c" already set in map/s,
    ],
    ['no JSON', 'POST', MAPS, '{"metadata":', undefined, 400, 'unexpected end of JSON input'],
    ['nothing', 'POST', MAPS, undefined, undefined, 400, /unexpected end of JSON input|Object 'Kind' is missing/],
    ['a list', 'POST', MAPS, [], undefined, 400, 'json: cannot unmarshal array into Go value'],
    ['null', 'POST', MAPS, 'null', undefined, 400, /json: cannot unmarshal null|Object 'Kind' is missing/],
    [
      'bytes that are no text',
      'POST',
      MAPS,
      Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
      undefined,
      400,
      'not valid UTF-8',
    ],
    ['a type that is none', 'POST', MAPS, '{}', 'text/html', 415, 'the body of the request was in an unknown format'],
    ['CBOR', 'PATCH', `${MAPS}/plain?fieldManager=m`, 'x', 'application/apply-patch+cbor', 415, 'accepted media types include'],
    ['objects as deep as a well', 'POST', MAPS, `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, undefined, 400, 'levels deep'],
    [
      'lists as deep as a well',
      'PATCH',
      `${MAPS}/plain`,
      `{"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      MERGE,
      400,
      'levels deep',
    ],
    ['YAML as deep as a well', 'POST', MAPS, `a: ${'['.repeat(50_000)}`, YAML, 400, /levels deep|yaml/],
    ['a billion laughs', 'POST', MAPS, laughs(), YAML, 400, /yaml/i],
    ['a billion laughs, applied', 'PATCH', `${MAPS}/plain?fieldManager=m`, laughs(), APPLY, 400, /error decoding YAML/],
    [
      '3 MiB',
      'POST',
      MAPS,
      { metadata: { name: 'x' }, data: { a: 'x'.repeat(3 << 20) } },
      undefined,
      413,
      'Request entity too large: limit is 3145728',
    ],
    [
      'a million numbers',
      'POST',
      MAPS,
      `{"metadata":{"name":"x"},"data":[${'1,'.repeat(1_000_000)}1]}`,
      undefined,
      400,
      'cannot unmarshal array into Go struct field ConfigMap.data',
    ],
    ['a prototype', 'POST', MAPS, '{"metadata":{"name":"x","labels":{"__proto__":"y"}}}', undefined, 400, '__proto__'],
    ['a prototype in a patch', 'PATCH', `${MAPS}/plain`, '{"data":{"__proto__":"y"}}', MERGE, 400, '__proto__'],
    [
      'a prototype by a path',
      'PATCH',
      `${MAPS}/plain`,
      [{ op: 'add', path: '/__proto__/polluted', value: 'y' }],
      JSON_PATCH,
      422,
      '__proto__',
    ],
    [
      'a prototype, applied',
      'PATCH',
      `${MAPS}/plain?fieldManager=m`,
      '{"apiVersion":"v1","kind":"ConfigMap","data":{"__proto__":"y"}}',
      APPLY,
      400,
      '__proto__',
    ],
    [
      'too many operations',
      'PATCH',
      `${MAPS}/plain`,
      Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/data/a', value: 'b' })),
      JSON_PATCH,
      413,
      'The allowed maximum operations in a JSON patch is 10000, got 10001',
    ],
    ['copies of copies', 'PATCH', `${MAPS}/plain`, copies(), JSON_PATCH, 422, 'copy operations add more than'],
    [
      'a test that fails',
      'PATCH',
      `${MAPS}/plain`,
      [
        { op: 'replace', path: '/data/a', value: 'c' },
        { op: 'test', path: '/data/a', value: 'b' },
      ],
      JSON_PATCH,
      422,
      'testing value "/data/a" failed',
    ],
    [
      'an operation that is none',
      'PATCH',
      `${MAPS}/plain`,
      [{ op: 'explode', path: '/data' }],
      JSON_PATCH,
      400,
      'unexpected kind of JSON patch operation',
    ],
    [
      'a JSON patch that is no list',
      'PATCH',
      `${MAPS}/plain`,
      { op: 'add' },
      JSON_PATCH,
      400,
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    ],
    ['a patch that does not parse', 'PATCH', `${MAPS}/plain`, '{"data":', MERGE, 400, 'error decoding patch: unexpected end of JSON input'],
    ['a directive that is none', 'PATCH', `${MAPS}/plain`, { data: { $patch: 'explode' } }, STRATEGIC, 400, 'unknown patch type found'],
    [
      'a list item without its key',
      'PATCH',
      `${DEPLOYMENTS}/web`,
      { spec: { template: { spec: { containers: [{ image: 'x' }] } } } },
      STRATEGIC,
      400,
      'does not contain declared merge key: name',
    ],
    ['selectors that do not parse', 'GET', `${MAPS}?labelSelector=a%20in%20(`, undefined, undefined, 400, 'unable to parse requirement'],
    ['keys that are none in selectors', 'GET', `${MAPS}?labelSelector=-a%3Db`, undefined, undefined, 400, 'unable to parse requirement'],
    ['selectors in deletecollection', 'DELETE', `${MAPS}?labelSelector=!!`, undefined, undefined, 400, 'unable to parse requirement'],
    [
      'a name with capitals',
      'POST',
      MAPS,
      { metadata: { name: 'Upper' } },
      undefined,
      422,
      'a lowercase RFC 1123 subdomain must consist of',
    ],
    ['a name that is a path', 'POST', MAPS, { metadata: { name: '../other' } }, undefined, 422, 'metadata.name: Invalid value: "../other"'],
    ['a name that is too long', 'POST', MAPS, { metadata: { name: 'x'.repeat(254) } }, undefined, 422, 'must be no more than 253'],
    [
      'a Service’s name that is no label',
      'POST',
      SERVICES,
      { metadata: { name: 'a.b' }, spec: { ports: [{ port: 80 }] } },
      undefined,
      422,
      /DNS-1035|RFC 1123|RFC 1035/,
    ],
    [
      'a namespace that is no label',
      'POST',
      '/api/v1/namespaces',
      { metadata: { name: 'a.b' } },
      undefined,
      422,
      'a lowercase RFC 1123 label must consist of',
    ],
    [
      'a label that is none',
      'POST',
      MAPS,
      { metadata: { name: 'x', labels: { 'a b': 'c d' } } },
      undefined,
      422,
      'metadata.labels: Invalid value: "a b"',
    ],
    [
      'annotations without end',
      'POST',
      MAPS,
      { metadata: { name: 'x', annotations: { a: 'x'.repeat(300_000) } } },
      undefined,
      422,
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ],
    [
      'a version that does not exist',
      'POST',
      '/apis/apps/v9/namespaces/default/deployments',
      deployment('x'),
      undefined,
      404,
      'the server could not find the requested resource',
    ],
    [
      'another version than the path’s',
      'POST',
      DEPLOYMENTS,
      { apiVersion: 'apps/v9', ...deployment('x') },
      undefined,
      400,
      'the API version in the data (apps/v9) does not match the expected API version (apps/v1)',
    ],
    [
      'a version that is no text, nor can be made one',
      'POST',
      MAPS,
      { apiVersion: { toString: false }, metadata: { name: 'x' } },
      undefined,
      400,
      'the API version in the data ({"toString":false}) does not match the expected API version (v1)',
    ],
    [
      'a kind like that, applied',
      'PATCH',
      `${MAPS}/plain?fieldManager=m`,
      { apiVersion: 'v1', kind: { toString: false } },
      APPLY,
      400,
      'invalid object type: /v1, Kind={"toString":false}',
    ],
    [
      'another kind than the path’s',
      'POST',
      MAPS,
      { kind: 'Secret', metadata: { name: 'x' } },
      undefined,
      400,
      'the kind in the data (Secret) does not match the expected kind (ConfigMap)',
    ],
    [
      'a namespace that is not there',
      'POST',
      '/api/v1/namespaces/nowhere/configmaps',
      { metadata: { name: 'x' } },
      undefined,
      404,
      'namespaces "nowhere" not found',
    ],
    [
      'data that is immutable',
      'PATCH',
      `${MAPS}/fixed`,
      { data: { a: 'c' } },
      MERGE,
      422,
      /data: Forbidden: field is immutable when `immutable` is set/,
    ],
    [
      'a selector that is immutable',
      'PATCH',
      `${DEPLOYMENTS}/web`,
      { spec: { selector: { matchLabels: { a: 'c' } }, template: { metadata: { labels: { a: 'c' } } } } },
      MERGE,
      422,
      /spec\.selector: Invalid value: .*field is immutable/,
    ],
    ['another uid', 'PATCH', `${MAPS}/plain`, { metadata: { uid: 'mine' } }, MERGE, 409, 'Precondition failed: UID in precondition: mine'],
    [
      'an old version',
      'PATCH',
      `${MAPS}/plain`,
      { metadata: { resourceVersion: '1' } },
      MERGE,
      409,
      'the object has been modified; please apply your changes to the latest version',
    ],
    [
      'another name than the path’s',
      'PUT',
      `${MAPS}/plain`,
      { metadata: { name: 'other' } },
      undefined,
      400,
      'the name of the object (other) does not match the name on the URL (plain)',
    ],
    [
      'quantities that are none',
      'POST',
      PODS,
      { metadata: { name: 'x' }, spec: { containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: 'much' } } }] } },
      undefined,
      400,
      'quantities must match the regular expression',
    ],
    [
      'managers that cannot be printed',
      'POST',
      `${MAPS}?fieldManager=%00`,
      { metadata: { name: 'x' } },
      undefined,
      422,
      'fieldManager: Invalid value',
    ],
    ['a path that is not well formed', 'GET', `${MAPS}/%zz`, undefined, undefined, 400, /not well formed|not a valid url component/],
    ['a path that goes up', 'GET', `${MAPS}/..%2f..%2fsecrets`, undefined, undefined, 404, 'not found'],
  ])('%s', async (_, method, path, body, type, code, message) => {
    const answer = await ask(method, path, body, type);
    expect(answer.body.message).toMatch(
      typeof message === 'string' ? new RegExp(message.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) : message,
    );
    expect([answer.code, answer.body.kind]).toEqual([code, 'Status']);
  });
});

/** Nine levels of nine aliases each. */
function laughs(): string {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `a${i}: &a${i} [${i === 0 ? '"lol"' : Array.from({ length: 9 }, () => `*a${i - 1}`).join(',')}]`,
  );
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n${levels.join('\n')}\n`;
}

/** Each copies all that is there, so that it doubles. */
function copies(): object[] {
  const first = { op: 'add', path: '/data/c', value: 'x'.repeat(1000) };
  return [first, ...Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/data', path: `/data/c${i}` }))];
}

it('names that JavaScript has a meaning for are names like others', async () => {
  const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  const data = Object.fromEntries(names.map((name) => [name, 'x']));
  expect((await ask('POST', MAPS, { metadata: { name: 'odd', labels: data }, data })).body).toMatchObject({ data });
  expect((await ask('GET', `${MAPS}?labelSelector=constructor%3Dx`)).body['items']).toHaveLength(1);
  expect((await ask('GET', `${MAPS}?labelSelector=toLocaleString`)).body['items']).toHaveLength(0);
  expect((await ask('PATCH', `${MAPS}/odd`, { data: { constructor: null } }, MERGE)).body['data']).toEqual({
    toString: 'x',
    hasOwnProperty: 'x',
    valueOf: 'x',
  });
  for (const name of ['constructor', '__proto__']) expect((await ask('GET', `/api/v1/${name}`)).code).toBe(404);
});

describe('whatever a body holds', () => {
  const anything = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom<fc.JsonValue>(null, '', 0, -1, 1e30, [], {}, 'x'.repeat(300)));

  interface Fields {
    [name: string]: unknown;
  }

  /** A good object with something else in one of its places. */
  const spoiled = (good: object) =>
    fc.tuple(fc.constantFrom(...placesOf(good)), anything).map(([place, value]) => {
      const copy = structuredClone(good);
      const holder = place.slice(0, -1).reduce<Fields>((at, step) => at[step] as Fields, copy as Fields);
      holder[place.at(-1)!] = value;
      return copy;
    });

  function placesOf(value: object, prefix: string[] = []): string[][] {
    return Object.entries(value).flatMap(([name, inner]) => {
      const here = [...prefix, name];
      return typeof inner === 'object' && inner !== null ? [here, ...placesOf(inner, here)] : [here];
    });
  }

  const good = {
    [DEPLOYMENTS]: { apiVersion: 'apps/v1', kind: 'Deployment', ...deployment('fuzzed') },
    [MAPS]: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'fuzzed', labels: { a: 'b' }, finalizers: ['a/b'], managedFields: [{}] },
      data: { a: 'b' },
    },
    [SERVICES]: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'fuzzed' },
      spec: { selector: { a: 'b' }, ports: [{ port: 80, name: 'p', targetPort: 'x' }] },
    },
  };
  const explained = ({ code, body }: Answer) => {
    expect(code, JSON.stringify(body)).toBeLessThan(500);
    if (code >= 300)
      expect(body).toMatchObject({ kind: 'Status', status: 'Failure', message: expect.any(String), reason: expect.any(String) });
  };

  it.each(Object.entries(good))('a creation at %s is a success or a refusal', async (path, object) => {
    await fc.assert(
      fc.asyncProperty(spoiled(object), async (body) => explained(await ask('POST', `${path}?dryRun=All`, body))),
      { numRuns: 150 },
    );
  });

  it.each([MERGE, STRATEGIC, JSON_PATCH])('a patch of %s is a success or a refusal', async (type) => {
    const pointer = fc.array(fc.constantFrom('spec', 'template', 'containers', '0', '-', 'metadata', 'labels', 'replicas', 'x'), {
      maxLength: 5,
    });
    const operation = fc.record({
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
      path: pointer.map((parts) => parts.map((part) => `/${part}`).join('')),
      from: pointer.map((parts) => parts.map((part) => `/${part}`).join('')),
      value: anything,
    });
    const { metadata: _, ...rest } = good[DEPLOYMENTS]!;
    const patch: fc.Arbitrary<object> = type === JSON_PATCH ? fc.array(operation, { maxLength: 4 }) : spoiled(rest);
    await fc.assert(
      fc.asyncProperty(patch, async (body) => explained(await ask('PATCH', `${DEPLOYMENTS}/web?dryRun=All`, body, type))),
      { numRuns: 150 },
    );
  });

  it('applied is a success, a refusal, or what upstream calls an error of its own', async () => {
    const config = { ...good[DEPLOYMENTS]!, metadata: { name: 'web' } };
    await fc.assert(
      fc.asyncProperty(spoiled(config), async (body) => {
        const answer = await ask('PATCH', `${DEPLOYMENTS}/web?fieldManager=fuzz&force=true&dryRun=All`, body, APPLY);
        if (answer.code === 500)
          expect(answer.body.message).toMatch(/^failed to create typed patch object \(default\/web; apps\/v1, Kind=Deployment\): /);
        else explained(answer);
      }),
      { numRuns: 150 },
    );
  });

  it('bytes at random are refused', async () => {
    const types = fc.constantFrom('application/json', YAML, 'application/vnd.kubernetes.protobuf', MERGE, APPLY);
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.from([0x6b, 0x38, 0x73, 0x00, ...rest])),
    );
    await fc.assert(
      fc.asyncProperty(bytes, types, async (body, type) => {
        const isPatch = type === MERGE || type === APPLY;
        const answer = await ask(isPatch ? 'PATCH' : 'POST', isPatch ? `${MAPS}/plain?fieldManager=f` : MAPS, Buffer.from(body), type);
        explained(answer);
        expect(answer.code).toBeGreaterThanOrEqual(400);
      }),
      { numRuns: 200 },
    );
  });
});
