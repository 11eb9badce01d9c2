// The lines of `porthole etcd log`.
import { expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import type { Operation } from '../../../src/etcd/backend.js';
import { changesSince } from '../../../src/etcd/changes.js';
import { describeChange, textOfKey } from '../../../src/etcd/describe-change.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';

const put = (key: string, value: unknown, lease?: bigint): Operation => ({
  type: 'put',
  key,
  value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  ...(lease && { lease }),
});

async function history() {
  const backend = await createMemoryBackend({ clock: systemClock });
  const write = (...success: Operation[]) => backend.txn({ compare: [], success, failure: [] });
  await backend.leaseGrant(60, 0x7fn);
  await write(put('/a', { spec: { n: 1 }, status: { ready: false, ip: 'x' } }));
  await write(put('/a', { spec: { n: 2 }, status: { ready: true, ip: 'x' } }), put('/b', 'text', 0x7fn));
  await write({ type: 'delete', key: '/a' });
  await write(put('/b', 'other'));
  return backend;
}

it('tells what changed at each revision, and in JSON which fields', async () => {
  const backend = await history();
  const lines: string[] = [];
  for await (const change of changesSince(backend, { prefix: '/' })) lines.push(describeChange(change).replaceAll('\t', ' '));
  expect(lines).toEqual([
    '2 create /a version 1, 50 bytes',
    '3 update /a version 2, 49 bytes: spec.n, status.ready',
    '3 create /b version 1, 4 bytes, lease 7f',
    '4 delete /a',
    '5 update /b version 2, 5 bytes',
  ]);
  await backend.close();
});

it('begins where it is told, takes only a prefix, and ends where nothing more is about it', async () => {
  const backend = await history();
  const keys = async (request: { prefix: string; since?: number }) => {
    const found: string[] = [];
    for await (const { kv } of changesSince(backend, request)) found.push(`${kv.key}@${kv.modRevision}`);
    return found;
  };
  expect(await keys({ prefix: '/a', since: 3 })).toEqual(['/a@3', '/a@4']);
  expect(await keys({ prefix: '/none' })).toEqual([]);
  expect(await keys({ prefix: '', since: 99 })).toEqual([]);
  await backend.compact(4);
  expect(await keys({ prefix: '' })).toEqual(['/a@4', '/b@5']);
  await expect(keys({ prefix: '', since: 2 })).rejects.toThrow('required revision has been compacted');
  await backend.close();
});

it('quotes keys that cannot be read', () => {
  expect(textOfKey('/registry/pods')).toBe('/registry/pods');
  expect(textOfKey(Buffer.from('/köln').toString('latin1'))).toBe('/köln');
  expect(textOfKey('a\0b')).toBe('"a\\u0000b"');
  expect(textOfKey('\xff')).toBe('"ÿ"');
});
