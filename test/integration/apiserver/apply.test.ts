// Managed fields and server-side apply as a client sees them: who manages what, conflicts, force, what is dropped, and the way from client-side apply.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ManagedFieldsEntry } from '../../../src/apimachinery/types/meta_v1.js';
import { ADMIN, startTestServer, type TestServer } from '../../suites/apiserver.js';
import { type Answer, refusal, type Send, sender } from './requests.js';

let api: TestServer;
beforeAll(async () => {
  api = await startTestServer();
});
afterAll(() => api?.stop());

const send: Send = (...request) => sender(api.server.transport(ADMIN))(...request);
const APPLY = 'application/apply-patch+yaml';
const MERGE = 'application/merge-patch+json';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

const configMapUrl = (name: string) => `/api/v1/namespaces/default/configmaps/${name}`;
const configMap = (name: string, data?: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  ...(data ? { data } : {}),
});
const applyMap = (name: string, manager: string, data?: object, query = '', metadata: object = {}) =>
  send('PATCH', `${configMapUrl(name)}?fieldManager=${manager}${query}`, configMap(name, data, metadata), APPLY);

const deploymentUrl = (name: string) => `/apis/apps/v1/namespaces/default/deployments/${name}`;
const deployment = (name: string, replicas: number | undefined, containers: readonly object[]) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers } },
  },
});
const applyDeployment = (manager: string, config: { metadata: { name: string } }, query = '') =>
  send('PATCH', `${deploymentUrl(config.metadata.name)}?fieldManager=${manager}${query}`, config, APPLY);

const managed = ({ metadata }: Answer): readonly ManagedFieldsEntry[] => metadata.managedFields ?? [];
const entryOf = (object: Answer, manager: string, subresource?: string) =>
  managed(object).find((entry) => entry.manager === manager && entry.subresource === subresource);
const managers = (object: Answer) =>
  managed(object).map(({ manager, operation, subresource }) => [manager, operation, subresource ?? ''].join(' ').trim());

describe('managed fields', () => {
  it('name who created what, defaults included, and nothing that the server alone sets', async () => {
    const made = await send('POST', '/api/v1/namespaces/default/services?fieldManager=maker', {
      metadata: { name: 'made', labels: { a: 'b' }, managedFields: [] },
      spec: { selector: { a: 'b' }, ports: [{ port: 80 }] },
    });
    expect(managed(made)).toEqual([
      {
        manager: 'maker',
        operation: 'Update',
        apiVersion: 'v1',
        time: made.metadata.creationTimestamp,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
          'f:spec': {
            'f:internalTrafficPolicy': {},
            'f:ports': { '.': {}, 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {}, 'f:targetPort': {} } },
            'f:selector': {},
            'f:sessionAffinity': {},
            'f:type': {},
          },
        },
      },
    ]);
  });

  it('go by the client’s program where it names no manager', async () => {
    expect(managers(await send('POST', '/api/v1/namespaces/default/configmaps', configMap('by-agent')))).toEqual([]);
    const made = await send('POST', '/api/v1/namespaces/default/configmaps', configMap('by-agent-too', { a: 'b' }));
    expect(managers(made)).toEqual(['kubernetes-admin Update']);
    const controllers = sender(api.server.transport({ name: 'system:kube-controller-manager', groups: ['system:masters'] }));
    expect(managers(await controllers('PATCH', configMapUrl('by-agent-too'), { data: { c: 'd' } }, MERGE))).toEqual([
      'kube-controller-manager Update',
      'kubernetes-admin Update',
    ]);
  });

  it('pass to whoever changes a field, and stay as they are where nothing changes', async () => {
    await send('POST', '/api/v1/namespaces/default/configmaps?fieldManager=first', configMap('passed', { a: '1', b: '1' }));
    const changed = await send('PATCH', `${configMapUrl('passed')}?fieldManager=second`, { data: { b: '2' } }, MERGE);
    expect(entryOf(changed, 'first')!.fieldsV1).toEqual({ 'f:data': { '.': {}, 'f:a': {} } });
    expect(entryOf(changed, 'second')!.fieldsV1).toEqual({ 'f:data': { 'f:b': {} } });
    const same = await send('PUT', `${configMapUrl('passed')}?fieldManager=third`, changed);
    expect(same).toEqual(changed);
    const removed = await send('PATCH', `${configMapUrl('passed')}?fieldManager=third`, { data: { b: null } }, MERGE);
    expect(managers(removed)).toEqual(['first Update']);
  });

  it('are told apart by subresource, and a write to one changes only its own', async () => {
    const made = await send(
      'POST',
      '/apis/apps/v1/namespaces/default/deployments?fieldManager=maker',
      deployment('parts', 1, [{ name: 'c', image: 'i' }]),
    );
    const reported = await send('PUT', `${deploymentUrl('parts')}/status?fieldManager=reporter`, {
      ...made,
      metadata: { ...made.metadata, managedFields: [] },
      spec: { ...made.spec, replicas: 9 },
      status: { replicas: 1 },
    });
    expect(managers(reported)).toEqual(['maker Update', 'reporter Update status']);
    expect(entryOf(reported, 'reporter', 'status')!.fieldsV1).toEqual({ 'f:status': { 'f:replicas': {} } });
    await send('PUT', `${deploymentUrl('parts')}/scale?fieldManager=scaler`, { metadata: { name: 'parts' }, spec: { replicas: 3 } });
    const scaled = await send('GET', deploymentUrl('parts'));
    expect(entryOf(scaled, 'scaler', 'scale')).toMatchObject({ apiVersion: 'apps/v1', fieldsV1: { 'f:spec': { 'f:replicas': {} } } });
    expect(entryOf(scaled, 'maker')!.fieldsV1).not.toHaveProperty(['f:spec', 'f:replicas']);
  });

  it('are reset by an explicit nothing, and not tracked again until somebody applies', async () => {
    for (const [name, nothing, type] of [
      ['reset-merge', { metadata: { managedFields: [{}] } }, MERGE],
      ['reset-json', [{ op: 'replace', path: '/metadata/managedFields', value: [] }], 'application/json-patch+json'],
    ] as const) {
      await send('POST', '/api/v1/namespaces/default/configmaps?fieldManager=maker', configMap(name, { a: 'b' }));
      expect((await send('PATCH', configMapUrl(name), nothing, type)).metadata).not.toHaveProperty('managedFields');
      expect(managers(await send('PATCH', `${configMapUrl(name)}?fieldManager=other`, { data: { c: 'd' } }, MERGE))).toEqual([]);
      const applied = await applyMap(name, 'applier', { a: 'b' });
      expect(managers(applied)).toEqual(['applier Apply', 'before-first-apply Update']);
      expect(entryOf(applied, 'before-first-apply')!.fieldsV1).toEqual({ 'f:data': { '.': {}, 'f:a': {}, 'f:c': {} } });
    }
  });

  it('may be written by hand, but not so that nobody can read them', async () => {
    const made = await send('POST', '/api/v1/namespaces/default/configmaps?fieldManager=maker', configMap('by-hand', { a: 'b' }));
    const entry = managed(made)[0]!;
    const renamed = await send('PUT', configMapUrl('by-hand'), {
      ...made,
      metadata: { ...made.metadata, managedFields: [{ ...entry, manager: 'heir' }] },
    });
    expect(managers(renamed)).toEqual(['heir Update']);
    const broken = { ...renamed.metadata, managedFields: [{ ...entry, fieldsType: 'FieldsV2' }] };
    expect(managers(await send('PUT', configMapUrl('by-hand'), { ...renamed, metadata: broken }))).toEqual(['heir Update']);
  });

  it('of many updaters are kept within bounds', async () => {
    await send('POST', '/api/v1/namespaces/default/configmaps?fieldManager=m0', configMap('crowd', { k0: '0' }));
    let last: Answer;
    for (let i = 1; i < 15; i++)
      last = await send('PATCH', `${configMapUrl('crowd')}?fieldManager=m${i}`, { data: { [`k${i}`]: '1' } }, MERGE);
    expect(managed(last)).toHaveLength(10);
    expect(entryOf(last, 'ancient-changes')!.fieldsV1).toMatchObject({ 'f:data': { 'f:k0': {}, 'f:k1': {} } });
  });

  it('need a manager’s name that can be printed and is not too long', async () => {
    const url = '/api/v1/namespaces/default/configmaps?fieldManager=';
    const long = await refusal(send('POST', `${url}${'m'.repeat(129)}`, configMap('x')));
    expect(long).toMatchObject({
      code: 422,
      message: expect.stringContaining('CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long'),
    });
    expect((await refusal(send('POST', `${url}a%09b`, configMap('x')))).message).toContain('invalid character U+0009 (at position 1)');
  });
});

describe('apply', () => {
  it('creates what is not there, and answers with who manages it', async () => {
    const made = await applyMap('fresh', 'applier', { a: 'b' });
    expect(managed(made)).toEqual([
      {
        manager: 'applier',
        operation: 'Apply',
        apiVersion: 'v1',
        time: made.metadata.creationTimestamp,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {} } },
      },
    ]);
    expect(await applyMap('fresh', 'applier', { a: 'b' })).toEqual(made);
    expect(await send('GET', configMapUrl('fresh'))).toEqual(made);
  });

  it('removes what its applier dropped and nobody else manages', async () => {
    await applyMap('dropped', 'one', { a: '1', b: '1', c: '1' });
    await applyMap('dropped', 'two', { b: '1' });
    const left = await applyMap('dropped', 'one', { a: '1' });
    expect(left.data).toEqual({ a: '1', b: '1' });
    expect(managers(left).sort()).toEqual(['one Apply', 'two Apply']);
  });

  it('shares fields that two want the same, and refuses to change what another applied', async () => {
    await applyMap('fought', 'one', { a: '1', b: '1' });
    const error = await refusal(applyMap('fought', 'two', { a: '2', b: '2', c: '2' }));
    expect(error).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b',
      details: {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' },
          { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.b' },
        ],
      },
    });
    const forced = await applyMap('fought', 'two', { a: '2', b: '1' }, '&force=true');
    expect(forced.data).toEqual({ a: '2', b: '1' });
    expect(entryOf(forced, 'one')!.fieldsV1).toEqual({ 'f:data': { 'f:b': {} } });
  });

  it('names updaters with their version and subresource', async () => {
    await send(
      'POST',
      '/apis/apps/v1/namespaces/default/deployments?fieldManager=maker',
      deployment('scaled', 1, [{ name: 'c', image: 'i' }]),
    );
    await send('PATCH', `${deploymentUrl('scaled')}/scale?fieldManager=hpa`, { spec: { replicas: 4 } }, MERGE);
    const error = await refusal(applyDeployment('applier', deployment('scaled', 2, [{ name: 'c', image: 'j' }])));
    expect(error.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "hpa" with subresource "scale" using apps/v1:\n- .spec.replicas\nconflicts with "maker" using apps/v1:\n- .spec.template.spec.containers[name="c"].image',
    );
    const without = await applyDeployment('applier', deployment('scaled', undefined, [{ name: 'c', image: 'i' }]));
    expect(without.spec.replicas).toBe(4);
  });

  it('knows containers by name, ports by number and protocol', async () => {
    await applyDeployment('one', deployment('keyed', 1, [{ name: 'a', image: 'i', ports: [{ containerPort: 80 }] }]));
    const both = await applyDeployment('two', deployment('keyed', undefined, [{ name: 'b', image: 'j' }]));
    expect(both.spec.template.spec.containers.map(({ name }: { name: string }) => name)).toEqual(['a', 'b']);
    const only = await applyDeployment('one', deployment('keyed', 1, [{ name: 'a', image: 'k', ports: [{ containerPort: 81 }] }]));
    expect(only.spec.template.spec.containers).toMatchObject([
      { name: 'a', image: 'k', ports: [{ containerPort: 81, protocol: 'TCP' }] },
      { name: 'b', image: 'j' },
    ]);
    expect(only.metadata.generation).toBe(3);
  });

  it('works on status and scale, which it never creates', async () => {
    const status = { apiVersion: 'apps/v1', kind: 'Deployment', status: { replicas: 2 } };
    expect((await refusal(send('PATCH', `${deploymentUrl('nowhere')}/status?fieldManager=r`, status, APPLY))).code).toBe(404);
    await applyDeployment('one', deployment('sub', undefined, [{ name: 'a', image: 'i' }]));
    const reported = await send('PATCH', `${deploymentUrl('sub')}/status?fieldManager=r`, { ...status, spec: { paused: true } }, APPLY);
    expect(reported).toMatchObject({ status: { replicas: 2 } });
    expect(reported.spec).not.toHaveProperty('paused');
    expect(entryOf(reported, 'r', 'status')!.fieldsV1).toEqual({ 'f:status': { 'f:replicas': {} } });
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas: 5 } };
    expect(await send('PATCH', `${deploymentUrl('sub')}/scale?fieldManager=s`, scale, APPLY)).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 5 },
    });
    const scaled = await send('GET', deploymentUrl('sub'));
    expect(entryOf(scaled, 's', 'scale')).toMatchObject({ operation: 'Apply', fieldsV1: { 'f:spec': { 'f:replicas': {} } } });
    expect((await refusal(applyDeployment('one', deployment('sub', 6, [{ name: 'a', image: 'i' }])))).message).toBe(
      'Apply failed with 1 conflict: conflict with "s" with subresource "scale": .spec.replicas',
    );
    const ignored = await applyDeployment('one', {
      ...deployment('sub', undefined, [{ name: 'a', image: 'i' }]),
      status: { replicas: 7 },
    } as never);
    expect(ignored.status.replicas).toBe(2);
    expect(entryOf(ignored, 'one')!.fieldsV1).not.toHaveProperty('f:status');
  });

  it('creates only for who may create', async () => {
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['patch', 'get'] }];
    await send('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles', { metadata: { name: 'patcher' }, rules });
    await send('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name: 'patcher' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'patcher' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    });
    const jane = sender(api.server.transport({ name: 'jane', groups: ['system:authenticated'] }));
    const apply = (name: string) => jane('PATCH', `${configMapUrl(name)}?fieldManager=jane`, configMap(name, { a: '1' }), APPLY);
    expect(await refusal(apply('of-jane'))).toMatchObject({
      code: 403,
      message:
        'configmaps "of-jane" is forbidden: User "jane" cannot create resource "configmaps" in API group "" in the namespace "default"',
    });
    await applyMap('of-jane', 'one', { a: '1' });
    expect(await apply('of-jane')).toMatchObject({ data: { a: '1' } });
  });

  it('tries without keeping', async () => {
    expect(await applyMap('dry', 'one', { a: '1' }, '&dryRun=All')).toMatchObject({ data: { a: '1' } });
    expect((await refusal(send('GET', configMapUrl('dry')))).code).toBe(404);
    await applyMap('dry', 'one', { a: '1' });
    expect(await applyMap('dry', 'one', { a: '2' }, '&dryRun=All')).toMatchObject({ data: { a: '2' } });
    expect((await send('GET', configMapUrl('dry'))).data).toEqual({ a: '1' });
    expect((await refusal(applyMap('dry', 'two', { a: '3' }, '&dryRun=All'))).code).toBe(409);
  });

  it('is refused in upstream’s words', async () => {
    await applyMap('refused', 'one', { a: '1' });
    const url = `${configMapUrl('refused')}?fieldManager=x`;
    const cases: [() => Promise<unknown>, number, string][] = [
      [
        () => send('PATCH', configMapUrl('refused'), configMap('refused'), APPLY),
        422,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      ],
      [
        () => send('PATCH', `${url}&force=true`, { data: {} }, MERGE),
        422,
        'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
      ],
      [() => send('PATCH', url, { metadata: { name: 'refused' } }, APPLY), 400, 'invalid object type: /, Kind='],
      [() => send('PATCH', url, { ...configMap('refused'), kind: 'Secret' }, APPLY), 400, 'invalid object type: /v1, Kind=Secret'],
      [
        () => send('PATCH', url, configMap('other', { a: '1' }), APPLY),
        400,
        'the name of the object (other) does not match the name on the URL (refused)',
      ],
      [() => send('PATCH', url, configMap('refused', {}, { managedFields: [] }), APPLY), 400, 'metadata.managedFields must be nil'],
      [
        () => send('PATCH', url, { ...configMap('refused'), dta: {} }, APPLY),
        500,
        'failed to create typed patch object (default/refused; /v1, Kind=ConfigMap): .dta: field not declared in schema',
      ],
      [
        () => send('PATCH', url, configMap('refused', { a: 1 }), APPLY),
        500,
        'failed to create typed patch object (default/refused; /v1, Kind=ConfigMap): .data.a: expected string, got &value.valueUnstructured{Value:1}',
      ],
      [
        () =>
          send(
            'PATCH',
            `${deploymentUrl('d')}?fieldManager=x`,
            deployment('d', 1, [
              { name: 'a', image: 'i' },
              { name: 'a', image: 'j' },
            ]),
            APPLY,
          ),
        500,
        'failed to create typed patch object (default/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]',
      ],
      [
        () => send('PATCH', url, configMap('refused', { a: '1' }, { resourceVersion: '1' }), APPLY),
        409,
        'Operation cannot be fulfilled on configmaps "refused"',
      ],
      [
        () => send('PATCH', `${configMapUrl('nobody')}?fieldManager=x`, configMap('nobody', {}, { uid: 'u' }), APPLY),
        409,
        'Operation cannot be fulfilled on configmaps "nobody": uid mismatch: the provided object specified uid u, and no existing object was found',
      ],
      [
        () => send('PATCH', `${configMapUrl('nameless')}?fieldManager=x`, { apiVersion: 'v1', kind: 'ConfigMap' }, APPLY),
        400,
        'the name of the object (nameless based on URL) was undeterminable: Internal error occurred: name must be provided',
      ],
      [() => send('PATCH', `/api/v1/namespaces/no/configmaps/x?fieldManager=x`, configMap('x'), APPLY), 404, 'namespaces "no" not found'],
    ];
    for (const [request, code, message] of cases) {
      const error = await refusal(request());
      expect(error.message).toContain(message);
      expect(error.code, message).toBe(code);
    }
  });

  it('wins and loses races with itself without losing anything', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => applyMap('raced', `m${i}`, { [`k${i}`]: 'v' })));
    expect(all).toHaveLength(20);
    const end = await send('GET', configMapUrl('raced'));
    expect(Object.keys(end.data)).toHaveLength(20);
    expect(managed(end)).toHaveLength(20);
  });
});

describe('custom resources', () => {
  const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';
  const part = { type: 'object', required: ['name'], properties: { name: { type: 'string' }, size: { type: 'integer', default: 1 } } };
  const spec = {
    type: 'object',
    properties: {
      color: { type: 'string', default: 'grey' },
      parts: { type: 'array', items: part, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
      tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      matrix: { type: 'array', items: { type: 'integer' } },
    },
  };
  const version = (name: string, storage: boolean) => ({
    name,
    storage,
    served: true,
    schema: {
      openAPIV3Schema: { type: 'object', properties: { spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } },
    },
    subresources: { status: {} },
  });
  const widget = (apiVersion: string, name: string, fields: object) => ({
    apiVersion: `example.com/${apiVersion}`,
    kind: 'Widget',
    metadata: { name },
    spec: fields,
  });
  const applyWidget = (apiVersion: string, name: string, manager: string, fields: object, query = '') =>
    send('PATCH', `${WIDGETS.replace('v1', apiVersion)}/${name}?fieldManager=${manager}${query}`, widget(apiVersion, name, fields), APPLY);

  beforeAll(async () => {
    const names = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
    const definition = { group: 'example.com', scope: 'Namespaced', names, versions: [version('v1', true), version('v2', false)] };
    const url = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await send('POST', url, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com' },
      spec: definition,
    });
    const established = ({ status }: Answer) => status?.conditions?.some((c: Answer) => c.type === 'Established' && c.status === 'True');
    while (!established(await send('GET', `${url}/widgets.example.com`))) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('merge by the keys and list types of their schema', async () => {
    await applyWidget('v1', 'merged', 'one', { parts: [{ name: 'a', size: 2 }], tags: ['x'], matrix: [1, 2] });
    const both = await applyWidget('v1', 'merged', 'two', { parts: [{ name: 'b' }], tags: ['y'] });
    expect(both.spec).toEqual({
      color: 'grey',
      parts: [
        { name: 'a', size: 2 },
        { name: 'b', size: 1 },
      ],
      tags: ['x', 'y'],
      matrix: [1, 2],
    });
    expect((await refusal(applyWidget('v1', 'merged', 'two', { parts: [{ name: 'a', size: 3 }], matrix: [1] }))).message).toBe(
      'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.matrix\n- .spec.parts[name="a"].size',
    );
    expect((await applyWidget('v1', 'merged', 'one', { tags: ['x'] })).spec).toEqual({
      color: 'grey',
      parts: [{ name: 'b', size: 1 }],
      tags: ['x', 'y'],
    });
  });

  it('keep their managers across versions', async () => {
    await applyWidget('v1', 'versions', 'one', { color: 'red', tags: ['x'] });
    const updated = await send('PATCH', `${WIDGETS.replace('v1', 'v2')}/versions?fieldManager=two`, { spec: { color: 'blue' } }, MERGE);
    expect(entryOf(updated, 'one')).toMatchObject({ apiVersion: 'example.com/v1', fieldsV1: { 'f:spec': { 'f:tags': { 'v:"x"': {} } } } });
    expect(entryOf(updated, 'two')).toMatchObject({ apiVersion: 'example.com/v2', fieldsV1: { 'f:spec': { 'f:color': {} } } });
    expect((await refusal(applyWidget('v1', 'versions', 'one', { color: 'red', tags: ['x'] }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "two" using example.com/v2: .spec.color',
    );
    const moved = await applyWidget('v2', 'versions', 'one', { matrix: [1] });
    expect(moved.spec).toEqual({ color: 'blue', matrix: [1] });
    expect(managers(moved).sort()).toEqual(['one Apply', 'two Update']);
  });

  it('own what they create, and are updated only by who says what it is about', async () => {
    const made = await send('POST', `${WIDGETS}?fieldManager=maker`, widget('v1', 'made', { tags: ['x'] }));
    expect(entryOf(made, 'maker')!.fieldsV1).toEqual({ 'f:spec': { '.': {}, 'f:color': {}, 'f:tags': { '.': {}, 'v:"x"': {} } } });
    expect((await refusal(send('PUT', `${WIDGETS}/made`, widget('v1', 'made', {})))).message).toContain(
      'metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
    );
    const strategic = refusal(send('PATCH', `${WIDGETS}/made`, { spec: {} }, 'application/strategic-merge-patch+json'));
    expect((await strategic).message).toContain('application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml');
  });
});

describe('the way from client-side apply', () => {
  const clientSide = (name: string, data: object) => ({
    ...configMap(name, data),
    metadata: {
      name,
      annotations: { [LAST_APPLIED]: `${JSON.stringify({ ...configMap(name, data), metadata: { name, namespace: 'default' } })}\n` },
    },
  });

  it('is open to kubectl, which keeps the annotation in step', async () => {
    await send(
      'POST',
      '/api/v1/namespaces/default/configmaps?fieldManager=kubectl-client-side-apply',
      clientSide('csa', { a: '1', b: '1' }),
    );
    const applied = await applyMap('csa', 'kubectl', { b: '2', a: '1' });
    expect(applied.data).toEqual({ a: '1', b: '2' });
    expect(applied.metadata.annotations[LAST_APPLIED]).toBe(
      '{"apiVersion":"v1","data":{"a":"1","b":"2"},"kind":"ConfigMap","metadata":{"name":"csa"}}\n',
    );
    expect(entryOf(applied, 'kubectl')).toMatchObject({ operation: 'Apply', fieldsV1: { 'f:data': { 'f:a': {}, 'f:b': {} } } });
  });

  it('is closed to others, and for what was changed since', async () => {
    await send(
      'POST',
      '/api/v1/namespaces/default/configmaps?fieldManager=kubectl-client-side-apply',
      clientSide('csa-other', { a: '1', b: '1' }),
    );
    expect((await refusal(applyMap('csa-other', 'argo', { a: '2' }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.a',
    );
    await send('PATCH', `${configMapUrl('csa-other')}?fieldManager=edit`, { data: { b: '3' } }, MERGE);
    expect((await refusal(applyMap('csa-other', 'kubectl', { a: '2', b: '2' }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "edit" using v1: .data.b',
    );
  });
});
