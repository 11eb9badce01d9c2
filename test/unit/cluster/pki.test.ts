// The cluster's certificates: made once, kept, re-made when an address is new or the end is near, and never readable by others.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { belongsTogether, readCertificate } from '../../../src/client/certificates.js';
import { ensurePki, type PkiOptions } from '../../../src/cluster/pki.js';

const DAY_ms = 24 * 3600_000;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'porthole-pki-'));
});
afterEach(() => rm(dir, { recursive: true }));

const ensure = (more: Partial<PkiOptions> = {}) =>
  ensurePki({
    dir: join(dir, 'pki'),
    altNames: ['192.0.2.7', 'api.example.com'],
    serviceIp: '10.96.0.1',
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    ...more,
  });
const later = (days: number): Clock => ({ ...systemClock, now: () => systemClock.now() + days * DAY_ms });

test('the serving certificate has every name that the API is reached by, and comes with the CA', async () => {
  const pki = await ensure();
  const { altNames } = readCertificate(pki.apiserver.cert);
  expect(altNames.dns).toEqual(
    expect.arrayContaining(['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local']),
  );
  expect(altNames.dns).toEqual(expect.arrayContaining(['localhost', 'api.example.com']));
  expect(altNames.ips).toEqual(expect.arrayContaining(['10.96.0.1', '127.0.0.1', '::1', '192.0.2.7']));
  expect(pki.apiserver.cert.endsWith(pki.ca.cert)).toBe(true);
  expect(belongsTogether(pki.apiserver.cert, pki.apiserver.key, pki.ca.cert)).toBe(true);
});

test('the admin and the API server as kubelets know it are users by certificate', async () => {
  const pki = await ensure();
  expect(readCertificate(pki.admin.cert)).toMatchObject({ commonName: 'kubernetes-admin', organizations: ['system:masters'] });
  expect(readCertificate(pki.kubeletClient.cert)).toMatchObject({ commonName: 'kube-apiserver-kubelet-client' });
});

test('files are their owner’s only', async () => {
  await ensure();
  const files = (await readdir(join(dir, 'pki'), { recursive: true })).filter((name) => name !== 'etcd');
  const names = ['admin', 'apiserver', 'apiserver-etcd-client', 'apiserver-kubelet-client', 'ca', 'controller-manager', 'scheduler'];
  names.push('etcd/ca', 'etcd/healthcheck-client', 'etcd/server', 'front-proxy-ca', 'front-proxy-client');
  expect(files.sort()).toEqual([...names.flatMap((name) => [`${name}.crt`, `${name}.key`]), 'sa.key', 'sa.pub'].sort());
  for (const file of files) expect((await stat(join(dir, 'pki', file))).mode & 0o777).toBe(0o600);
});

test('a second start keeps them all', async () => {
  expect(await ensure()).toEqual(await ensure());
});

test('a new address re-makes the serving certificate only', async () => {
  const before = await ensure();
  const after = await ensure({ altNames: ['192.0.2.8'] });
  expect(after.ca).toEqual(before.ca);
  expect(after.admin).toEqual(before.admin);
  expect(readCertificate(after.apiserver.cert).altNames.ips).toContain('192.0.2.8');
});

test('less than 30 days before the end all but the CA are made anew', async () => {
  const before = await ensure();
  expect(await ensure({ clock: later(330) })).toEqual(before);
  const after = await ensure({ clock: later(336) });
  expect(after.ca).toEqual(before.ca);
  expect(after.apiserver).not.toEqual(before.apiserver);
  expect(after.admin).not.toEqual(before.admin);
});

test('a start that was killed between key and certificate is made good by the next', async () => {
  const before = await ensure();
  await rm(join(dir, 'pki', 'admin.crt'));
  await writeFile(join(dir, 'pki', '.admin.crt.tmp'), 'half');
  const after = await ensure();
  expect(after.ca).toEqual(before.ca);
  expect(belongsTogether(after.admin.cert, after.admin.key, after.ca.cert)).toBe(true);
});

test('a CA that was lost in part is not replaced behind the cluster’s back', async () => {
  const before = await ensure();
  await rm(join(dir, 'pki', 'ca.key'));
  await expect(ensure()).rejects.toThrow(/ca\.crt and ca\.key do not belong together: restore them/);
  expect(await readFile(join(dir, 'pki', 'ca.crt'), 'utf8')).toBe(before.ca.cert);
});
