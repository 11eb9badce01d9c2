// Kubeconfigs as kubectl writes them: who is meant, with what is in the file or in files beside it; and what is said where that is not enough.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readKubeconfig } from '../../../src/cluster/read-kubeconfig.js';

const SERVER = 'https://192.0.2.1:6443';
const data = (text: string) => Buffer.from(text).toString('base64');
const CLUSTER = { server: SERVER, 'certificate-authority-data': data('the CA\n') };

let directory: string;
let path: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'porthole-read-kubeconfig-'));
  path = join(directory, 'config');
  const files = { 'ca.crt': 'another CA\n', 'dev.crt': 'a certificate\n', 'dev.key': 'a key\n', token: 'from a file\n' };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
});
afterAll(() => rm(directory, { recursive: true }));

async function read(cluster: object, user: object, context: object = {}) {
  const named = { cluster: 'c', user: 'u', ...context };
  const config = {
    'current-context': 'x',
    clusters: [{ name: 'other' }, { name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: named }],
  };
  await writeFile(path, stringify(config));
  return readKubeconfig(path);
}

const WHO = { server: SERVER, ca: 'the CA\n' };
const CERTIFIED = { 'client-certificate-data': data('c\n'), 'client-key-data': data('k\n') };

it.each<[string, object, object, object, object]>([
  ['a certificate in it', CLUSTER, CERTIFIED, {}, { ...WHO, cert: 'c\n', key: 'k\n' }],
  [
    'files beside it',
    { server: SERVER, 'certificate-authority': 'ca.crt' },
    { 'client-certificate': 'dev.crt', 'client-key': './dev.key' },
    {},
    { server: SERVER, ca: 'another CA\n', cert: 'a certificate\n', key: 'a key\n' },
  ],
  ['data rather than files', { ...CLUSTER, 'certificate-authority': 'none' }, CERTIFIED, {}, { ...WHO, cert: 'c\n', key: 'k\n' }],
  ['a token', CLUSTER, { token: 'abc' }, {}, { ...WHO, token: 'abc' }],
  ['the token of a file rather than one in it', CLUSTER, { token: 'abc', tokenFile: 'token' }, {}, { ...WHO, token: 'from a file' }],
  ['the namespace that was set', CLUSTER, { token: 'abc' }, { namespace: 'team' }, { ...WHO, token: 'abc', namespace: 'team' }],
])('has %s', async (_, cluster, user, context, expected) => {
  expect(await read(cluster, user, context)).toEqual(expected);
});

it.each<[string, object, object, string]>([
  ['no authority', { server: SERVER }, CERTIFIED, 'its current context has no cluster with a server and a certificate authority'],
  ['no key', CLUSTER, { 'client-certificate': 'dev.crt' }, 'its current context has no user with a client certificate and key, or a token'],
  ['a program', CLUSTER, { exec: { command: 'login' } }, 'its user is made by a program, which is not run here'],
])('says that there is %s', async (_, cluster, user, message) => {
  await expect(read(cluster, user)).rejects.toThrow(`${path}: ${message}`);
});

it('names a file that cannot be read', async () => {
  const gone = { 'client-certificate': 'gone.crt', 'client-key': 'dev.key' };
  await expect(read(CLUSTER, gone)).rejects.toThrow(`${path}: ${directory}/gone.crt, which it names, cannot be read: ENOENT`);
});

it('says of an empty one that its context is missing', async () => {
  await writeFile(path, '');
  await expect(readKubeconfig(path)).rejects.toThrow(`${path}: its current context has no cluster`);
});
