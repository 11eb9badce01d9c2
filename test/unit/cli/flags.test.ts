// Flag values: what is taken and what each wrong one is told.
import { expect, test } from 'vitest';
import { address, cidr, duration_ms, list, port, portRange, positiveDuration_ms } from '../../../src/cli/flags.js';

test.each([
  ['40s', 40_000],
  ['5m0s', 300_000],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['250ms', 250],
  ['0', 0],
])('%s is %d ms', (text, ms) => expect(duration_ms(text)).toBe(ms));

test.each(['', '40', 's', '1d', '-1s', '1s x'])('%j is no duration', (text) => expect(() => duration_ms(text)).toThrow(/such as 40s/));

test('other values', () => {
  expect(portRange('30000-32767')).toEqual({ min: 30000, max: 32767 });
  for (const wrong of ['30000', '2-1', '0-5', '1-70000']) expect(() => portRange(wrong)).toThrow(/30000-32767/);
  expect(port('6443')).toBe(6443);
  for (const wrong of ['0', '65536', 'x', '1.5']) expect(() => port(wrong)).toThrow(/from 1 to 65535/);
  expect(() => positiveDuration_ms('0')).toThrow(/more than 0/);
  expect(() => address('localhost')).toThrow(/IP address/);
  expect(() => cidr('10.96.0.0')).toThrow(/10.96.0.0\/12/);
  expect(list('a,b', ['c'])).toEqual(['c', 'a', 'b']);
});
