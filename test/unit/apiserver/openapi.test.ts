// OpenAPI documents: complete, consistent, told apart by hash, with a text for every field, in every form that clients ask for.
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../../src/apimachinery/clock.js';
import { silentLogger as log } from '../../../src/apimachinery/logger.js';
import type { ObjectSchema } from '../../../src/apimachinery/schema.js';
import type { Answer } from '../../../src/apiserver/discovery.js';
import { ExternalApis } from '../../../src/apiserver/external-apis.js';
import { Descriptions } from '../../../src/apiserver/openapi/descriptions.js';
import { OpenApi } from '../../../src/apiserver/openapi/index.js';
import { Resources, verbsOf } from '../../../src/apiserver/resources.js';
import { defineKind } from '../../../src/kinds/define.js';
import { kinds, schemas } from '../../../src/kinds/index.js';

interface Document {
  readonly paths: { readonly [path: string]: { readonly [method: string]: unknown } };
  readonly components: { readonly schemas: { readonly [name: string]: Schema } };
  readonly definitions: { readonly [name: string]: Schema };
}
interface Schema {
  readonly [key: string]: unknown;
  readonly description?: string;
  readonly properties?: { readonly [name: string]: Schema };
}

const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const V3_PROTOBUF = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf';

let resources: Resources;
let externalApis: ExternalApis;
let openApi: OpenApi;

beforeEach(() => {
  const [storage, cache] = [() => ({}) as never, () => ({ close() {} }) as never];
  resources = new Resources({ kinds, schemas, extensions: [], storage, cache });
  externalApis = new ExternalApis();
  openApi = new OpenApi({ resources, externalApis, clock, log });
});

async function ask(path: string, accept?: string): Promise<Answer & { readonly plain: Buffer }> {
  const [bare, hash] = path.split('?hash=');
  const answer = await openApi.answer(bare!, accept, hash ?? null);
  if (!answer) throw new Error(`no document at ${path}`);
  return { ...answer, plain: answer.zipped ? gunzipSync(answer.bytes) : answer.bytes };
}
const json = async (path: string) => JSON.parse((await ask(path)).plain.toString()) as Document;
const urls = async (): Promise<{ [name: string]: string }> => {
  const { paths } = JSON.parse((await ask('/openapi/v3')).plain.toString()) as { paths: { [name: string]: { serverRelativeURL: string } } };
  return Object.fromEntries(Object.entries(paths).map(([name, { serverRelativeURL }]) => [name, serverRelativeURL]));
};

const knobs = defineKind({ group: 'stable.example.com', version: 'v1', kind: 'Knob', plural: 'knobs', namespaced: true, schema: '' });
const knobSchema = {
  type: 'object',
  description: 'A knob.',
  properties: {
    spec: {
      type: 'object',
      properties: {
        level: { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
        anything: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
        maybe: { type: 'string', nullable: true, default: 'x' },
        template: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
        names: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string', minLength: 1 } },
      },
    },
  },
};
const addKnobs = (openApi = knobSchema) =>
  resources.add({ kind: knobs, schema: { id: 'stable.v1.Knob', fields: new Map(), messageFields: [], bare: false }, openApi });
const KNOB = 'com.example.stable.v1.Knob';

/** Every `$ref` anywhere in a value; a field of that name is none. */
function* refsOf(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, each] of Object.entries(value)) {
    if (key === '$ref' && typeof each === 'string') yield each;
    else yield* refsOf(each);
  }
}

describe('version 3', () => {
  it('has an index of all group versions, whose documents can be kept for ever under their hash', async () => {
    const all = await urls();
    expect(Object.keys(all)).toEqual(expect.arrayContaining(['api/v1', 'apis/apps/v1', 'apis/coordination.k8s.io/v1']));
    for (const [name, url] of Object.entries(all)) {
      expect(url).toMatch(new RegExp(`^/openapi/v3/${name}\\?hash=[0-9A-F]{64}$`));
      expect((await ask(url)).headers).toMatchObject({ 'cache-control': 'public, immutable', expires: expect.stringMatching(/GMT$/) });
      expect((await ask(url.split('?')[0]!)).headers).toBeUndefined();
    }
  });

  it('sends those who have an old hash to the new one', async () => {
    const url = (await urls())['apis/apps/v1'];
    expect(await ask('/openapi/v3/apis/apps/v1?hash=OLD')).toMatchObject({ code: 301, headers: { location: url } });
  });

  it('has only references that lead somewhere', async () => {
    for (const url of Object.values(await urls())) {
      const document = await json(url);
      for (const ref of refsOf(document)) expect(document.components.schemas).toHaveProperty([ref.replace('#/components/schemas/', '')]);
    }
  });

  it('says of each write which fields it checks, as kubectl asks before it applies', async () => {
    for (const { kind } of resources.all()) {
      const base = kind.group ? `apis/${kind.group}/${kind.version}` : `api/${kind.version}`;
      const document = await json(`/openapi/v3/${base}`);
      const operations = Object.values(document.paths).flatMap((item) => [item['post'], item['patch'], item['put']]);
      const own = operations.filter(
        (each) => JSON.stringify((each as Schema | undefined)?.['x-kubernetes-group-version-kind']) === JSON.stringify(gvk(kind)),
      ) as { parameters: { name: string }[]; 'x-kubernetes-action': string }[];
      for (const { parameters, 'x-kubernetes-action': action } of own) {
        if (action === 'connect') continue;
        expect(parameters.map(({ name }) => name)).toEqual(expect.arrayContaining(['dryRun', 'fieldManager', 'fieldValidation']));
      }
      expect(own.length > 0).toBe(verbsOf(kind).includes('create'));
    }
  });

  it('names operations once, as generated clients name their methods', async () => {
    const ids = (await Promise.all(Object.values(await urls()).map(json))).flatMap(({ paths }) =>
      Object.values(paths).flatMap((item) => Object.values(item).map((each) => (each as { operationId?: string }).operationId)),
    );
    const named = ids.filter((id) => id !== undefined);
    expect(new Set(named).size).toBe(named.length);
    expect(named).toEqual(
      expect.arrayContaining([
        'listCoreV1NamespacedPod',
        'listCoreV1PodForAllNamespaces',
        'replaceAppsV1NamespacedDeploymentScale',
        'deleteAppsV1CollectionNamespacedDeployment',
        'connectCoreV1GetNamespacedPodExec',
        'createCoreV1NamespacedPodEviction',
        'readCoreV1Node',
      ]),
    );
  });

  it('changes a hash with the kinds of that group version, and no other', async () => {
    const before = await urls();
    addKnobs();
    const added = await urls();
    expect(Object.keys(added).filter((name) => added[name] !== before[name])).toEqual(['apis/stable.example.com/v1']);
    resources.remove(knobs);
    expect(await urls()).toEqual(before);
    addKnobs({ ...knobSchema, description: 'Another knob.' });
    expect((await urls())['apis/stable.example.com/v1']).not.toBe(added['apis/stable.example.com/v1']);
  });

  it('publishes custom kinds as their definition describes them', async () => {
    addKnobs();
    const { schemas: all } = (await json('/openapi/v3/apis/stable.example.com/v1')).components;
    expect(all[KNOB]).toMatchObject({
      description: 'A knob.',
      'x-kubernetes-group-version-kind': [{ group: 'stable.example.com', version: 'v1', kind: 'Knob' }],
      properties: {
        apiVersion: { type: 'string' },
        metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
        spec: {
          properties: {
            level: knobSchema.properties.spec.properties.level,
            maybe: { nullable: true, default: 'x' },
            template: { required: ['apiVersion', 'kind'], properties: { kind: { type: 'string' } } },
          },
        },
      },
    });
    expect(all).toHaveProperty([`${KNOB}List`]);
  });
});

describe('version 2', () => {
  it('has all group versions in one document, with nothing that the version has no words for', async () => {
    addKnobs();
    const document = await json('/openapi/v2');
    for (const { kind } of resources.all()) {
      const found = Object.values(document.definitions).filter(
        (each) => JSON.stringify(each['x-kubernetes-group-version-kind']) === JSON.stringify([gvk(kind)]),
      );
      expect(found, kind.kind).toHaveLength(1);
    }
    for (const ref of refsOf(document)) expect(document.definitions).toHaveProperty([ref.replace('#/definitions/', '')]);
    const { spec } = document.definitions[KNOB]!.properties!;
    expect(spec!.properties).toEqual({
      level: { 'x-kubernetes-int-or-string': true },
      anything: { 'x-kubernetes-preserve-unknown-fields': true },
      maybe: {},
      template: expect.not.objectContaining({ properties: expect.anything() }),
      names: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string', minLength: 1 } },
    });
    expect(JSON.stringify(document.definitions)).not.toMatch(/"(oneOf|anyOf|allOf|nullable|default)":[^{]/);
  });

  it('keeps what strategic merge patches need', async () => {
    const { definitions } = await json('/openapi/v2');
    expect(definitions['io.k8s.api.core.v1.PodSpec']!.properties!['containers']).toMatchObject({
      type: 'array',
      items: { $ref: '#/definitions/io.k8s.api.core.v1.Container' },
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    });
  });
});

describe('protobuf', () => {
  it('is spoken under each name that clients have for it, and called by the one that is a media type', async () => {
    const dotted = V2_PROTOBUF.replace('@', '.');
    expect((await ask('/openapi/v2', V2_PROTOBUF)).contentType).toBe(dotted);
    expect((await ask('/openapi/v2', `${dotted};q=0.9,application/json;q=0.1`)).contentType).toBe(dotted);
    expect((await ask('/openapi/v2', '*/*')).contentType).toBe('application/json');
    expect((await ask('/openapi/v3/api/v1', V3_PROTOBUF)).contentType).toBe(V3_PROTOBUF.replace('@', '.'));
    expect(await ask('/openapi/v2', 'text/html')).toMatchObject({ code: 406 });
  });

  /** The fields of a message: numbers and contents, which must add up to its length. */
  function fieldsOf(bytes: Buffer): [number, Buffer][] {
    const out: [number, Buffer][] = [];
    let at = 0;
    const varint = () => {
      let [value, shift] = [0, 1];
      for (let byte = 0x80; byte >= 0x80; shift *= 128) value += ((byte = bytes[at++]!) & 0x7f) * shift;
      return value;
    };
    while (at < bytes.length) {
      const tag = varint();
      const length = (tag & 7) === 2 ? varint() : (tag & 7) === 1 ? 8 : 0;
      if ((tag & 7) === 0) out.push([tag >> 3, Buffer.from([varint()])]);
      else out.push([tag >> 3, bytes.subarray(at, at + length)]);
      at += length;
    }
    expect(at).toBe(bytes.length);
    return out;
  }
  const field = (bytes: Buffer, id: number) => fieldsOf(bytes).find(([each]) => each === id)![1];
  const named = (bytes: Buffer, id: number, name: string) =>
    fieldsOf(bytes)
      .filter(([each]) => each === id)
      .map(([, entry]) => entry)
      .find((entry) => field(entry, 1).toString() === name)!;

  it('says in v2 what the JSON says', async () => {
    const [document, { definitions }] = [(await ask('/openapi/v2', V2_PROTOBUF)).plain, await json('/openapi/v2')];
    expect(field(document, 1).toString()).toBe('2.0');
    const all = fieldsOf(field(document, 9)).map(([, entry]) => field(entry, 1).toString());
    expect(all).toEqual(Object.keys(definitions));
    const pod = field(named(field(document, 9), 1, 'io.k8s.api.core.v1.Pod'), 2);
    expect(field(field(pod, 22), 1).toString()).toBe('object');
    expect(field(field(named(pod, 31, 'x-kubernetes-group-version-kind'), 2), 2).toString()).toBe(
      '[{"group":"","kind":"Pod","version":"v1"}]',
    );
    const spec = field(named(field(pod, 25), 1, 'spec'), 2);
    expect(field(spec, 1).toString()).toBe('#/definitions/io.k8s.api.core.v1.PodSpec');
  });

  it('says in v3 what the JSON says', async () => {
    const document = (await ask('/openapi/v3/apis/apps/v1', V3_PROTOBUF)).plain;
    expect(field(document, 1).toString()).toBe('3.0.0');
    const { components } = await json('/openapi/v3/apis/apps/v1');
    const all = field(field(document, 5), 1);
    expect(fieldsOf(all).map(([, entry]) => field(entry, 1).toString())).toEqual(Object.keys(components.schemas));
    const deployment = field(field(named(all, 1, 'io.k8s.api.apps.v1.Deployment'), 2), 1);
    expect(field(deployment, 25).toString()).toBe('object');
  });
});

describe('other servers', () => {
  const document = {
    paths: { '/apis/custom.metrics.k8s.io/v1beta1/nodes': {} },
    components: { schemas: { NodeMetrics: { type: 'object' } } },
  };
  const api = {
    group: 'custom.metrics.k8s.io',
    version: 'v1beta1',
    groupPriorityMinimum: 100,
    versionPriority: 100,
    openApi: { hash: 'ABC', document: async () => Buffer.from(JSON.stringify(document)) },
  };

  it('have their documents among ours', async () => {
    externalApis.set(api);
    const url = '/openapi/v3/apis/custom.metrics.k8s.io/v1beta1?hash=ABC';
    expect((await urls())['apis/custom.metrics.k8s.io/v1beta1']).toBe(url);
    expect(await json(url)).toEqual(document);
    expect((await json('/openapi/v2')).definitions['NodeMetrics']).toEqual({ type: 'object' });
    externalApis.delete(api);
    expect(await urls()).not.toHaveProperty(['apis/custom.metrics.k8s.io/v1beta1']);
    expect((await json('/openapi/v2')).definitions).not.toHaveProperty('NodeMetrics');
  });

  it('take away nothing when they do not answer', async () => {
    externalApis.set({ ...api, openApi: { hash: 'ABC', document: () => Promise.reject(new Error('down')) } });
    expect((await json('/openapi/v2')).definitions).toHaveProperty(['io.k8s.api.core.v1.Pod']);
  });
});

it('has a text for every field of every kind', () => {
  const descriptions = Descriptions.load();
  const missing = new Set<string>();
  const seen = new Set<string>();
  const visit = (schema: ObjectSchema) => {
    if (seen.has(schema.id)) return;
    seen.add(schema.id);
    for (const field of schema.fields.values()) {
      const name = `${schema.id}.${field.name}`;
      if (!descriptions.ofField(schema, field.name)) missing.add(name);
      if (field.object) visit(field.object);
    }
  };
  for (const { schema } of resources.all()) visit(schema);
  expect(seen.size, 'types that the kinds are made of').toBeGreaterThan(100);
  expect([...missing], 'dist/descriptions.json is made by npm run build').toEqual([]);
});

const gvk = ({ group, version, kind }: { group: string; version: string; kind: string }) => ({ group, kind, version });
