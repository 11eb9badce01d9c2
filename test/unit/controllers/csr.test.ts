// Who gets which kubelet certificate: a table of requests, and what became of each; and what is cleaned up when.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemRandom } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import {
  type AltNames,
  belongsTogether,
  makeAuthority,
  makeCertificate,
  makeKey,
  makeSigningRequest,
  readCertificate,
  readSigningRequest,
} from '../../../src/client/certificates.js';
import { createInformers } from '../../../src/client/informers.js';
import { csrApproving } from '../../../src/controllers/csrapproving.js';
import { csrCleaner } from '../../../src/controllers/csrcleaner.js';
import { csrSigning } from '../../../src/controllers/csrsigning.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import type { ControllerDefinition } from '../../../src/controllers/define.js';
import { startControllers } from '../../../src/controllers/manager.js';
import { tokenCleaner } from '../../../src/controllers/tokencleaner.js';
import { certificateSigningRequests } from '../../../src/kinds/certificates/certificatesigningrequest.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import type { CertificateSigningRequest } from '../../../src/kinds/types/certificates_v1.js';
import { ManualClock, MemoryApi, settle } from '../client/fakes.js';

const CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
const SERVING = 'kubernetes.io/kubelet-serving';
const HOUR_ms = 3600_000;
const KEY = makeKey();

let api: MemoryApi;
let clock: ManualClock;
beforeEach(() => {
  api = new MemoryApi();
  clock = new ManualClock();
});

async function withControllers(definitions: readonly ControllerDefinition[], act: () => Promise<void>): Promise<void> {
  const log = silentLogger;
  const informers = createInformers({ client: api, clock, random: systemRandom, log });
  const key = makeKey();
  const cert = await makeAuthority({ commonName: 'kubernetes', key, now_ms: clock.now(), validFor_ms: 1e12, random: systemRandom });
  const running = startControllers(definitions, {
    client: api,
    informers,
    clock,
    random: systemRandom,
    log,
    events: { event: () => {} },
    options: {
      ...DEFAULT_OPTIONS,
      clusterSigningCert: cert,
      clusterSigningKey: key,
      rootCa: '',
    },
  });
  await act();
  informers.stop();
  await running.stop();
}

interface Asked {
  readonly signer?: string;
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly cn?: string;
  readonly o?: readonly string[];
  readonly altNames?: AltNames;
  readonly usages?: readonly string[];
  readonly request?: string;
}

async function ask(asked: Asked): Promise<CertificateSigningRequest> {
  const { signer = CLIENT, user = 'system:bootstrap:abcdef', groups = ['system:bootstrappers'], cn = 'system:node:n1' } = asked;
  const subject = { commonName: cn, organizations: asked.o ?? ['system:nodes'] };
  const request = asked.request ?? (await makeSigningRequest({ subject, key: KEY, ...(asked.altNames && { altNames: asked.altNames }) }));
  await withControllers([csrApproving, csrSigning], async () => {
    await api.create(certificateSigningRequests, {
      metadata: { name: 'csr', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        signerName: signer,
        request: Buffer.from(request).toString('base64'),
        usages: asked.usages ?? ['digital signature', signer === CLIENT ? 'client auth' : 'server auth'],
        username: user,
        groups,
      },
    });
    for (let i = 0; i < 400 && !api.objects(certificateSigningRequests)[0]!.status?.conditions; i++) await settle();
    for (let i = 0; i < 400 && isApproved(api.objects(certificateSigningRequests)[0]!); i++) await settle();
  });
  return api.objects(certificateSigningRequests)[0]!;
}

const isApproved = ({ status }: CertificateSigningRequest) =>
  !!status?.conditions?.some(({ type }) => type === 'Approved') &&
  !status.certificate &&
  !status.conditions.some(({ type }) => type === 'Failed');

const node = { user: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
const names = { dns: ['n1'], ips: ['192.0.2.1'] };

describe('given', () => {
  test.each<[string, Asked]>([
    ['a client certificate to a bootstrapper', {}],
    ['a client certificate to the node itself, for renewal', node],
    ['a serving certificate to the node itself', { ...node, signer: SERVING, altNames: names }],
  ])('%s', async (_, asked) => {
    const { status } = await ask(asked);
    expect(status.conditions).toMatchObject([{ type: 'Approved', status: 'True' }]);
    const cert = readCertificate(Buffer.from(status.certificate!, 'base64').toString());
    expect(cert).toMatchObject({
      commonName: 'system:node:n1',
      organizations: ['system:nodes'],
      altNames: asked.altNames ?? { dns: [], ips: [] },
    });
    expect(cert.notAfter_ms - clock.now()).toBe(365 * 24 * HOUR_ms);
  });
});

test.each([
  ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['Ed25519', () => generateKeyPairSync('ed25519')],
  ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
])('a key may be of another kind than ours: %s, as may the authority’s', async (_, generate) => {
  const pem = ({ privateKey }: { privateKey: KeyObject }) => privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const [key, authority] = [pem(generate()), pem(generate())];
  const now_ms = Date.UTC(2026, 0, 1);
  const life = { now_ms, validFor_ms: HOUR_ms, random: systemRandom };
  const ca = await makeAuthority({ commonName: 'kubernetes', key: authority, ...life });
  const { subject, publicKey } = await readSigningRequest(await makeSigningRequest({ subject: { commonName: 'jane' }, key }));
  const cert = await makeCertificate({ subject, publicKey, usages: ['client auth'], issuer: { cert: ca, key: authority }, ...life });
  expect(readCertificate(cert).commonName).toBe('jane');
  expect(belongsTogether(cert, key, ca)).toBe(true);
});

describe('refused', () => {
  test.each<[string, Asked, RegExp]>([
    ['someone else’s name', { user: 'system:node:n2', groups: ['system:nodes'] }, /system:node:n2 may not ask/],
    ['the admin', { user: 'jane', groups: ['system:masters'] }, /jane may not ask/],
    ['a node’s name without its group', { user: 'system:node:n1', groups: [] }, /may not ask/],
    ['no node’s name', { cn: 'kubernetes-admin' }, /the subject must be/],
    ['the admins’ group', { o: ['system:masters'] }, /the subject must be/],
    ['a second group', { o: ['system:nodes', 'system:masters'] }, /the subject must be/],
    ['a name that is no DNS name', { cn: 'system:node:N_1' }, /the subject must be/],
    ['a client certificate with names', { altNames: names }, /no DNS names or IP addresses/],
    ['server auth in a client certificate', { usages: ['digital signature', 'client auth', 'server auth'] }, /usages must be/],
    ['signing', { usages: ['cert sign', 'client auth'] }, /usages must be/],
    ['serving, for a bootstrapper', { signer: SERVING, altNames: names }, /only system:node:n1 itself/],
    ['serving without names', { ...node, signer: SERVING }, /needs a DNS name or an IP address/],
    ['serving under the API’s name', { ...node, signer: SERVING, altNames: { dns: ['kubernetes'], ips: [] } }, /only DNS name of node n1/],
    ['what is no request', { request: 'hello' }, /cannot be read/],
  ])('%s', async (_, asked, why) => {
    const { status } = await ask(asked);
    expect(status.conditions).toMatchObject([{ type: 'Denied', status: 'True', message: expect.stringMatching(why) }]);
    expect(status.certificate).toBeUndefined();
  });
});

test('other signers’ requests are left alone', async () => {
  await withControllers([csrApproving, csrSigning], async () => {
    await api.create(certificateSigningRequests, { metadata: { name: 'csr' }, spec: { signerName: 'example.com/x', request: '' } });
    await settle();
  });
  expect(api.objects(certificateSigningRequests)[0]).not.toHaveProperty('status');
});

test('what a person approves against the signer’s form fails, and is not signed', async () => {
  const request = await makeSigningRequest({ subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] }, key: KEY });
  await withControllers([csrSigning], async () => {
    await api.create(certificateSigningRequests, {
      metadata: { name: 'csr' },
      spec: { signerName: CLIENT, request: Buffer.from(request).toString('base64'), usages: ['client auth'] },
      status: { conditions: [{ type: 'Approved', status: 'True' }] },
    });
    for (let i = 0; i < 400 && isApproved(api.objects(certificateSigningRequests)[0]!); i++) await settle();
  });
  const { status } = api.objects(certificateSigningRequests)[0]!;
  expect(status.conditions?.map(({ type }) => type)).toEqual(['Approved', 'Failed']);
  expect(status.certificate).toBeUndefined();
});

test('a client certificate for anybody whom a person has approved, and for nothing but that', async () => {
  const request = await makeSigningRequest({ subject: { commonName: 'jane', organizations: ['staff'] }, key: KEY });
  const approved = (name: string, usages: readonly string[]) =>
    api.create(certificateSigningRequests, {
      metadata: { name },
      spec: { signerName: 'kubernetes.io/kube-apiserver-client', request: Buffer.from(request).toString('base64'), usages },
      status: { conditions: [{ type: 'Approved', status: 'True' }] },
    });
  await withControllers([csrApproving, csrSigning], async () => {
    await approved('good', ['client auth']);
    await approved('more', ['client auth', 'server auth']);
    for (let i = 0; i < 400 && api.objects(certificateSigningRequests).some(isApproved); i++) await settle();
  });
  const [good, more] = api.objects(certificateSigningRequests);
  const certificate = Buffer.from(good!.status.certificate!, 'base64').toString();
  expect(readCertificate(certificate)).toMatchObject({ commonName: 'jane', organizations: ['staff'] });
  expect(more!.status.conditions?.map(({ type }) => type)).toEqual(['Approved', 'Failed']);
});

test('answered requests go after an hour, unanswered ones after a day', async () => {
  const metadata = (name: string) => ({ name, creationTimestamp: '2026-01-01T00:00:00Z' });
  const conditions = [{ type: 'Denied', status: 'True', lastUpdateTime: '2026-01-01T00:00:00Z' }];
  await withControllers([csrCleaner], async () => {
    await api.create(certificateSigningRequests, { metadata: metadata('denied'), spec: {}, status: { conditions } });
    await api.create(certificateSigningRequests, { metadata: metadata('pending'), spec: {} });
    const left = () => api.objects(certificateSigningRequests).map((csr) => csr.metadata.name);
    await clock.advance(HOUR_ms - 1);
    expect(left()).toEqual(['denied', 'pending']);
    await clock.advance(1);
    expect(left()).toEqual(['pending']);
    await clock.advance(23 * HOUR_ms);
    expect(left()).toEqual([]);
  });
});

test('a token’s Secret goes when it expires; others stay', async () => {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  const secret = (name: string, type: string, expiration?: string) => ({
    metadata: { namespace: 'kube-system', name },
    type,
    data: expiration ? { expiration: encode(expiration) } : {},
  });
  await withControllers([tokenCleaner], async () => {
    await api.create(secrets, secret('short', 'bootstrap.kubernetes.io/token', '2026-01-01T01:00:00Z'));
    await api.create(secrets, secret('endless', 'bootstrap.kubernetes.io/token'));
    await api.create(secrets, secret('odd', 'bootstrap.kubernetes.io/token', 'soon'));
    await api.create(secrets, secret('other', 'Opaque', '2026-01-01T00:00:01Z'));
    const left = () => api.objects(secrets).map(({ metadata }) => metadata.name);
    await clock.advance(HOUR_ms - 1000);
    expect(left()).toHaveLength(4);
    await clock.advance(1000);
    expect(left()).toEqual(['endless', 'odd', 'other']);
  });
});
