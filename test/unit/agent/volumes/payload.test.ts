// Files from the API in a volume: written as one, replaced as one.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { keysToPayload, safePath, writePayload } from '../../../../agent/volumes/payload.js';

const directory = mkdtempSync(join(tmpdir(), 'porthole-payload-'));
afterAll(() => rmSync(directory, { recursive: true }));

const payload = (files: { readonly [path: string]: string }, mode = 0o644) =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));
const read = (path: string) => readFileSync(join(directory, path), 'utf8');

it('are all new or all old, and stay untouched when nothing changed', async () => {
  writePayload(directory, payload({ a: '1', 'b/c': '2' }, 0o666), undefined);
  expect([read('a'), read('b/c')]).toEqual(['1', '2']);
  expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o666);
  const before = statSync(join(directory, 'a')).ino;
  writePayload(directory, payload({ a: '1', 'b/c': '2' }), undefined);
  expect(statSync(join(directory, 'a')).ino).toBe(before);
  writePayload(directory, payload({ a: '9', d: '3' }), undefined);
  expect([read('a'), read('d')]).toEqual(['9', '3']);
  expect(readdirSync(directory).filter((name) => !name.startsWith('..'))).toEqual(['a', 'd']);
  expect(readdirSync(directory).filter((name) => /^\.\.\d/.test(name))).toHaveLength(1);
});

it('are the keys asked for', () => {
  const data = new Map([['k', Buffer.from('v')]]);
  expect([...keysToPayload(data, {}, 'config')]).toEqual([['k', { data: Buffer.from('v'), mode: 0o644 }]]);
  expect([...keysToPayload(data, { items: [{ key: 'k', path: 'x/y', mode: 0o400 }], defaultMode: 0o600 }, 'config').keys()]).toEqual([
    'x/y',
  ]);
  expect(() => keysToPayload(data, { items: [{ key: 'none', path: 'x' }], optional: false }, 'config')).toThrow(
    'references non-existent config key: none',
  );
});

it.each(['/etc/passwd', '../x', 'a/../../x', '', '..data/x'])('never lie outside of the volume: %s', (path) => {
  expect(() => safePath(path)).toThrow('must be relative');
});
