// Custom resources over the wire: defined, used and removed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { CRONTAB_SCHEMA, CRONTAB_VERSION, crontab, crontabs } from '../../suites/custom-resources.js';
import { type Answer, json, streamFrom, type Wire, wireTo } from '../../suites/wire.js';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const OBJECTS = '/apis/stable.example.com/v1/namespaces/default/crontabs';
let api: TestServer;
let http: Wire;

beforeAll(async () => {
  api = await startTestServer();
  http = wireTo(api);
});
afterAll(() => api?.stop());

const send = (method: string, path: string, body: object, type = 'application/json', headers = {}) =>
  http(method, path, { body: JSON.stringify(body), headers: { 'content-type': type, ...headers } });
const post = (path: string, body: object) => send('POST', path, body);
const merge = (path: string, body: object) => send('PATCH', path, body, 'application/merge-patch+json');

/** What the object is once it is in the wanted state, or gone. */
async function when(path: string, wanted: (answer: Answer) => boolean): Promise<Answer> {
  for (;;) {
    const answer = await http('GET', path);
    if (wanted(answer)) return answer;
  }
}

const condition = (answer: Answer, type: string) =>
  (json(answer).status?.conditions ?? []).find((each: { type: string }) => each.type === type);

async function define(definition: ReturnType<typeof crontabs>): Promise<void> {
  expect((await post(DEFINITIONS, definition)).code).toBe(201);
  await when(`${DEFINITIONS}/${definition.metadata.name}`, (answer) => condition(answer, 'Established')?.status === 'True');
}

async function undefine(name: string): Promise<void> {
  await http('DELETE', `${DEFINITIONS}/${name}`);
  await when(`${DEFINITIONS}/${name}`, ({ code }) => code === 404);
}

describe('a definition', () => {
  afterAll(() => undefine('crontabs.stable.example.com'));

  it('gets its defaults, conditions and accepted names', async () => {
    const { metadata, spec } = crontabs({}, { singular: '' });
    await define({ ...crontabs(), spec });
    const stored = json(await http('GET', `${DEFINITIONS}/${metadata.name}`));
    expect(stored.spec).toMatchObject({ names: { singular: 'crontab', listKind: 'CronTabList' }, conversion: { strategy: 'None' } });
    expect(stored.status).toMatchObject({
      acceptedNames: {
        plural: 'crontabs',
        singular: 'crontab',
        kind: 'CronTab',
        listKind: 'CronTabList',
        shortNames: ['ct'],
        categories: ['all'],
      },
      storedVersions: ['v1'],
      conditions: [
        { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
        { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' },
      ],
    });
  });

  it('is in discovery and OpenAPI at once', async () => {
    const list = json(await http('GET', '/apis/stable.example.com/v1'));
    expect(list.resources.map(({ name }: { name: string }) => name)).toEqual(['crontabs', 'crontabs/scale', 'crontabs/status']);
    expect(list.resources[0]).toMatchObject({
      singularName: 'crontab',
      kind: 'CronTab',
      shortNames: ['ct'],
      categories: ['all'],
      namespaced: true,
    });
    expect(json(await http('GET', '/apis/stable.example.com')).preferredVersion.version).toBe('v1');
    const { components } = json(await http('GET', '/openapi/v3/apis/stable.example.com/v1'));
    expect(components.schemas['com.example.stable.v1.CronTab'].properties.spec.description).toBe('What to run, and when');
  });

  it.each<[string, object, string]>([
    [
      'another name',
      { ...crontabs(), metadata: { name: 'x.stable.example.com' } },
      'metadata.name: Invalid value: "x.stable.example.com": must be spec.names.plural+"."+spec.group',
    ],
    [
      'a group without a dot',
      crontabs({ group: 'stable' }),
      'spec.group: Invalid value: "stable": should be a domain with at least one dot',
    ],
    [
      'no schema',
      crontabs({ versions: [{ name: 'v1', served: true, storage: true }] }),
      'spec.versions[0].schema.openAPIV3Schema: Required value',
    ],
    [
      'two storage versions',
      crontabs({ versions: [CRONTAB_VERSION, { ...CRONTAB_VERSION, name: 'v2' }] }),
      'must have exactly one version marked as storage version',
    ],
    [
      'a group of Kubernetes',
      crontabs({ group: 'apps.k8s.io' }),
      'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation',
    ],
    [
      'a schema that is not structural',
      crontabs({ versions: [{ ...CRONTAB_VERSION, schema: { openAPIV3Schema: { type: 'object', properties: { a: {} } } } }] }),
      'spec.versions[0].schema.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
    ],
  ])('is refused with %s', async (_name, definition, message) => {
    const answer = await post(DEFINITIONS, definition);
    expect(answer.code).toBe(422);
    expect(json(answer)).toMatchObject({ reason: 'Invalid', details: { kind: 'CustomResourceDefinition', group: 'apiextensions.k8s.io' } });
    expect(json(answer).message).toContain(message);
  });

  it('cannot change what objects are found by', async () => {
    const answer = await merge(`${DEFINITIONS}/crontabs.stable.example.com`, { spec: { scope: 'Cluster' } });
    expect(json(answer).message).toContain('spec.scope: Invalid value: "Cluster": field is immutable');
  });

  it('is established once the authority of its webhook can be read, which it must be from then on', async () => {
    const conversion = (caBundle: string) => ({
      strategy: 'Webhook',
      webhook: { clientConfig: { url: 'https://127.0.0.1/convert', caBundle }, conversionReviewVersions: ['v1'] },
    });
    const path = `${DEFINITIONS}/trusts.stable.example.com`;
    const names = { plural: 'trusts', singular: 'trust', kind: 'Trust', listKind: 'TrustList', shortNames: [] };
    const nonsense = Buffer.from('AB').toString('base64');
    expect((await post(DEFINITIONS, crontabs({ conversion: conversion(nonsense) }, names))).code).toBe(201);
    const waiting = await when(path, (answer) => condition(answer, 'Established') !== undefined);
    const message = 'The conversion webhook CABundle is invalid';
    expect(condition(waiting, 'Established')).toMatchObject({ status: 'False', reason: 'InvalidCABundle', message });
    const good = Buffer.from(api.pki.ca.cert).toString('base64');
    expect((await merge(path, { spec: { conversion: conversion(good) } })).code).toBe(200);
    await when(path, (answer) => condition(answer, 'Established')?.status === 'True');
    const refused = await merge(path, { spec: { conversion: conversion(nonsense) } });
    expect(json(refused).message).toContain(
      'spec.conversion.webhookClientConfig.caBundle: Invalid value: []byte{0x41, 0x42}: unable to load root certificates: unable to parse bytes as PEM block',
    );
    await merge(path, { spec: { conversion: { strategy: 'None', webhook: null } } });
    await undefine('trusts.stable.example.com');
  });

  it('has names in its status that could be its own', async () => {
    const patch = { status: { acceptedNames: { plural: 'Not_A_Label' } } };
    const answer = await merge(`${DEFINITIONS}/crontabs.stable.example.com/status`, patch);
    expect(answer.code).toBe(422);
    expect(json(answer).message).toContain('status.acceptedNames.plural: Invalid value: "Not_A_Label"');
  });

  it('does not get names that another of its group has, until that one is gone', async () => {
    const other = crontabs({}, { plural: 'others', singular: 'other', kind: 'CronTab', listKind: 'OtherList', shortNames: ['ct'] });
    await post(DEFINITIONS, other);
    const path = `${DEFINITIONS}/others.stable.example.com`;
    const refused = await when(path, (answer) => condition(answer, 'NamesAccepted') !== undefined);
    expect(condition(refused, 'NamesAccepted')).toMatchObject({
      status: 'False',
      reason: 'KindConflict',
      message: '"CronTab" is already in use',
    });
    expect(condition(refused, 'Established')).toMatchObject({ status: 'False', reason: 'NotAccepted' });
    expect((await http('GET', '/apis/stable.example.com/v1/others')).code).toBe(404);
    await undefine('crontabs.stable.example.com');
    await when(path, (answer) => condition(answer, 'Established')?.status === 'True');
    expect((await http('GET', '/apis/stable.example.com/v1/others')).code).toBe(200);
    await undefine('others.stable.example.com');
    await define(crontabs());
  });
});

describe('objects', () => {
  beforeAll(() => define(crontabs()));
  afterAll(() => undefine('crontabs.stable.example.com'));

  it('are pruned, have their defaults, and count generations', async () => {
    const answer = await post(OBJECTS, crontab('a', { foo: 1, extra: { any: [1] } }, { status: { replicas: 3 } }));
    expect(answer.code).toBe(201);
    expect(json(answer)).toMatchObject({ metadata: { name: 'a', namespace: 'default', generation: 1 } });
    expect(json(answer).spec).toEqual({ cronSpec: '* * * * 5', image: 'busybox', extra: { any: [1] } });
    expect(json(answer).status).toBeUndefined();
    expect(json(await merge(`${OBJECTS}/a`, { metadata: { labels: { x: 'y' } } })).metadata.generation).toBe(1);
    expect(json(await merge(`${OBJECTS}/a`, { spec: { replicas: 2 } })).metadata.generation).toBe(2);
    const status = await merge(`${OBJECTS}/a/status`, { status: { replicas: 2, foo: 1 }, spec: { replicas: 9 } });
    expect(json(status)).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 2 }, status: { replicas: 2 } });
    expect(json(status).status).toEqual({ replicas: 2 });
    expect(json(await http('GET', `${OBJECTS}/a`))).toEqual(json(status));
  });

  it('are replaced only by whoever says what they were', async () => {
    const { metadata, ...written } = json(await post(OBJECTS, crontab('replaced', { cronSpec: '* * * * *' })));
    const put = (more: object) => send('PUT', `${OBJECTS}/replaced`, { ...written, metadata: { name: metadata.name, ...more } });
    const refused = await put({});
    expect(refused.code).toBe(422);
    expect(json(refused).message).toBe(
      'CronTab.stable.example.com "replaced" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
    );
    expect((await put({ resourceVersion: metadata.resourceVersion })).code).toBe(200);
    await http('DELETE', `${OBJECTS}/replaced`);
  });

  it('are told of all that is wrong', async () => {
    const answer = await post(OBJECTS, crontab('bad', { cronSpec: '* * *', replicas: 15, ports: [{ name: 'x' }, { name: 'x' }] }));
    expect(json(answer)).toMatchObject({
      code: 422,
      reason: 'Invalid',
      details: { name: 'bad', group: 'stable.example.com', kind: 'CronTab' },
    });
    expect(json(answer).message).toBe(
      'CronTab.stable.example.com "bad" is invalid: [spec.cronSpec: Invalid value: "* * *": spec.cronSpec in body should match ' +
        "'^(\\d+|\\*)(\\s+(\\d+|\\*)){4}$', spec.replicas: Invalid value: 15: spec.replicas in body should be less than or equal to 10, " +
        'spec.ports[1]: Duplicate value: {"name":"x"}]',
    );
  });

  it('may have unknown fields only where they are not asked for strictly', async () => {
    const strict = await post(`${OBJECTS}?fieldValidation=Strict`, crontab('s', { foo: 1 }));
    expect(json(strict)).toMatchObject({ code: 400, message: expect.stringContaining('strict decoding error: unknown field "spec.foo"') });
    const warned = await post(`${OBJECTS}?fieldValidation=Warn&dryRun=All`, crontab('s', { foo: 1 }));
    expect(warned.headers['warning']).toBe('299 - "unknown field \\"spec.foo\\""');
  });

  it('are shown as their columns say', async () => {
    const table = json(await http('GET', OBJECTS, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }));
    expect(table.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual(['Name', 'Spec', 'Replicas', 'Age', 'Image']);
    expect(table.rows[0].cells).toEqual(['a', '* * * * 5', 2, expect.stringMatching(/^\d+s$/), 'busybox']);
  });

  it('are scaled', async () => {
    await merge(`${OBJECTS}/a/status`, { status: { labelSelector: 'app=a' } });
    expect(json(await http('GET', `${OBJECTS}/a/scale`))).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 2 },
      status: { replicas: 2, selector: 'app=a' },
    });
    expect(json(await merge(`${OBJECTS}/a/scale`, { spec: { replicas: 4 } })).spec.replicas).toBe(4);
    expect(json(await http('GET', `${OBJECTS}/a`)).spec.replicas).toBe(4);
  });

  it('are selected by fields', async () => {
    await post(OBJECTS, crontab('b', { image: 'nginx' }));
    const names = async (selector: string) =>
      json(await http('GET', `${OBJECTS}?fieldSelector=${selector}`)).items.map(
        ({ metadata }: { metadata: { name: string } }) => metadata.name,
      );
    expect(await names('spec.image%3Dnginx')).toEqual(['b']);
    expect(await names('spec.image!%3Dnginx')).toEqual(['a']);
    expect(json(await http('GET', `${OBJECTS}?fieldSelector=spec.replicas%3D1`)).message).toContain(
      'field label not supported: spec.replicas',
    );
  });

  it('have no strategic merge patch and no protobuf', async () => {
    const patched = await send('PATCH', `${OBJECTS}/a`, {}, 'application/strategic-merge-patch+json');
    expect(patched.code).toBe(415);
    expect((await http('GET', `${OBJECTS}/a`, { headers: { accept: 'application/vnd.kubernetes.protobuf' } })).code).toBe(406);
  });

  it('are watched, and the watch ends with the definition', async () => {
    const types = (bytes: Buffer) =>
      bytes
        .toString()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).type);
    const stream = streamFrom(api, `${OBJECTS}?watch=1`, 'application/json', (bytes) => types(bytes).length >= 4);
    await merge(`${OBJECTS}/b`, { metadata: { finalizers: ['example.com/hold'] } });
    await http('DELETE', `${DEFINITIONS}/crontabs.stable.example.com`);
    expect(types((await stream).bytes).slice(0, 2)).toEqual(['ADDED', 'ADDED']);
  });

  it('keep their definition while finalizers keep them, and nothing is left when they go', async () => {
    await when(`${OBJECTS}/a`, ({ code }) => code === 404);
    const definition = await http('GET', `${DEFINITIONS}/crontabs.stable.example.com`);
    expect(condition(definition, 'Terminating')).toMatchObject({ status: 'True', reason: 'InstanceDeletionInProgress' });
    const refused = await post(OBJECTS, crontab('c'));
    expect(json(refused)).toMatchObject({ code: 405, message: 'create not allowed while custom resource definition is terminating' });
    await merge(`${OBJECTS}/b`, { metadata: { finalizers: null } });
    await when(`${DEFINITIONS}/crontabs.stable.example.com`, ({ code }) => code === 404);
    expect((await http('GET', OBJECTS)).code).toBe(404);
    expect((await http('GET', '/apis/stable.example.com')).code).toBe(404);
    await define(crontabs());
    expect(json(await http('GET', OBJECTS)).items).toEqual([]);
  });
});

describe('rules', () => {
  const RULED = '/apis/rules.example.com/v1/namespaces/default/ruleds';
  const ruled = (rule: JsonObject) => {
    const spec = {
      type: 'object',
      properties: { min: { type: 'integer' }, max: { type: 'integer' }, kept: { type: 'string', 'x-kubernetes-validations': [KEPT] } },
      'x-kubernetes-validations': [rule],
    };
    const openAPIV3Schema = { type: 'object', properties: { spec } };
    const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } };
    const names = { plural: 'ruleds', singular: 'ruled', kind: 'Ruled', shortNames: [], categories: [] };
    return crontabs({ group: 'rules.example.com', versions: [version] }, names);
  };
  const KEPT = { rule: 'self == oldSelf', message: 'kept is immutable' };
  const object = (name: string, spec: object) => ({ apiVersion: 'rules.example.com/v1', kind: 'Ruled', metadata: { name }, spec });
  afterAll(() => undefine('ruleds.rules.example.com'));

  it('that make no sense are refused with their definition', async () => {
    const answer = await post(DEFINITIONS, ruled({ rule: 'self.nope > 1' }));
    expect(json(answer).message).toContain("compilation failed: ERROR: <input>:1:5: undefined field 'nope'");
  });

  it('are asked of the defaults that their definition has', async () => {
    const definition = ruled({ rule: 'self.min <= self.max', message: 'min is more than max' });
    const version = definition.spec.versions[0] as { schema: { openAPIV3Schema: { properties: { spec: JsonObject } } } };
    Object.assign(version.schema.openAPIV3Schema.properties.spec, { default: { min: 2, max: 1 } });
    expect(json(await post(DEFINITIONS, definition)).message).toContain(
      'spec.versions[0].schema.openAPIV3Schema.properties[spec].default: Invalid value: min is more than max',
    );
  });

  it('are asked of new objects and of changes', async () => {
    await define(ruled({ rule: 'self.min <= self.max', message: 'min is more than max' }));
    expect(json(await post(RULED, object('bad', { min: 2, max: 1 }))).message).toBe(
      'Ruled.rules.example.com "bad" is invalid: spec: Invalid value: min is more than max',
    );
    expect((await post(RULED, object('good', { min: 1, max: 2, kept: 'x' }))).code).toBe(201);
    expect(json(await merge(`${RULED}/good`, { spec: { kept: 'y' } })).message).toContain(
      'spec.kept: Invalid value: "y": kept is immutable',
    );
    expect((await merge(`${RULED}/good`, { spec: { max: 3 } })).code).toBe(200);
    const wrongType = await post(RULED, object('types', { min: 'a', max: 1 }));
    expect(json(wrongType).message).toContain('some validation rules were not checked because the object was invalid');
  });

  it('hold after the definition has changed, but not for what was there before', async () => {
    const path = `${DEFINITIONS}/ruleds.rules.example.com`;
    const { spec } = ruled({ rule: 'self.max < 2', message: 'max is too much' });
    await merge(path, { spec });
    expect((await merge(`${RULED}/good`, { metadata: { labels: { a: 'b' } } })).code).toBe(200);
    expect(json(await merge(`${RULED}/good`, { spec: { max: 5 } })).message).toContain('max is too much');
  });
});

describe('versions', () => {
  const [v1, v2] = [
    { ...CRONTAB_VERSION, storage: false, deprecated: true },
    { ...CRONTAB_VERSION, name: 'v2', schema: { openAPIV3Schema: { ...CRONTAB_SCHEMA, required: [] } } },
  ];
  const OTHER = OBJECTS.replace('/v1/', '/v2/');

  beforeAll(() => define(crontabs()));
  afterAll(() => undefine('crontabs.stable.example.com'));

  it('are views of the same objects; what is stored in an older one is read and, when written, moved', async () => {
    await post(OBJECTS, crontab('old'));
    const path = `${DEFINITIONS}/crontabs.stable.example.com`;
    expect(json(await merge(path, { spec: { versions: [v1, v2] } })).status.storedVersions).toEqual(['v1', 'v2']);
    expect(json(await when(`${OTHER}/old`, ({ code }) => code === 200))).toMatchObject({ apiVersion: 'stable.example.com/v2' });
    expect(json(await http('GET', OTHER)).items[0]).toMatchObject({ apiVersion: 'stable.example.com/v2', kind: 'CronTab' });
    const read = await http('GET', `${OBJECTS}/old`);
    expect(read.headers['warning']).toBe('299 - "stable.example.com/v1 CronTab is deprecated; use stable.example.com/v2 CronTab"');
    expect(json(read).apiVersion).toBe('stable.example.com/v1');
    await send('PUT', `${OBJECTS}/old`, json(read));
    const { kvs } = await api.backend.range({ key: '/registry/stable.example.com/crontabs/default/old' });
    expect(JSON.parse(Buffer.from(kvs[0]!.value).toString()).apiVersion).toBe('stable.example.com/v2');
    expect(json(await http('GET', `${OBJECTS}/old`)).apiVersion).toBe('stable.example.com/v1');
    expect(json(await merge(path, { spec: { versions: [v2] } })).message).toContain(
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions',
    );
  });
});

it('what is defined is served before a server that starts again is ready', async () => {
  await define(crontabs());
  await post(OBJECTS, crontab('kept'));
  const second = await startTestServer({ backend: keptOpen(api.backend) });
  try {
    expect(json(await wireTo(second)('GET', `${OBJECTS}/kept`)).metadata.name).toBe('kept');
    // What one of two servers over the same store has defined the other knows at once.
    const cluster = crontabs({ group: 'two.example.com', scope: 'Cluster' });
    await define(cluster);
    expect((await wireTo(second)('GET', '/apis/two.example.com/v1/crontabs')).code).toBe(200);
  } finally {
    await second.stop();
  }
});

/** For a second server, whose end must not be that of the store. */
function keptOpen(backend: TestServer['backend']): TestServer['backend'] {
  return new Proxy(backend, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (name === 'close') return async () => {};
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
