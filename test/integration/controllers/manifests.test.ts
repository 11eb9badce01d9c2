// A folder of manifests on a real API server: what is in it is there, what no longer is goes, and each file's AddOn tells how it stands.
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { isStatus } from '../../../src/apimachinery/status.js';
import { createEventRecorder } from '../../../src/client/event-recorder.js';
import { createInformers } from '../../../src/client/informers.js';
import { addOns } from '../../../src/cluster/manifests/addon.js';
import { addOnName } from '../../../src/cluster/manifests/documents.js';
import { startManifests } from '../../../src/cluster/manifests/manifests.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { defineKind, type Kind } from '../../../src/kinds/define.js';
import type { ConfigMap } from '../../../src/kinds/types/core_v1.js';
import { ADMIN, startTestServer, type TestServer } from '../../suites/apiserver.js';
import { until } from '../../suites/until.js';

let api: TestServer;
let path: string;
let running: { stop(): Promise<void> } | undefined;
let tests = 0;

beforeAll(async () => {
  api = await startTestServer();
});
afterAll(() => api?.stop());

beforeEach(async () => {
  tests++;
  path = join(await mkdtemp(join(tmpdir(), 'manifests-')), 'manifests');
});
afterEach(async () => {
  await stop();
  await rm(dirname(path), { recursive: true });
});

/** Each test is a server of its own: none takes what others have left for its own. */
async function start(server = `server-${tests}`, folder = path): Promise<void> {
  const base = { client: api.client, clock: systemClock, random: systemRandom, log: silentLogger };
  const informers = createInformers(base);
  const events = createEventRecorder({ ...base, component: 'manifests' });
  const manifests = await startManifests({ ...base, path: folder, server, transport: api.server.transport(ADMIN), informers, events });
  running = {
    async stop() {
      await manifests.stop();
      informers.stop();
    },
  };
}

async function stop(): Promise<void> {
  await running?.stop();
  running = undefined;
}

const put = async (file: string, text: string) => {
  await mkdir(dirname(join(path, file)), { recursive: true });
  await writeFile(join(path, file), text);
};
const take = (file: string) => rm(join(path, file));
const map = (name: string, value: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: ${value}\n`;
const found = async <T extends KubeObject>(kind: Kind<T>, name: string, namespace: string | undefined = 'default') => {
  try {
    return await api.client.get(kind, kind.namespaced ? { namespace, name } : { name });
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
};
const valueIn = async (name: string) => (await found<ConfigMap>(configMaps, name))?.data?.['value'];
const becomes = (name: string, value: string | undefined) => until(`${name} is ${value}`, async () => (await valueIn(name)) === value);
const addOn = (name: string) => found(addOns, name, 'kube-system');
const state = async (name: string) => {
  const condition = (await addOn(name))?.status?.conditions?.[0];
  return condition && `${condition.status} ${condition.reason}: ${condition.message}`;
};
const stands = (name: string, how: string) => until(`${name}: ${how}`, async () => (await state(name))?.includes(how) ?? false);

test('files are applied, changed ones again, and what is no longer in them, or they themselves, is pruned', async () => {
  await put('apps/web.yaml', `${map('a', 'one')}--- # the second\n${map('b', 'one')}`);
  await start();
  await becomes('a', 'one');
  await becomes('b', 'one');
  const name = addOnName('apps/web.yaml');
  expect(name).toMatch(/^apps-web-[0-9a-f]{8}$/);
  await stands(name, 'True AppliedManifest: 2 objects are as the manifest says');
  expect((await addOn(name))!.spec.source).toBe('apps/web.yaml');
  await put('apps/web.yaml', map('a', 'two'));
  await becomes('a', 'two');
  await becomes('b', undefined);
  await put(
    'more.json',
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'dev' } }] }),
  );
  await until('the namespace is there', async () => (await found(namespaces, 'dev')) !== undefined);
  await take('apps/web.yaml');
  await becomes('a', undefined);
  await until('its AddOn is gone', async () => (await addOn(name)) === undefined);
});

test('what is deleted by hand comes back; what is changed by hand stays until the file changes', async () => {
  await put('web.yaml', map('a', 'one'));
  await start();
  await becomes('a', 'one');
  await stands('web', 'True');
  await api.client.delete(configMaps, { namespace: 'default', name: 'a' });
  await becomes('a', 'one');
  await stands('web', 'True');
  await api.client.patch(configMaps, { namespace: 'default', name: 'a' }, 'application/merge-patch+json', {
    data: { value: 'mine', other: 'kept' },
  });
  await put('other.yaml', map('other', 'one'));
  await becomes('other', 'one');
  expect(await valueIn('a')).toBe('mine');
  await put('web.yaml', map('a', 'three'));
  await becomes('a', 'three');
  expect((await found<ConfigMap>(configMaps, 'a'))!.data).toEqual({ value: 'three', other: 'kept' });
  await api.client.delete(addOns, { namespace: 'kube-system', name: 'web' });
  await stands('web', 'True');
});

test('a broken file says what is wrong and stops no other, and what it had stays until it is mended', async () => {
  await put('broken.yaml', map('kept', 'one'));
  await start();
  await becomes('kept', 'one');
  await put('broken.yaml', 'apiVersion: v1\nkind: [\n');
  await put('half.yaml', `${map('Bad_Name', 'x')}---\n${map('good', 'one')}`);
  await put('nameless.yaml', 'apiVersion: v1\nkind: ConfigMap\n');
  await put('whole.yaml', map('whole', 'one'));
  await becomes('whole', 'one');
  await becomes('good', 'one');
  await stands('broken', 'False ApplyManifestFailed: error converting YAML to JSON: yaml: line');
  await stands('half', 'False ApplyManifestFailed: ConfigMap default/Bad_Name:');
  await stands('nameless', 'metadata.name of a ConfigMap is missing');
  expect(await valueIn('kept')).toBe('one');
  await put('broken.yaml', map('mended', 'one'));
  await becomes('mended', 'one');
  await becomes('kept', undefined);
});

test('a definition and an object of its kind, in one file or two, come together in the end', async () => {
  const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: toys, kind: Toy, singular: toy, listKind: ToyList}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`;
  const toy = (name: string) => `apiVersion: example.com/v1\nkind: Toy\nmetadata: {name: ${name}}\n`;
  const toys = defineKind({ group: 'example.com', version: 'v1', kind: 'Toy', plural: 'toys', namespaced: true, schema: '' });
  await put('a-early.yaml', toy('early'));
  await put('b-both.yaml', `${toy('own')}---\n${definition}`);
  await start();
  for (const name of ['early', 'own']) await until(`toy ${name} is there`, async () => (await found(toys, name)) !== undefined);
  await stands('a-early', 'True');
  await stands('b-both', 'True');
  await take('b-both.yaml');
  await until('all toys are gone', async () => (await found(toys, 'own')) === undefined && (await found(toys, 'early')) === undefined);
  await stands('a-early', 'False ApplyManifestFailed: Toy early: no matches for kind "Toy" in version "example.com/v1"');
});

test('an object that moves to another file is not deleted in between; skipped files are left as they are', async () => {
  await put('a.yaml', `${map('mover', 'one')}---\n${map('stayer', 'one')}`);
  await put('skipped.yaml', map('skipped', 'one'));
  await put('skipped.yaml.skip', '');
  await start();
  await becomes('mover', 'one');
  await stands('a', 'True');
  expect(await valueIn('skipped')).toBeUndefined();
  const { uid } = (await found(configMaps, 'mover'))!.metadata;
  await put('b.yaml', map('mover', 'two'));
  await put('a.yaml', map('stayer', 'one'));
  await becomes('mover', 'two');
  await stands('b', 'True');
  await rename(join(path, 'b.yaml'), join(path, 'c.yaml'));
  await stands('c', 'True');
  await until('b is gone', async () => (await addOn('b')) === undefined);
  expect((await found(configMaps, 'mover'))!.metadata.uid).toBe(uid);
  await take('skipped.yaml.skip');
  await becomes('skipped', 'one');
  await put('skipped.yaml.skip', '');
  await put('skipped.yaml', map('skipped', 'two'));
  await put('last.yaml', map('last', 'one'));
  await becomes('last', 'one');
  expect(await valueIn('skipped')).toBe('one');
});

test('files that went while nobody looked are pruned at the next start, but never those of another server, nor those of a folder that is gone', async () => {
  await put('old.yaml', map('old', 'one'));
  await put('new.yaml', map('new', 'one'));
  await start();
  await becomes('old', 'one');
  await stands('new', 'True');
  await stop();
  await take('old.yaml');
  const elsewhere = `${path}-elsewhere`;
  await mkdir(elsewhere);
  await writeFile(join(elsewhere, 'its.yaml'), map('its', 'one'));
  await start('elsewhere', elsewhere);
  await stands('its', 'True');
  await stop();
  expect([await valueIn('old'), await valueIn('new')]).toEqual(['one', 'one']);
  await start();
  await becomes('old', undefined);
  expect(await valueIn('new')).toBe('one');
  await rename(path, `${path}-gone`);
  await put('../manifests-gone/new.yaml', map('new', 'unseen'));
  await stop();
  expect(await valueIn('new')).toBe('one');
});
