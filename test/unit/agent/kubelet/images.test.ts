// Images without an engine: which credentials go to which registry, whose turn it is to pull, and who may use what is here already.
import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../../../agent/config/load.js';
import { formatSpan } from '../../../../agent/kubelet/image-manager.js';
import { credentialsFor, credentialsOf, type PullCredential, pullSecrets } from '../../../../agent/kubelet/pull-secrets.js';
import { PullTurns } from '../../../../agent/kubelet/pull-turns.js';
import { PulledImages } from '../../../../agent/kubelet/pulled-images.js';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import type { JsonObject } from '../../../../src/apimachinery/json.js';
import type { Secret } from '../../../../src/kinds/types/core_v1.js';
import { pod } from './fixtures.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function secret(name: string, key: string, content: unknown): Secret {
  const data = { [key]: base64(typeof content === 'string' ? content : JSON.stringify(content)) };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'shop', uid: `uid-${name}` }, data } as never;
}

describe('credentials', () => {
  const entry = { auth: base64('me:se:cret') };

  it('are read from both kinds of Secrets, and from no nonsense', () => {
    const wanted = [
      { auth: { username: 'me', password: 'se:cret', serveraddress: 'r.example' }, secret: { name: 's', namespace: 'shop', uid: 'uid-s' } },
    ];
    expect(credentialsOf(secret('s', '.dockerconfigjson', { auths: { 'r.example': entry } }))).toMatchObject(wanted);
    expect(credentialsOf(secret('s', '.dockercfg', { 'r.example': { username: 'me', password: 'se:cret' } }))).toMatchObject(wanted);
    for (const bad of ['{', '[]', '"text"', '{"auths":3}'])
      expect(credentialsOf(secret('s', '.dockerconfigjson', bad)), bad).toBeUndefined();
    expect(credentialsOf(secret('s', 'other', {}))).toBeUndefined();
  });

  it('of Secrets that are missing are told', async () => {
    const there = secret('there', '.dockerconfigjson', { auths: { 'r.example': entry } });
    const spec = { imagePullSecrets: [{ name: 'there' }, { name: 'gone' }, {}] };
    const found = await pullSecrets(pod(spec as never), { secret: async (_namespace, name) => (name === 'there' ? there : undefined) });
    expect(found).toMatchObject({ credentials: [{ secret: { name: 'there' } }], missing: ['gone'] });
  });

  it.each([
    ['app', ['https://index.docker.io/v1/', 'docker.io']],
    ['team/app:1', ['https://index.docker.io/v1/', 'docker.io']],
    ['docker.io/team/app@sha256:abc', ['https://index.docker.io/v1/', 'docker.io']],
    ['r.example/team/app:1', ['r.example/team', 'r.example', '*.example']],
    ['r.example/teams/app:1', ['r.example', '*.example']],
    ['r.example:5000/team/app', ['http://r.example:5000']],
    ['a.r.example/app', []],
    ['r.example.evil/app', []],
  ])('for %s are %j', (image, wanted) => {
    const registries = [
      'https://index.docker.io/v1/',
      'docker.io',
      'r.example',
      'r.example/team',
      '*.example',
      'http://r.example:5000',
      'other.example:5000',
    ];
    const all = credentialsOf(secret('s', '.dockerconfigjson', { auths: Object.fromEntries(registries.map((name) => [name, entry])) }))!;
    expect(credentialsFor(image, all).map(({ auth }) => auth.serveraddress)).toEqual(wanted);
  });
});

describe('turns', () => {
  const turns = (configuration: JsonObject) => new PullTurns(readSettings({ registryPullQPS: 0, ...configuration }), systemClock);
  const { signal } = new AbortController();

  /** The most at once of five pulls. */
  async function together(configuration: JsonObject): Promise<number> {
    const pulls = turns(configuration);
    let [now, most] = [0, 0];
    const pull = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
    };
    await Promise.all(Array.from({ length: 5 }, () => pulls.run(signal, pull)));
    return most;
  }

  it('are taken at once, one after the other, or some at once', async () => {
    expect(await together({})).toBe(5);
    expect(await together({ serializeImagePulls: true })).toBe(1);
    expect(() => turns({ serializeImagePulls: true, maxParallelImagePulls: 2 })).toThrow('maxParallelImagePulls cannot be larger than 1');
    expect(await together({ maxParallelImagePulls: 2 })).toBe(2);
  });

  it('are given on when a pull fails, or nobody waits for it any more', async () => {
    const pulls = turns({ serializeImagePulls: true });
    const leaving = new AbortController();
    const results = Promise.allSettled([
      pulls.run(signal, () => new Promise((_, reject) => setImmediate(() => reject(new Error('refused'))))),
      pulls.run(leaving.signal, async () => 'never'),
      pulls.run(signal, async () => 'pulled'),
    ]);
    leaving.abort(new Error('the pod is gone'));
    expect((await results).map((result) => (result.status === 'fulfilled' ? result.value : (result.reason as Error).message))).toEqual([
      'refused',
      'the pod is gone',
      'pulled',
    ]);
  });

  it('come at no more than the rate', async () => {
    const pulls = turns({ registryPullQPS: 50, registryBurst: 2 });
    const began_ms = performance.now();
    await Promise.all(Array.from({ length: 6 }, () => pulls.run(signal, async () => undefined)));
    // Two at once, and four more a fiftieth of a second apart.
    expect(performance.now() - began_ms).toBeGreaterThan(70);
  });
});

describe('an image that is here', () => {
  const directories: string[] = [];
  afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  });
  function images(configuration: JsonObject = {}, directory = mkdtempSync(join(tmpdir(), 'pulled-'))): PulledImages {
    directories.push(directory);
    return new PulledImages(directory, readSettings(configuration));
  }
  const credential = (name: string, password = 'p', uid = `uid-${name}`): PullCredential => ({
    auth: { username: 'u', password, serveraddress: 'r.example' },
    secret: { namespace: 'shop', name, uid },
    hash: `hash-${password}`,
  });
  const [ID, IMAGE] = ['sha256:1', 'r.example/team/app:1'];

  it('is anybody’s where nobody pulled it, or it was pulled without credentials', async () => {
    const pulled = images();
    expect(await pulled.mayUse(ID, IMAGE, [])).toBe(true);
    await pulled.begin(IMAGE);
    await pulled.end(ID, IMAGE, undefined);
    expect(await pulled.mayUse(ID, IMAGE, [])).toBe(true);
  });

  it('is only for who has the Secret, or its contents, where it was pulled with one', async () => {
    const pulled = images();
    await pulled.end(ID, IMAGE, credential('a'));
    expect(await pulled.mayUse(ID, IMAGE, [])).toBe(false);
    expect(await pulled.mayUse(ID, IMAGE, [credential('b', 'other')])).toBe(false);
    expect(await pulled.mayUse(ID, IMAGE, [credential('b')])).toBe(true);
    expect(await pulled.mayUse(ID, IMAGE, [credential('a', 'rotated')])).toBe(true);
    // The same image in another repository says nothing of this one.
    expect(await pulled.mayUse(ID, 'r.example/other/app:1', [credential('a')])).toBe(false);
  });

  it('keeps all who have shown that they may, across agents', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pulled-'));
    await images({}, directory).end(ID, IMAGE, credential('a', 'one'));
    await images({}, directory).end(ID, IMAGE, credential('b', 'two'));
    const later = images({}, directory);
    for (const password of ['one', 'two']) expect(await later.mayUse(ID, IMAGE, [credential('c', password)])).toBe(true);
  });

  it('is nobody’s where an agent was killed while it was pulled', async () => {
    const pulled = images();
    await pulled.begin(IMAGE);
    expect(await pulled.mayUse(ID, IMAGE, [])).toBe(false);
    await pulled.failed(IMAGE);
    expect(await pulled.mayUse(ID, IMAGE, [])).toBe(true);
  });

  it.each([
    ['NeverVerify', [], true, true],
    ['NeverVerifyPreloadedImages', [], true, false],
    ['NeverVerifyAllowlistedImages', ['r.example/team/*'], true, false],
    ['NeverVerifyAllowlistedImages', ['r.example/team'], false, false],
    ['AlwaysVerify', [], false, false],
  ])('by policy %s %j: preloaded %s, pulled by others %s', async (policy, allowlist, preloaded, others) => {
    const pulled = images({ imagePullCredentialsVerificationPolicy: policy, preloadedImagesVerificationAllowlist: allowlist });
    expect(await pulled.mayUse(ID, IMAGE, [])).toBe(preloaded);
    await pulled.end(ID, IMAGE, credential('a'));
    expect(await pulled.mayUse(ID, IMAGE, [])).toBe(others);
  });

  it('is forgotten when the node has it no more', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pulled-'));
    const pulled = images({}, directory);
    await pulled.end(ID, IMAGE, credential('a'));
    await pulled.end('sha256:2', IMAGE, credential('a'));
    for (const file of readdirSync(join(directory, 'pulled'))) utimesSync(join(directory, 'pulled', file), 1, 1);
    await pulled.end('sha256:3', IMAGE, credential('a'));
    await pulled.prune(new Set([ID]), Date.now() - 60_000);
    // The third came after it was looked which images there are.
    expect(readdirSync(join(directory, 'pulled'))).toHaveLength(2);
  });
});

it('writes spans as Go does', () => {
  expect([0.4, 308.2, 1234, 60_000, 61_500].map(formatSpan)).toEqual(['0ms', '308ms', '1.234s', '1m0s', '1m1.5s']);
});
