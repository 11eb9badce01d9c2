// ~/.kube/config is the person's: our context comes and goes, and not a byte of the rest changes.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Credentials, makeKubeconfig } from '../../../src/cluster/admin-kubeconfig.js';
import { mergeContext, personalKubeconfig, removeContext } from '../../../src/cluster/kubeconfig.js';
import { readKubeconfig } from '../../../src/cluster/read-kubeconfig.js';

const CREDENTIALS: Credentials = { server: 'https://192.0.2.1:6443', ca: 'the CA\n', cert: 'a certificate\n', key: 'a key\n' };
const THEIRS = `# my clusters
apiVersion: v1
kind: Config
preferences: {}
current-context: work   # do not touch
users:
  - name: me
    user:
      token: "abc"
contexts:
  - name: work
    context: { cluster: work, user: me, namespace: team }
clusters:
  - name: work
    cluster:
      server: https://work.example.com
      # the old one was .org
      insecure-skip-tls-verify: true
`;

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'porthole-kubeconfig-'));
  path = join(dir, '.kube', 'config');
});
afterEach(() => rm(dir, { recursive: true }));

const lines = (list: 'clusters' | 'users' | 'contexts', { server, ca, cert, key }: Credentials) => {
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  const fields = {
    clusters: `    cluster:\n      server: ${server}\n      certificate-authority-data: ${base64(ca)}\n`,
    users: `    user:\n      client-certificate-data: ${base64(cert)}\n      client-key-data: ${base64(key)}\n`,
    contexts: '    context:\n      cluster: porthole\n      user: porthole\n',
  };
  return `  - name: porthole\n${fields[list]}`;
};

const theirs = async (text: string) => {
  await mergeContext(path, 'x', CREDENTIALS);
  await writeFile(path, text);
};

test('without a file one is made, for its owner only, and our context is the current one', async () => {
  await mergeContext(path, 'porthole', CREDENTIALS);
  expect(await readKubeconfig(path)).toEqual(CREDENTIALS);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(dir, '.kube'))).mode & 0o777).toBe(0o700);
  expect(await readFile(path, 'utf8')).toContain('current-context: porthole');
});

test('a kubeconfig of our own making reads back', async () => {
  await theirs(makeKubeconfig('porthole', CREDENTIALS));
  expect(await readKubeconfig(path)).toEqual(CREDENTIALS);
});

test('ours goes behind theirs in each list, and nothing else changes', async () => {
  await theirs(THEIRS);
  await mergeContext(path, 'porthole', CREDENTIALS);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, 'utf8')).toBe(
    THEIRS.replace('"abc"\n', (line) => line + lines('users', CREDENTIALS))
      .replace('team }\n', (line) => line + lines('contexts', CREDENTIALS))
      .replace('verify: true\n', (line) => line + lines('clusters', CREDENTIALS)),
  );
  await removeContext(path, 'porthole');
  expect(await readFile(path, 'utf8')).toBe(THEIRS);
});

test('merging twice has one context, with the newest credentials and the namespace that the person set', async () => {
  await theirs(THEIRS);
  await mergeContext(path, 'porthole', CREDENTIALS);
  const text = await readFile(path, 'utf8');
  await writeFile(
    path,
    text.replace(/(cluster: porthole\n\s+user: porthole)/, '$1\n      namespace: dev').replace('work   #', 'porthole #'),
  );
  await mergeContext(path, 'porthole', { ...CREDENTIALS, server: 'https://192.0.2.2:6443' });
  const merged = await readFile(path, 'utf8');
  expect(merged.match(/name: porthole/g)).toHaveLength(3);
  expect(merged).toContain('namespace: dev');
});

test('taking out the current context leaves none; a missing file or context is no error', async () => {
  await mergeContext(path, 'porthole', CREDENTIALS);
  await removeContext(path, 'porthole');
  expect(await readFile(path, 'utf8')).not.toContain('porthole');
  await removeContext(path, 'porthole');
  await removeContext(join(dir, 'none'), 'porthole');
  await expect(stat(join(dir, 'none'))).rejects.toThrow('ENOENT');
});

test('empty lists as kubectl writes them are filled', async () => {
  await theirs('apiVersion: v1\nkind: Config\nclusters: []\ncontexts: null\nusers: []\ncurrent-context: ""\n');
  await mergeContext(path, 'porthole', CREDENTIALS);
  expect(await readKubeconfig(path)).toEqual(CREDENTIALS);
});

test('merging twice alike changes nothing more', async () => {
  await theirs(THEIRS);
  await mergeContext(path, 'porthole', CREDENTIALS);
  const once = await readFile(path, 'utf8');
  await mergeContext(path, 'porthole', CREDENTIALS);
  expect(await readFile(path, 'utf8')).toBe(once);
});

test('bytes that are no UTF-8 are not made into others', async () => {
  await theirs('');
  const bytes = Buffer.concat([Buffer.from('# '), Buffer.from([0xe9]), Buffer.from('\nkind: Config\n')]);
  await writeFile(path, bytes);
  await expect(mergeContext(path, 'porthole', CREDENTIALS)).rejects.toThrow(/UTF-8, so it is left as it is/);
  expect(await readFile(path)).toEqual(bytes);
});

test.each([
  'a: [',
  '- just\n- a list\n',
  'clusters: {}\n',
  'x: &c [{ name: a }]\nclusters: *c\n',
  'x: &c [*c]\nusers: none\n',
])('a file that is no kubeconfig is left alone (%j)', async (text) => {
  await theirs(text);
  await expect(mergeContext(path, 'porthole', CREDENTIALS)).rejects.toThrow(/so it is left as it is/);
  expect(await readFile(path, 'utf8')).toBe(text);
});

test('under sudo it is the file of the person who called, and theirs it stays', async () => {
  expect(await personalKubeconfig({ HOME: '/root' })).toEqual({ path: '/root/.kube/config', owner: undefined });
  expect(await personalKubeconfig({ HOME: '/root', SUDO_USER: 'daemon', SUDO_UID: '1', SUDO_GID: '1' })).toEqual({
    path: '/usr/sbin/.kube/config',
    owner: { uid: 1, gid: 1 },
  });
  if (process.getuid?.() !== 0) return;
  await mergeContext(path, 'porthole', CREDENTIALS, { uid: 1, gid: 1 });
  for (const each of [path, join(dir, '.kube')]) expect(await stat(each)).toMatchObject({ uid: 1, gid: 1 });
});
