// The signatures in cluster-info: one for each token that is for it, right while the kubeconfig and the tokens change.
import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { bootstrapSigner } from '../../../src/controllers/bootstrapsigner.js';
import { tokenCleaner } from '../../../src/controllers/tokencleaner.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { one, useControlPlane } from './control-plane.js';

const plane = useControlPlane([bootstrapSigner, tokenCleaner]);
const INFO = { namespace: 'kube-public', name: 'cluster-info' };

function makeToken(id: string, fields: { readonly [name: string]: string } = {}, namespace = 'kube-system') {
  const all = { 'token-id': id, 'token-secret': `secret-of-${id}`, 'usage-bootstrap-signing': 'true', ...fields };
  const data = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, Buffer.from(value).toString('base64')]));
  return plane.api.create(secrets, { metadata: { namespace, name: `bootstrap-token-${id}` }, type: 'bootstrap.kubernetes.io/token', data });
}

const signatures = () => {
  const { kubeconfig: _kubeconfig, ...rest } = one(plane.api.objects(configMaps)).data!;
  return rest;
};

/** As a joining machine checks it. */
function isSignedBy(id: string, kubeconfig: string): boolean {
  const [header = '', content, signature] = (signatures()[`jws-kubeconfig-${id}`] ?? '').split('.');
  const signed = `${header}.${Buffer.from(kubeconfig).toString('base64url')}`;
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', kid: id });
  return content === '' && signature === createHmac('sha256', `secret-of-${id}`).update(signed).digest('base64url');
}

test('each token that is for it signs the kubeconfig, whatever comes first, and again when it changes', async () => {
  await makeToken('aaaaaa');
  await plane.api.create(configMaps, { metadata: { ...INFO }, data: { kubeconfig: 'one' } });
  await makeToken('bbbbbb');
  await plane.quiet();
  expect(isSignedBy('aaaaaa', 'one') && isSignedBy('bbbbbb', 'one')).toBe(true);
  await plane.api.patch(configMaps, INFO, 'application/merge-patch+json', { data: { kubeconfig: 'two' } });
  await plane.quiet();
  expect(isSignedBy('aaaaaa', 'two')).toBe(true);
});

test('tokens that are for something else, expired, elsewhere or gone sign nothing', async () => {
  await plane.api.create(configMaps, {
    metadata: { ...INFO },
    data: { kubeconfig: 'one', 'jws-kubeconfig-zzzzzz': 'of one that is gone' },
  });
  await makeToken('aaaaaa', { 'usage-bootstrap-signing': 'false' });
  await makeToken('bbbbbb', { expiration: '2026-01-01T01:00:00Z' });
  await makeToken('cccccc', {}, 'default');
  await plane.quiet();
  expect(Object.keys(signatures())).toEqual(['jws-kubeconfig-bbbbbb']);
  await plane.clock.advance(3600_000);
  await plane.quiet();
  expect(signatures()).toEqual({});
  expect(plane.api.objects(secrets)).toHaveLength(2);
});

test('without a kubeconfig there is nothing to sign', async () => {
  await plane.api.create(configMaps, { metadata: { ...INFO }, data: { other: 'text' } });
  await makeToken('aaaaaa');
  await plane.quiet();
  expect(one(plane.api.objects(configMaps)).data).toEqual({ other: 'text' });
});
