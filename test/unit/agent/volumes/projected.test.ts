// What a projected volume puts into its directory, of whatever it is made of.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isMounted, unmountBelow } from '../../../../agent/volumes/mount.js';
import projected from '../../../../agent/volumes/projected.js';
import type { VolumeContext } from '../../../../agent/volumes/volume.js';
import type { Pod, Volume } from '../../../../src/kinds/types/core_v1.js';

let root: string;
let directory: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'porthole-test-projected-'));
  directory = join(root, 'volume');
});
afterEach(async () => {
  await unmountBelow(root);
  rmSync(root, { recursive: true, force: true });
});

const pod = { metadata: { name: 'p', namespace: 'dev', uid: 'u1', labels: {} }, spec: { containers: [] } } as unknown as Pod;
const asked: unknown[] = [];
const contextOf = (token = 'token-1') =>
  ({
    pod,
    directory,
    node: { name: 'n', ips: [], memory_bytes: 1 << 20, allocatable: new Map() },
    sources: {
      configMap: async (_: string, name: string) => (name === 'settings' ? { data: { a: 'from map', b: 'left out' } } : undefined),
      secret: async () => ({ data: { key: Buffer.from('from secret').toString('base64') } }),
      serviceAccountToken: async (_: Pod, wish: object) => {
        asked.push(wish);
        return token;
      },
    },
    warn: () => undefined,
  }) as unknown as VolumeContext;
const volume = (...sources: object[]) => ({ name: 'v', projected: { defaultMode: 0o640, sources } }) as unknown as Volume;
const read = (path: string) => readFileSync(join(directory, path), 'utf8');

it('is files of ConfigMaps, Secrets, the pod and a token, each in its place and mode', async () => {
  const wanted = volume(
    { serviceAccountToken: { path: 'token', expirationSeconds: 3607, audience: 'vault' } },
    { configMap: { name: 'settings', items: [{ key: 'a', path: 'sub/a' }] } },
    { secret: { name: 's', items: [{ key: 'key', path: 'key', mode: 0o400 }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
  );
  expect(await projected.setUp(wanted, contextOf())).toBe(directory);
  expect(['token', 'sub/a', 'key', 'namespace'].map(read)).toEqual(['token-1', 'from map', 'from secret', 'dev']);
  expect(asked).toEqual([{ audience: 'vault', expirationSeconds: 3607 }]);
  const mode = (path: string) => statSync(join(directory, path)).mode & 0o777;
  expect([mode('token'), mode('key')]).toEqual([0o640, 0o400]);
  await projected.setUp(wanted, contextOf('token-2'));
  expect(read('token')).toBe('token-2');
  // Secrets are never written to a disk.
  expect(await isMounted(directory)).toBe(true);
});

it('takes the later of two files of one path', async () => {
  const item = (path: string) => ({ downwardAPI: { items: [{ path: 'x', fieldRef: { fieldPath: path } }] } });
  await projected.setUp(volume(item('metadata.name'), item('metadata.uid')), contextOf());
  expect(read('x')).toBe('u1');
});

it.each([
  ['a ConfigMap that is not there', { configMap: { name: 'none' } }, 'configmap "none" not found'],
  [
    'what this node cannot do',
    { clusterTrustBundle: { path: 'x' } },
    'projected source "clusterTrustBundle" is not supported by this node',
  ],
  ['a way out', { serviceAccountToken: { path: '../token' } }, "must be relative, and not begin with '..'"],
])('is not set up with %s', async (_, source, why) => {
  await expect(projected.setUp(volume(source), contextOf())).rejects.toThrow(why);
});

it('goes without an optional ConfigMap', async () => {
  await projected.setUp(volume({ configMap: { name: 'none', optional: true } }, { serviceAccountToken: { path: 'token' } }), contextOf());
  expect(read('token')).toBe('token-1');
});
