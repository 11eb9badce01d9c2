// Tokens that were once made for every ServiceAccount: marked when nobody has used them for long, and later deleted; all others stay.
import { expect, test } from 'vitest';
import { fateOf } from '../../../src/controllers/legacytokencleaner.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import type { Secret } from '../../../src/kinds/types/core_v1.js';
import { TOKEN_TRACKING } from '../../../src/kinds/wellknown.js';
import { useControlPlane } from './control-plane.js';

const plane = useControlPlane();
const [DAY_ms, YEAR_ms] = [86_400_000, 365 * 86_400_000];
const secret = (labels: object = {}, creationTimestamp = '2020-01-01T00:00:00Z'): Secret =>
  ({ metadata: { name: 'robot-token', namespace: 'default', labels, creationTimestamp } }) as Secret;
const used = (day: string) => ({ 'kubernetes.io/legacy-token-last-used': day });
const invalid = (day: string) => ({ 'kubernetes.io/legacy-token-invalid-since': day });

test.each([
  ['never used, long tracked', secret(), '2020-06-01', 'mark'],
  ['not tracked for a year yet', secret(), '2025-06-01', { wait_ms: 151 * DAY_ms }],
  ['made not a year ago', secret({}, '2025-12-31T00:00:00Z'), '2020-06-01', { wait_ms: 364 * DAY_ms }],
  ['used long ago', secret(used('2024-12-31')), '2020-06-01', 'mark'],
  ['used lately', secret(used('2025-12-31')), '2020-06-01', { wait_ms: 364 * DAY_ms }],
  ['marked lately', secret(invalid('2025-12-31')), '2020-06-01', { wait_ms: 364 * DAY_ms }],
  ['marked long ago', secret(invalid('2024-12-31')), '2020-06-01', 'delete'],
  [
    'used after it was marked, the mark being off for that while',
    secret({ ...invalid('2024-01-01'), ...used('2025-12-31') }),
    '2020-06-01',
    { wait_ms: 364 * DAY_ms },
  ],
])('one that is %s', (_, of, since, expected) => {
  expect(fateOf(of, Date.parse(since), YEAR_ms, Date.parse('2026-01-01'))).toEqual(expected);
});

test('of two only the one that its account names is marked, and at last deleted', async () => {
  const annotations = { 'kubernetes.io/service-account.name': 'robot' };
  const type = 'kubernetes.io/service-account-token';
  const marks = () => plane.api.objects(secrets).map(({ metadata }) => [metadata.name, Object.keys(metadata.labels ?? {})]);
  await plane.api.create(configMaps, { metadata: TOKEN_TRACKING, data: { since: '2020-01-01' } });
  await plane.api.create(serviceAccounts, { metadata: { namespace: 'default', name: 'robot' }, secrets: [{ name: 'made' }] });
  const creationTimestamp = '2020-01-01T00:00:00Z';
  for (const name of ['made', 'own'])
    await plane.api.create(secrets, { metadata: { namespace: 'default', name, annotations, creationTimestamp }, type });
  await plane.quiet();
  expect(marks()).toEqual([
    ['made', ['kubernetes.io/legacy-token-invalid-since']],
    ['own', []],
  ]);
  const [made] = plane.api.objects(secrets);
  await plane.api.patch(secrets, made!.metadata, 'application/merge-patch+json', { metadata: { labels: invalid('2020-01-01') } });
  await plane.quiet();
  expect(marks()).toEqual([['own', []]]);
});
