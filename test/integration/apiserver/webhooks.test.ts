// Admission webhooks as operators use them: real HTTPS servers, configured through the API, asked about every kind of request.
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { StatusError } from '../../../src/apimachinery/status.js';
import { mutatingWebhookConfigurations } from '../../../src/kinds/admissionregistration/mutatingwebhookconfiguration.js';
import { validatingWebhookConfigurations } from '../../../src/kinds/admissionregistration/validatingwebhookconfiguration.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { AnyKind } from '../../../src/kinds/define.js';
import { ADMIN, startTestServer, type TestServer } from '../../suites/apiserver.js';
import { Kubectl } from '../../suites/kubectl.js';
import { type Decision, patchOf, startWebhookServer, type WebhookServer } from '../../suites/webhook-server.js';

let api: TestServer;
let hooks: WebhookServer;
beforeAll(async () => {
  api = await startTestServer();
  hooks = await startWebhookServer();
});
afterAll(async () => {
  await hooks?.stop();
  await api?.stop();
});
afterEach(async () => {
  for (const kind of [mutatingWebhookConfigurations, validatingWebhookConfigurations] as AnyKind[]) {
    for (const { metadata } of (await api.client.list(kind)).items) await api.client.delete(kind, metadata);
    await api.client.list(kind);
  }
  hooks.decide.clear();
  hooks.reviews.length = 0;
});

interface Options {
  readonly resources?: readonly string[];
  readonly groups?: readonly string[];
  readonly operations?: readonly string[];
  readonly [field: string]: unknown;
}

let made = 0;
/** A configuration of one webhook `name.example.com` for the path `/name`; resolves once it is in force. */
async function webhook(
  kind: AnyKind,
  name: string,
  { resources = ['configmaps'], groups = [''], operations = ['*'], ...more }: Options = {},
) {
  await api.client.create(kind, {
    metadata: { name: `${String(made++).padStart(3, '0')}-${name}` },
    webhooks: [
      {
        name: `${name}.example.com`,
        clientConfig: hooks.clientConfig(name),
        rules: [{ operations, apiGroups: groups, apiVersions: ['*'], resources }],
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        ...more,
      },
    ],
  } as never);
  // A consistent list waits until the cache, from which webhooks are read, has seen the write.
  await api.client.list(kind);
}
const mutating = (name: string, options?: Options) => webhook(mutatingWebhookConfigurations, name, options);
const validating = (name: string, options?: Options) => webhook(validatingWebhookConfigurations, name, options);
const decide = (name: string, decision: Decision) => hooks.decide.set(name, () => decision);

const configMap = (extra: object = {}, data: object = { a: 'b' }) =>
  ({ metadata: { name: `c${made++}`, namespace: 'default', ...extra }, data }) as never;
const create = (extra?: object, data?: object) => api.client.create(configMaps, configMap(extra, data));
const refusal = (request: Promise<unknown>): Promise<StatusError> =>
  request.then(
    () => expect.fail('it should have been refused'),
    (error: StatusError) => error,
  );
const send = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  query = '',
  contentType = 'application/json',
) =>
  api.server
    .transport(ADMIN)
    .request({ method, path, query: new URLSearchParams(query), ...(body === undefined ? {} : { body, contentType }) });

describe('what a webhook is told', () => {
  test('a creation: object, user, options, and no name where it is yet to be generated', async () => {
    await validating('see');
    await send(
      'POST',
      '/api/v1/namespaces/default/configmaps',
      { metadata: { generateName: 'gen-' } },
      'fieldManager=me&fieldValidation=Strict',
    );
    const [review] = hooks.reviews;
    expect(review).toMatchObject({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        kind: { group: '', version: 'v1', kind: 'ConfigMap' },
        resource: { group: '', version: 'v1', resource: 'configmaps' },
        requestKind: { kind: 'ConfigMap' },
        requestResource: { resource: 'configmaps' },
        namespace: 'default',
        operation: 'CREATE',
        userInfo: { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
        object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: expect.stringMatching(/^gen-.{5}$/), uid: expect.any(String) } },
        oldObject: null,
        dryRun: false,
        options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me', fieldValidation: 'Strict' },
      },
    });
    expect(review!.request).not.toHaveProperty('name');
    expect(review!.request).not.toHaveProperty('subResource');
  });

  test('an update has both states, a deletion only the old one and its options', async () => {
    const { metadata } = await create();
    await validating('see', { operations: ['UPDATE', 'DELETE'] });
    await send('PATCH', `/api/v1/namespaces/default/configmaps/${metadata.name}`, { data: { a: 'c' } }, '', 'application/merge-patch+json');
    await send('DELETE', `/api/v1/namespaces/default/configmaps/${metadata.name}`, { propagationPolicy: 'Background' });
    expect(hooks.reviews.map(({ request }) => request)).toMatchObject([
      {
        operation: 'UPDATE',
        name: metadata.name,
        object: { data: { a: 'c' } },
        oldObject: { data: { a: 'b' } },
        options: { kind: 'UpdateOptions' },
      },
      {
        operation: 'DELETE',
        object: null,
        oldObject: { data: { a: 'c' } },
        options: { kind: 'DeleteOptions', propagationPolicy: 'Background' },
      },
    ]);
  });

  test('subresources: the bodies of bindings, evictions and scales, and the options of connections', async () => {
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await api.client.create(pods, { metadata: { name: 'p', namespace: 'default' }, spec } as never);
    const labels = { app: 'a' };
    const template = { metadata: { labels }, spec };
    await api.client.create(deployments, {
      metadata: { name: 'd', namespace: 'default' },
      spec: { selector: { matchLabels: labels }, template },
    } as never);
    await validating('see', { groups: ['*'], resources: ['pods/*', 'deployments/*'] });
    await send(
      'PATCH',
      '/apis/apps/v1/namespaces/default/deployments/d/scale',
      { spec: { replicas: 3 } },
      '',
      'application/merge-patch+json',
    );
    await send('POST', '/api/v1/namespaces/default/pods/p/binding', { target: { kind: 'Node', name: 'n' } });
    await send('GET', '/api/v1/namespaces/default/pods/p/exec', undefined, 'command=ls&command=-l&stdout=true').catch(
      (error: StatusError) => error.code,
    );
    await send('POST', '/api/v1/namespaces/default/pods/p/eviction', {
      kind: 'Eviction',
      apiVersion: 'policy/v1',
      metadata: { name: 'p' },
    });
    expect(hooks.reviews.map(({ request }) => request)).toMatchObject([
      {
        operation: 'UPDATE',
        subResource: 'scale',
        kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        resource: { group: 'apps', resource: 'deployments' },
        object: { kind: 'Scale', spec: { replicas: 3 } },
        oldObject: { kind: 'Scale', spec: { replicas: 1 } },
      },
      { operation: 'CREATE', subResource: 'binding', kind: { kind: 'Binding' }, object: { target: { name: 'n' } }, name: 'p' },
      {
        operation: 'CONNECT',
        subResource: 'exec',
        kind: { kind: 'PodExecOptions' },
        object: { kind: 'PodExecOptions', apiVersion: 'v1', command: ['ls', '-l'], stdout: true },
        options: null,
      },
      { operation: 'CREATE', subResource: 'eviction', kind: { group: 'policy', version: 'v1', kind: 'Eviction' }, name: 'p' },
    ]);
    expect(hooks.reviews).toHaveLength(4);
  });

  test('of a namespace, its own name as the namespace', async () => {
    await validating('see', { resources: ['namespaces'] });
    await api.client.create(namespaces, { metadata: { name: 'seen' } });
    expect(hooks.reviews[0]!.request).toMatchObject({ name: 'seen', namespace: 'seen' });
  });

  test('v1beta1, where the webhook would rather have that', async () => {
    await validating('see', { admissionReviewVersions: ['v2', 'v1beta1', 'v1'] });
    await create();
    expect(hooks.reviews[0]!.apiVersion).toBe('admission.k8s.io/v1beta1');
  });
});

describe('which requests a webhook is asked about', () => {
  const asked = async (request: () => Promise<unknown>): Promise<boolean> => {
    const before = hooks.reviews.length;
    await request();
    return hooks.reviews.length > before;
  };

  test('selectors of labels, of the namespace and of the object in either state', async () => {
    await api.client.create(namespaces, { metadata: { name: 'picked', labels: { hooks: 'on' } } });
    await validating('ns', { namespaceSelector: { matchLabels: { hooks: 'on' } } });
    expect(await asked(() => create())).toBe(false);
    expect(await asked(() => create({ namespace: 'picked' }))).toBe(true);
    await validating('object', { objectSelector: { matchLabels: { check: 'me' } } });
    const { metadata } = await create({ labels: { check: 'me' } });
    expect(await asked(() => api.client.patch(configMaps, metadata, 'application/merge-patch+json', { metadata: { labels: null } }))).toBe(
      true,
    );
  });

  test('scope, and never the configurations themselves', async () => {
    await validating('cluster', {
      groups: ['*'],
      resources: ['*'],
      rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], scope: 'Cluster' }],
    });
    expect(await asked(() => create())).toBe(false);
    expect(await asked(() => api.client.create(namespaces, { metadata: { name: 'scoped' } }))).toBe(true);
    expect(await asked(() => validating('another', { operations: ['CONNECT'] }))).toBe(false);
  });
});

describe('custom resources', () => {
  const version = (name: string) => ({
    name,
    served: true,
    storage: name === 'v1',
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { size: { type: 'integer' }, colour: { type: 'string', default: 'grey' } } } },
      },
    },
  });
  const at = (name: string) => `/apis/shop.example.com/${name}/namespaces/default/gadgets`;

  test('are seen in the version that a rule names, whichever the request is of, and come back in the request’s', async () => {
    const names = { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' };
    const spec = { group: 'shop.example.com', names, scope: 'Namespaced', versions: [version('v1'), version('v2')] };
    await send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { metadata: { name: 'gadgets.shop.example.com' }, spec });
    const rules = [{ operations: ['CREATE'], apiGroups: ['shop.example.com'], apiVersions: ['v1'], resources: ['gadgets'] }];
    await mutating('resize', { rules });
    await validating('exact', { rules, matchPolicy: 'Exact' });
    decide('resize', patchOf({ op: 'replace', path: '/spec/size', value: 7 }, { op: 'add', path: '/spec/unknown', value: 1 }));
    const made = await send('POST', at('v2'), {
      apiVersion: 'shop.example.com/v2',
      kind: 'Gadget',
      metadata: { name: 'g' },
      spec: { size: 1 },
    });
    expect(made).toMatchObject({ apiVersion: 'shop.example.com/v2', spec: { size: 7, colour: 'grey' } });
    expect((made as { spec: object }).spec).not.toHaveProperty('unknown');
    expect(hooks.reviews.map(({ request }) => request)).toMatchObject([
      {
        kind: { group: 'shop.example.com', version: 'v1', kind: 'Gadget' },
        resource: { version: 'v1', resource: 'gadgets' },
        requestKind: { version: 'v2' },
        requestResource: { version: 'v2' },
        object: { apiVersion: 'shop.example.com/v1', spec: { size: 1, colour: 'grey' } },
      },
    ]);
    expect(await send('GET', `${at('v1')}/g`)).toMatchObject({ apiVersion: 'shop.example.com/v1', spec: { size: 7 } });
  });
});

describe('what a mutating webhook may do', () => {
  test('change the object, each seeing what the one before it has made, with defaults and without unknown fields', async () => {
    await mutating('first', { resources: ['pods'], operations: ['CREATE'] });
    await mutating('second', { resources: ['pods'], operations: ['CREATE'] });
    decide('first', patchOf({ op: 'add', path: '/spec/containers/-', value: { name: 'side', image: 'car', made: 'up' } }));
    decide('second', patchOf({ op: 'add', path: '/metadata/annotations', value: { seen: 'yes' } }));
    const pod = await api.client.create(pods, {
      metadata: { name: 'mutated', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    } as never);
    expect(pod.spec.containers.map(({ name, imagePullPolicy }) => [name, imagePullPolicy])).toEqual([
      ['c', 'Always'],
      ['side', 'Always'],
    ]);
    expect(pod.spec.containers[1]).not.toHaveProperty('made');
    expect(pod.metadata.annotations).toEqual({ seen: 'yes' });
    expect((hooks.reviews[1]!.request.object as { spec: { containers: object[] } }).spec.containers).toHaveLength(2);
  });

  test('be asked again once when a later one has changed the object, if it wants that', async () => {
    await mutating('early', { reinvocationPolicy: 'IfNeeded' });
    await mutating('never');
    await mutating('late');
    hooks.decide.set('late', ({ object }) =>
      (object as { data: { late?: string } }).data.late ? {} : patchOf({ op: 'add', path: '/data/late', value: 'x' }),
    );
    await create();
    expect(hooks.reviews.map(({ request }) => Object.keys((request.object as { data: object }).data).join())).toEqual([
      'a',
      'a',
      'a',
      'a,late',
    ]);
  });

  test('not change what is deleted', async () => {
    const { metadata } = await create();
    await mutating('greedy', { operations: ['DELETE'] });
    decide('greedy', patchOf({ op: 'add', path: '/data/x', value: 'y' }));
    expect(await refusal(api.client.delete(configMaps, metadata))).toMatchObject({
      code: 500,
      message:
        'Internal error occurred: admission webhook "greedy.example.com" attempted to modify the object, which is not supported for this operation',
    });
  });
});

describe('refusals', () => {
  test.each<[string, Decision, object]>([
    [
      'a message',
      { allowed: false, status: { message: 'not today' } as never },
      { code: 400, message: 'admission webhook "no.example.com" denied the request: not today' },
    ],
    [
      'a reason and a code',
      { allowed: false, status: { reason: 'Forbidden', code: 403 } as never },
      { code: 403, reason: 'Forbidden', message: 'admission webhook "no.example.com" denied the request: Forbidden' },
    ],
    ['nothing', { allowed: false }, { code: 400, message: 'admission webhook "no.example.com" denied the request without explanation' }],
    ['a code of success', { allowed: false, status: { code: 200, message: 'x' } as never }, { code: 400 }],
  ])('with %s', async (_what, decision, expected) => {
    await validating('no');
    decide('no', decision);
    expect(await refusal(create())).toMatchObject(expected);
  });

  test('nothing is stored, and what other webhooks say does not count', async () => {
    await validating('yes');
    await validating('no');
    decide('no', { allowed: false });
    await refusal(create({ name: 'unstored' }));
    expect(await refusal(api.client.get(configMaps, { namespace: 'default', name: 'unstored' }))).toMatchObject({ code: 404 });
  });
});

describe('what goes wrong', () => {
  const cases: readonly (readonly [string, Decision, string])[] = [
    [
      'a wrong uid',
      (response, { apiVersion }) =>
        void response.end(JSON.stringify({ kind: 'AdmissionReview', apiVersion, response: { uid: 'x', allowed: true } })),
      'received invalid webhook response: expected response.uid="UID", got "x"',
    ],
    [
      'no response',
      (response, { apiVersion }) => void response.end(JSON.stringify({ kind: 'AdmissionReview', apiVersion })),
      'received invalid webhook response: webhook response was absent',
    ],
    [
      'another version',
      (response) => void response.end('{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}'),
      'received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1beta1, Kind=AdmissionReview',
    ],
    [
      'no JSON',
      (response) => void response.end('<html>'),
      "failed to call webhook: couldn't get version/kind; json parse error: invalid character '<' looking for beginning of value",
    ],
    [
      'an error',
      (response) => void response.writeHead(500).end('panic'),
      'failed to call webhook: an error on the server ("panic") has prevented the request from succeeding',
    ],
    [
      'a patch without its type',
      { patch: Buffer.from('[]').toString('base64') },
      'received invalid webhook response: webhook returned response.patch but not response.patchType',
    ],
    [
      'a patch that is none',
      { patchType: 'JSONPatch', patch: Buffer.from('excuse').toString('base64') },
      "received undecodable patch in webhook response: invalid character 'e' looking for beginning of value",
    ],
  ];

  test.each(cases)('%s: the request fails, or not if failures are to be ignored', async (_what, decision, message) => {
    await mutating('bad');
    decide('bad', decision);
    const error = await refusal(create());
    expect(error).toMatchObject({ code: 500, reason: 'InternalError' });
    const { uid } = hooks.reviews[0]!.request;
    expect(error.message.replace(uid, 'UID')).toBe(`Internal error occurred: failed calling webhook "bad.example.com": ${message}`);
    await api.client.delete(mutatingWebhookConfigurations, (await api.client.list(mutatingWebhookConfigurations)).items[0]!.metadata);
    await mutating('bad', { failurePolicy: 'Ignore' });
    await create();
  });

  test('it does not answer in its time', async () => {
    await validating('slow', { timeoutSeconds: 1 });
    decide('slow', () => {});
    expect((await refusal(create())).message).toBe(
      `Internal error occurred: failed calling webhook "slow.example.com": failed to call webhook: Post "https://127.0.0.1:${hooks.port}/slow?timeout=1s": context deadline exceeded`,
    );
  });

  test('its Service is not there, or has nothing behind it', async () => {
    await validating('lost', { clientConfig: { service: { namespace: 'default', name: 'nowhere' } } });
    expect((await refusal(create())).message).toContain(
      'failed calling webhook "lost.example.com": failed to call webhook: service "nowhere" not found',
    );
  });

  test('a patch that does not fit the object', async () => {
    await mutating('misfit');
    decide('misfit', patchOf({ op: 'replace', path: '/spec/replicas', value: 1 }));
    expect(await refusal(create())).toMatchObject({
      code: 500,
      message: expect.stringMatching(/^Internal error occurred: .*"\/spec\/replicas"/),
    });
  });
});

describe('kubectl', () => {
  test('shows warnings and refusals, dry runs reach only webhooks without side effects, and metrics count', async () => {
    const tool = new Kubectl('1.35', api.kubeconfig, join(api.dir, 'home'));
    const kubectl = (...args: string[]) => tool.run(args);
    await validating('talk');
    hooks.decide.set('talk', ({ name }) =>
      name === 'refused' ? { allowed: false, status: { message: 'no' } as never } : { warnings: ['mind the gap'] },
    );
    const warned = await kubectl('create', 'configmap', 'warned', '--dry-run=server');
    expect(warned).toMatchObject({ code: 0, stderr: expect.stringContaining('Warning: mind the gap') });
    expect(hooks.reviews[0]!.request).toMatchObject({ dryRun: true, options: { dryRun: ['All'] } });
    const refused = await kubectl('create', 'configmap', 'refused');
    expect(refused.stderr.trim()).toBe('error: failed to create configmap: admission webhook "talk.example.com" denied the request: no');
    const shown = await kubectl('get', 'validatingwebhookconfigurations');
    expect(shown.stdout).toMatch(/^NAME +WEBHOOKS +AGE\n\d+-talk +1 +/);
    const metrics = await kubectl('get', '--raw', '/metrics');
    expect(metrics.stdout).toContain(
      'apiserver_admission_webhook_rejection_count{error_type="no_error",name="talk.example.com",operation="CREATE",rejection_code="400",type="validating"} 1',
    );
    expect(metrics.stdout).toMatch(
      /apiserver_admission_webhook_admission_duration_seconds_count\{name="talk.example.com",operation="CREATE",rejected="false",type="validating"\} 1\n/,
    );
  });
});
