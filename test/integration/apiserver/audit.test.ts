// The audit log over the wire: what is told of a request, and what plugins and policies add to it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { Kubectl } from '../../suites/kubectl.js';
import { json, streamFrom, type Wire, wireTo } from '../../suites/wire.js';

const POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- {level: None, users: ['system:apiserver']}
- {level: Metadata, resources: [{resources: [secrets]}], omitStages: [RequestReceived]}
- {level: RequestResponse, resources: [{resources: [configmaps]}], omitStages: [RequestReceived]}
- {level: Metadata, verbs: [watch]}
- {level: Request, resources: [{}, {group: '*'}], omitStages: [RequestReceived]}
- {level: Metadata, nonResourceURLs: ['/version']}
`;
const NAMESPACED = '/api/v1/namespaces/default';

// biome-ignore lint/suspicious/noExplicitAny: tests look into events of all kinds.
type Event = any;
let dir: string;
let api: TestServer;
let http: Wire;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'porthole-audit-'));
  const audit = { policy: POLICY, path: join(dir, 'audit.log'), maxSize_bytes: 1e9, maxBackups: 0, maxAge_ms: 0 };
  api = await startTestServer({ audit });
  http = wireTo(api);
});
afterAll(async () => {
  await api?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const send = (method: string, path: string, body: object, type = 'application/json', headers = {}) =>
  http(method, path, { body: JSON.stringify(body), headers: { 'content-type': type, ...headers } });

const events = (): Event[] =>
  readFileSync(join(dir, 'audit.log'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
/** The events of the request that was answered so. */
const eventsOf = ({ headers }: { headers: { [name: string]: unknown } }) =>
  events().filter(({ auditID }) => auditID === headers['audit-id']);

it('tells who did what, from where, and how it went', async () => {
  const answer = await send('POST', `${NAMESPACED}/secrets`, { metadata: { name: 's' }, stringData: { a: 'b' } }, undefined, {
    'user-agent': 'me/1',
  });
  expect(answer.code).toBe(201);
  expect(eventsOf(answer)).toEqual([
    {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: answer.headers['audit-id'],
      stage: 'ResponseComplete',
      requestURI: `${NAMESPACED}/secrets`,
      verb: 'create',
      user: {
        username: 'kubernetes-admin',
        groups: ['system:masters', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^X509SHA256=/)] },
      },
      sourceIPs: ['127.0.0.1'],
      userAgent: 'me/1',
      objectRef: { resource: 'secrets', namespace: 'default', name: 's', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      requestReceivedTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      stageTimestamp: expect.any(String),
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    },
  ]);
});

it('shows what was sent and what was answered, where it is told to', async () => {
  const created = await send('POST', `${NAMESPACED}/configmaps`, { metadata: { name: 'c' }, data: { a: 'b' } });
  const [event] = eventsOf(created);
  expect(event.requestObject).toEqual({ metadata: { name: 'c' }, data: { a: 'b' } });
  expect(event.responseObject).toMatchObject({
    kind: 'ConfigMap',
    data: { a: 'b' },
    metadata: { name: 'c', uid: json(created).metadata.uid },
  });
  expect(event.responseObject.metadata).not.toHaveProperty('managedFields');
  const patched = await send('PATCH', `${NAMESPACED}/configmaps/c`, { data: { a: 'c' } }, 'application/merge-patch+json');
  expect(eventsOf(patched)[0]).toMatchObject({ verb: 'patch', requestObject: { data: { a: 'c' } }, responseObject: { data: { a: 'c' } } });
  const applied = await http('PATCH', `${NAMESPACED}/configmaps/c?fieldManager=m&force=true`, {
    body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {x: two}\n',
    headers: { 'content-type': 'application/apply-patch+yaml' },
  });
  expect(eventsOf(applied)[0]).toMatchObject({
    requestURI: `${NAMESPACED}/configmaps/c?fieldManager=m&force=true`,
    requestObject: { data: { x: 'two' } },
  });
  const listed = await http('GET', `${NAMESPACED}/configmaps`);
  expect(eventsOf(listed)[0].responseObject).toMatchObject({ kind: 'ConfigMapList', items: [{ metadata: { name: 'c' } }] });
  const deleted = await http('DELETE', `${NAMESPACED}/configmaps/c`);
  expect(eventsOf(deleted)[0]).toMatchObject({ verb: 'delete', responseStatus: { status: 'Success', code: 200 } });
});

it('shows refusals with their reasons', async () => {
  const missing = await http('GET', `${NAMESPACED}/secrets/none`);
  expect(eventsOf(missing)[0].responseStatus).toEqual({
    metadata: {},
    status: 'Failure',
    message: 'secrets "none" not found',
    reason: 'NotFound',
    details: { name: 'none', kind: 'secrets' },
    code: 404,
  });
  const forbidden = await http('GET', `${NAMESPACED}/secrets`, { headers: { 'impersonate-user': 'nobody' } });
  expect(eventsOf(forbidden)[0]).toMatchObject({
    user: { username: 'kubernetes-admin' },
    impersonatedUser: { username: 'nobody', groups: ['system:authenticated'] },
    responseStatus: { code: 403 },
    annotations: { 'authorization.k8s.io/decision': 'forbid' },
  });
  const stranger = await http('GET', `${NAMESPACED}/secrets`, {
    headers: { authorization: 'Bearer nonsense' },
    cert: undefined,
    key: undefined,
  });
  expect(stranger.code).toBe(401);
  const last = events().at(-1);
  expect(last).toMatchObject({ user: {}, responseStatus: { reason: 'Unauthorized', code: 401 } });
});

it('tells of a watch when it begins and when it ends', async () => {
  const path = '/api/v1/namespaces?watch=1';
  const stages = () => events().flatMap(({ requestURI, stage }) => (requestURI === path ? [stage] : []));
  let begun: string[] = [];
  await streamFrom(api, path, 'application/json', () => {
    begun = stages();
    return true;
  });
  expect(begun).toEqual(['RequestReceived', 'ResponseStarted']);
  await expect.poll(stages).toEqual(['RequestReceived', 'ResponseStarted', 'ResponseComplete']);
});

it('has nothing of requests that no rule is about', async () => {
  const healthy = await http('GET', '/healthz');
  expect(healthy.headers).not.toHaveProperty('audit-id');
  const version = await http('GET', '/version');
  expect(eventsOf(version).map(({ stage, verb }) => [stage, verb])).toEqual([
    ['RequestReceived', 'get'],
    ['ResponseComplete', 'get'],
  ]);
  expect(events().some(({ user }) => user.username === 'system:apiserver')).toBe(false);
});

it('reads what kubectl writes as protobuf', async () => {
  const kubectl = new Kubectl('1.35', api.kubeconfig, join(dir, 'home'));
  await kubectl.ok(['create', 'serviceaccount', 'by-kubectl']);
  const created = events().find(({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'serviceaccounts');
  expect(created).toMatchObject({
    objectRef: { name: 'by-kubectl' },
    requestObject: { kind: 'ServiceAccount', metadata: { name: 'by-kubectl' } },
  });
  expect(created.userAgent).toMatch(/^kubectl\/v1\.35/);
});

describe('annotations', () => {
  it('say what a namespace’s level makes of a pod', async () => {
    const labels = { 'pod-security.kubernetes.io/audit': 'restricted' };
    await send('POST', '/api/v1/namespaces', { metadata: { name: 'audited', labels } });
    const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const answer = await send('POST', '/api/v1/namespaces/audited/pods', pod);
    expect(eventsOf(answer)[0].annotations).toMatchObject({
      'pod-security.kubernetes.io/enforce-policy': 'privileged:latest',
      'pod-security.kubernetes.io/audit-violations': expect.stringMatching(
        /^would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false/,
      ),
    });
  });

  it('say what policies find, and what they want to have said', async () => {
    const GROUP = '/apis/admissionregistration.k8s.io/v1';
    const resourceRules = [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }];
    const validations = [{ expression: 'true' }, { expression: 'object.metadata.name != "odd"', message: 'odd name' }];
    const auditAnnotations = [
      { key: 'name', valueExpression: '"made " + object.metadata.name' },
      { key: 'none', valueExpression: 'null' },
    ];
    const spec = { matchConstraints: { resourceRules }, validations, auditAnnotations };
    await send('POST', `${GROUP}/validatingadmissionpolicies`, { metadata: { name: 'names.example.com' }, spec });
    const binding = { metadata: { name: 'b' }, spec: { policyName: 'names.example.com', validationActions: ['Audit'] } };
    await send('POST', `${GROUP}/validatingadmissionpolicybindings`, binding);
    const made = async () => {
      const answer = await send('POST', `${NAMESPACED}/configmaps?dryRun=All`, { metadata: { name: 'odd' } });
      return eventsOf(answer)[0].annotations;
    };
    await expect.poll(made).toHaveProperty(['names.example.com/name']);
    const annotations = await made();
    expect(annotations['names.example.com/name']).toBe('made odd');
    expect(annotations).not.toHaveProperty(['names.example.com/none']);
    expect(JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure'])).toEqual([
      { message: 'odd name', policy: 'names.example.com', binding: 'b', expressionIndex: 1, validationActions: ['Audit'] },
    ]);
  });
});

it('a policy that makes no sense keeps the server from starting', async () => {
  const audit = { policy: 'kind: Policy', path: join(dir, 'other.log'), maxSize_bytes: 1, maxBackups: 0, maxAge_ms: 0 };
  await expect(startTestServer({ audit })).rejects.toThrow('--audit-policy-file: it must be a Policy of audit.k8s.io/v1');
});
