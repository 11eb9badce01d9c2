// Service account tokens: asked for, shown, judged by others, and void once what they are bound to is gone.
import { createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { ask, certificateOf, type Who } from './lab.js';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
let api: TestServer;
let admin: Who;
let uid: string;

beforeAll(async () => {
  api = await startTestServer();
  admin = await certificateOf(api, 'admin', 'system:masters');
  await api.client.create(namespaces, { metadata: { name: 'dev' } });
  uid = (await api.client.create(serviceAccounts, { metadata: { name: 'robot', namespace: 'dev' } })).metadata.uid;
});
afterAll(() => api?.stop());

const request = (spec: JsonObject = {}, name = 'robot', who = admin) =>
  ask(api, who, 'POST', `/api/v1/namespaces/dev/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec,
  });
const tokenOf = async (spec: JsonObject = {}, name = 'robot') => (await request(spec, name)).body.status.token as string;
const review = async (token: string, audiences?: string[]) =>
  (await ask(api, admin, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token, ...(audiences && { audiences }) } })).body
    .status;
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
const whoami = (token: string) => ask(api, { token }, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
const makePod = (name: string, nodeName?: string) =>
  api.client.create<Pod>(pods, {
    metadata: { name, namespace: 'dev' },
    spec: { containers: [{ name: 'c', image: 'i' }], serviceAccountName: 'robot', ...(nodeName && { nodeName }) },
  });
const boundTo = (kind: string, { metadata: { name, uid: id } }: { metadata: { name: string; uid: string } }) => ({
  boundObjectRef: { apiVersion: 'v1', kind, name, uid: id },
});

describe('a token', () => {
  it('is answered in the request’s own body, for an hour and for the API server if nothing else is said', async () => {
    const before_s = Math.floor(Date.now() / 1000);
    const { code, body } = await request();
    expect([code, body.kind, body.spec]).toEqual([201, 'TokenRequest', { audiences: [ISSUER], expirationSeconds: 3600 }]);
    const claims = claimsOf(body.status.token);
    expect(claims).toMatchObject({
      iss: ISSUER,
      aud: [ISSUER],
      sub: 'system:serviceaccount:dev:robot',
      'kubernetes.io': { namespace: 'dev', serviceaccount: { name: 'robot', uid } },
    });
    expect(claims.exp - claims.iat).toBe(3600);
    expect(claims.iat).toBeGreaterThanOrEqual(before_s);
    expect(Date.parse(body.status.expirationTimestamp)).toBe(claims.exp * 1000);
  });

  it('says who its holder is', async () => {
    const token = await tokenOf();
    const { body } = await whoami(token);
    expect(body.status.userInfo).toEqual({
      username: 'system:serviceaccount:dev:robot',
      uid,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:dev', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${claimsOf(token).jti}`] },
    });
    expect(await ask(api, { token }, 'GET', '/api/v1/namespaces/dev/pods')).toMatchObject({
      code: 403,
      body: { message: expect.stringContaining('User "system:serviceaccount:dev:robot" cannot list resource "pods"') },
    });
  });

  it('bound to a pod names it and its node, and ends with it', async () => {
    const node = await api.client.create(nodes, { metadata: { name: 'n1' } });
    const pod = await makePod('bound', 'n1');
    const token = await tokenOf(boundTo('Pod', pod));
    expect((await whoami(token)).body.status.userInfo.extra).toMatchObject({
      'authentication.kubernetes.io/pod-name': ['bound'],
      'authentication.kubernetes.io/pod-uid': [pod.metadata.uid],
      'authentication.kubernetes.io/node-name': ['n1'],
      'authentication.kubernetes.io/node-uid': [node.metadata.uid],
    });
    await api.client.delete(pods, pod.metadata, { gracePeriodSeconds: 0 });
    await expect.poll(async () => (await whoami(token)).code).toBe(401);
    await makePod('bound');
    expect((await whoami(token)).code).toBe(401);
    expect((await review(token)).error).toContain('does not match claim');
  });

  it('ends with its service account, also where one of that name is made again', async () => {
    const make = () => api.client.create(serviceAccounts, { metadata: { name: 'brief', namespace: 'dev' } });
    await make();
    const token = await tokenOf({}, 'brief');
    expect((await whoami(token)).code).toBe(201);
    await api.client.delete(serviceAccounts, { name: 'brief', namespace: 'dev' });
    await expect.poll(async () => (await whoami(token)).code).toBe(401);
    await make();
    expect((await whoami(token)).code).toBe(401);
  });

  it('for others is theirs to judge, and not good here', async () => {
    const token = await tokenOf({ audiences: ['vault', 'other'] });
    expect((await whoami(token)).code).toBe(401);
    expect(await review(token)).toMatchObject({ error: expect.stringContaining('is invalid for the target audiences') });
    expect(await review(token, ['vault', 'nobody'])).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
      user: { username: 'system:serviceaccount:dev:robot' },
    });
  });

  it('that was changed, or signed by another key, is refused', async () => {
    const [header, , signature] = (await tokenOf()).split('.');
    const claims = claimsOf(await tokenOf());
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'system:serviceaccount:kube-system:root' })).toString('base64url');
    for (const token of [
      `${header}.${forged}.${signature}`,
      'x',
      'a.b.c',
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${forged}.`,
    ]) {
      expect((await whoami(token)).code).toBe(401);
      expect(await review(token)).toEqual({ user: {}, error: 'invalid bearer token' });
    }
  });

  it.each<[string, JsonObject, number, string]>([
    ['for too short', { expirationSeconds: 599 }, 422, 'may not specify a duration less than 10 minutes'],
    ['for too long', { expirationSeconds: 2 ** 32 + 1 }, 422, 'may not specify a duration larger than 2^32 seconds'],
    [
      'bound to what cannot be',
      { boundObjectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } },
      400,
      'cannot bind token to object of type',
    ],
    ['bound to nothing', { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'nope' } }, 404, 'pods "nope" not found'],
    [
      'bound to what was',
      { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'bound', uid: 'x' } },
      409,
      'does not match the UID in record',
    ],
  ])('is not had %s', async (_, spec, code, why) => {
    const answer = await request(spec);
    expect([answer.code, answer.body.message]).toEqual([code, expect.stringContaining(why)]);
  });

  it('is not had of an account that is not there, or for another’s pod', async () => {
    expect((await request({}, 'nobody')).body.message).toBe('serviceaccounts "nobody" not found');
    await api.client.create(serviceAccounts, { metadata: { name: 'other', namespace: 'dev' } });
    const pod = await makePod('of-robot');
    expect((await request(boundTo('Pod', pod), 'other')).body.message).toContain('to pod running with different serviceaccount name.');
  });

  it('can be checked with the issuer’s published keys', async () => {
    const token = await tokenOf();
    const { body: configuration } = await ask(api, { token }, 'GET', '/.well-known/openid-configuration');
    expect(configuration).toMatchObject({ issuer: ISSUER, id_token_signing_alg_values_supported: ['ES256'] });
    expect(new URL(configuration.jwks_uri).pathname).toBe('/openid/v1/jwks');
    const { body: set } = await ask(api, { token }, 'GET', '/openid/v1/jwks');
    const [header, payload, signature] = token.split('.');
    const { kid } = JSON.parse(Buffer.from(header!, 'base64url').toString());
    const jwk = set.keys.find((each: { kid: string }) => each.kid === kid);
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const data = Buffer.from(`${header}.${payload}`);
    expect(verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature!, 'base64url'))).toBe(true);
    expect((await ask(api, {}, 'GET', '/openid/v1/jwks')).code).toBe(403);
  });
});

describe('a kubelet', () => {
  let node: Who;
  beforeAll(async () => {
    node = await certificateOf(api, 'system:node:n1', 'system:nodes');
  });

  it('gets tokens of accounts of its own pods, bound to them', async () => {
    const own = await makePod('own', 'n1');
    const theirs = await makePod('theirs', 'n2');
    await expect.poll(async () => (await request(boundTo('Pod', own), 'robot', node)).code).toBe(201);
    const why = async (spec: JsonObject, name = 'robot') => (await request(spec, name, node)).body.message;
    expect(await why({})).toContain('node requested token not bound to a pod');
    expect(await why({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'own' } })).toContain(
      'node requested token with a pod binding without a uid',
    );
    expect(await why(boundTo('Pod', theirs))).toContain('node requested token bound to a pod scheduled on a different node');
    expect(await why({ ...boundTo('Pod', own), audiences: ['vault'] })).toContain('audience "vault" not found in pod spec volume');
    expect(await why(boundTo('Pod', own), 'other')).toContain("no relationship found between node 'n1' and this object");
  });

  it('writes its own Node, without taints or labels that are not its to set', async () => {
    const patch = (name: string, body: JsonObject, sub = '') =>
      ask(api, { ...node, headers: { 'content-type': 'application/merge-patch+json' } }, 'PATCH', `/api/v1/nodes/${name}${sub}`, body);
    expect((await patch('n1', { metadata: { labels: { disk: 'ssd', 'node.kubernetes.io/x': 'y' } } })).code).toBe(200);
    const labels = { 'node-restriction.kubernetes.io/x': 'y', 'node-role.kubernetes.io/master': '' };
    expect((await patch('n1', { metadata: { labels } })).body.message).toBe(
      'nodes "n1" is forbidden: node "n1" is not allowed to modify labels: node-restriction.kubernetes.io/x, node-role.kubernetes.io/master',
    );
    expect((await patch('n1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } })).body.message).toContain(
      'is not allowed to modify taints',
    );
    await api.client.create(nodes, { metadata: { name: 'n2' } });
    expect((await patch('n2', { status: { phase: 'x' } }, '/status')).body.message).toBe(
      'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    );
  });

  it('deletes and reports its own pods only', async () => {
    const status = { status: { phase: 'Running' } };
    const json = { ...node, headers: { 'content-type': 'application/merge-patch+json' } };
    expect((await ask(api, json, 'PATCH', '/api/v1/namespaces/dev/pods/own/status', status)).code).toBe(200);
    expect((await ask(api, json, 'PATCH', '/api/v1/namespaces/dev/pods/theirs/status', status)).body.message).toContain(
      'node "n1" can only update pod status for pods with spec.nodeName set to itself',
    );
    expect((await ask(api, node, 'DELETE', '/api/v1/namespaces/dev/pods/theirs')).body.message).toContain(
      'node "n1" can only delete pods with spec.nodeName set to itself',
    );
    const plain = { metadata: { name: 'made' }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } };
    expect((await ask(api, node, 'POST', '/api/v1/namespaces/dev/pods', plain)).body.message).toContain('can only create mirror pods');
  });
});

describe('impersonation', () => {
  it('takes users, groups, uid and extra, each by a right of its own', async () => {
    const headers = {
      'impersonate-user': 'jane',
      'impersonate-group': ['a', 'b'],
      'impersonate-uid': '42',
      'impersonate-extra-acme.com%2fteam': ['x', 'y'],
    };
    const who = (await ask(api, { ...admin, headers }, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})).body.status
      .userInfo;
    expect(who).toEqual({
      username: 'jane',
      uid: '42',
      groups: ['a', 'b', 'system:authenticated'],
      extra: { 'acme.com/team': ['x', 'y'] },
    });
    const token = await tokenOf();
    const as = (more: object) => ask(api, { token, headers: more as { [name: string]: string } }, 'GET', '/api');
    expect((await as({ 'impersonate-user': 'jane' })).body.message).toContain('cannot impersonate resource "users"');
    expect((await as({ 'impersonate-user': 'system:serviceaccount:dev:x' })).body.message).toBe(
      'serviceaccounts "x" is forbidden: User "system:serviceaccount:dev:robot" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "dev"',
    );
    expect((await ask(api, { ...admin, headers: { 'impersonate-group': 'a' } }, 'GET', '/api')).code).toBe(500);
  });
});
