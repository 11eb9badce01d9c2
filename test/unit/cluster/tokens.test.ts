// Join tokens: of the documented form, pinned to the CA, kept as Secrets that expire.
import { beforeEach, expect, test } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { makeAuthority, makeKey } from '../../../src/client/certificates.js';
import { parseJoinToken, pinOf } from '../../../src/client/join-token.js';
import { createToken, deleteToken, listTokens } from '../../../src/cluster/tokens.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { ManualClock, MemoryApi } from '../client/fakes.js';

let api: MemoryApi;
let clock: ManualClock;
beforeEach(() => {
  api = new MemoryApi();
  clock = new ManualClock();
});

async function create(ttl_ms: number, description?: string) {
  const random = systemRandom;
  const ca = await makeAuthority({ commonName: 'kubernetes', key: makeKey(), now_ms: systemClock.now(), validFor_ms: 1e9, random });
  const token = await createToken({ client: api, ca, ttl_ms, clock, random, ...(description && { description }) });
  return { ca, token };
}

test('a token pins the CA and is stored as upstream stores it', async () => {
  const { ca, token } = await create(3600_000, 'for node 7');
  const { id, secret, pin } = parseJoinToken(token);
  expect(pin).toBe(pinOf(ca));
  const [stored] = api.objects(secrets);
  expect(stored).toMatchObject({
    metadata: { namespace: 'kube-system', name: `bootstrap-token-${id}` },
    type: 'bootstrap.kubernetes.io/token',
  });
  const data = Object.fromEntries(Object.entries(stored!.data!).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
  expect(data).toEqual({
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    expiration: '2026-01-01T01:00:00Z',
    description: 'for node 7',
  });
});

test('tokens are listed and deleted by id; one without an end has no expiration', async () => {
  const { token } = await create(0);
  const [id] = token.split('.');
  expect(await listTokens(api)).toEqual([{ id, description: '' }]);
  await deleteToken(api, id!);
  expect(await listTokens(api)).toEqual([]);
  await expect(deleteToken(api, id!)).rejects.toMatchObject({ code: 404 });
});

test.each([
  '',
  'abcdef.0123456789abcdef',
  'abcdef.0123456789abcdef:xyz',
  'ABCDEF.0123456789abcdef:'.padEnd(88, '0'),
])('%j is no join token, and the error says what one is', (text) => {
  expect(() => parseJoinToken(text)).toThrow(/the token is malformed.*porthole token create/);
});
