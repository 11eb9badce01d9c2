import { describe, expect, test } from 'vitest';
import {
  isConfigMapKey,
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isEnvVarName,
  isLabelValue,
  isPortName,
  isPortNumber,
  isQualifiedName,
} from '../../../src/apimachinery/names.js';

describe.each([
  ['isDns1123Label', isDns1123Label, ['a', 'web-1', '1a', 'a'.repeat(63)], ['', 'A', '-a', 'a-', 'a.b', 'a'.repeat(64), 'a\n']],
  ['isDns1123Subdomain', isDns1123Subdomain, ['a.b', 'web', '1.2', 'a'.repeat(253)], ['', 'a..b', '.a', 'A.b', 'a_b', 'a'.repeat(254)]],
  ['isDns1035Label', isDns1035Label, ['a', 'web-1'], ['1a', '', 'A']],
  ['isLabelValue', isLabelValue, ['', 'MyValue', 'a.b_c-d', '1'], ['a/b', '-a', 'a ', 'a'.repeat(64)]],
  ['isQualifiedName', isQualifiedName, ['a', 'app.kubernetes.io/name', 'A_b'], ['', '/a', 'a/', 'a/b/c', 'A/b', '-a', 'x/-b']],
  ['isConfigMapKey', isConfigMapKey, ['a.b', 'KEY_NAME', '.a'], ['', '.', '..', '..a', 'a/b']],
  ['isEnvVarName', isEnvVarName, ['A', 'my.env-name', '_x'], ['1A', '', 'a=b']],
  ['isPortName', isPortName, ['http', 'p8080'], ['8080', 'a--b', '-a', 'HTTP', 'a'.repeat(16), '']],
])('%s', (_, check, good, bad) => {
  test.each(good)('takes %j', (value) => expect(check(value)).toEqual([]));
  test.each(bad)('refuses %j', (value) => expect(check(value)).not.toEqual([]));
});

test('messages are those that tools know', () => {
  expect(isDns1123Label('Web')).toEqual([
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  ]);
  expect(isDns1123Label('a'.repeat(64))).toEqual(['must be no more than 63 bytes']);
  expect(isPortNumber(0)).toEqual(['must be between 1 and 65535, inclusive']);
  expect(isPortNumber(80)).toEqual([]);
});
