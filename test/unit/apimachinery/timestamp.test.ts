import { expect, test } from 'vitest';
import { canonicalMicroTime, canonicalTime } from '../../../src/apimachinery/timestamp.js';

test.each([
  ['2024-02-29T12:34:56Z', '2024-02-29T12:34:56Z'],
  ['2024-02-29T12:34:56.789Z', '2024-02-29T12:34:56Z'],
  ['2024-03-01T01:00:00+02:00', '2024-02-29T23:00:00Z'],
  ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00Z'],
])('Time %s is %s', (text, expected) => expect(canonicalTime(text)).toBe(expected));

test.each([
  ['2024-02-29T12:34:56Z', '2024-02-29T12:34:56.000000Z'],
  ['2024-02-29T12:34:56.123456789Z', '2024-02-29T12:34:56.123456Z'],
  ['2024-02-29T12:34:56.5+01:00', '2024-02-29T11:34:56.500000Z'],
])('MicroTime %s is %s', (text, expected) => expect(canonicalMicroTime(text)).toBe(expected));

test.each([
  '',
  'now',
  '2024-02-30T00:00:00Z',
  '2023-02-29T00:00:00Z',
  '1900-02-29T00:00:00Z',
  '2024-04-31T00:00:00Z',
  '2024-13-01T00:00:00Z',
  '2024-00-01T00:00:00Z',
  '2024-01-00T00:00:00Z',
  '2024-01-01T24:01:00Z',
  '2024-01-01T00:60:00Z',
  '2024-01-01T00:00:00',
  '2024-01-01 00:00:00Z',
  '2024-01-01',
  '2O24-01-01T00:00:00Z',
  '2024-01-01T00:00:00+99:00',
])('%j is no time', (text) => {
  expect(canonicalTime(text)).toBeUndefined();
  expect(canonicalMicroTime(text)).toBeUndefined();
});
