// IPv4 addresses and ranges as numbers.
import { describe, expect, it } from 'vitest';
import { cidrHasCidr, cidrHasIp, cidrsOverlap, ipv4, parseCidr, parseIpv4, requireCidr } from '../../../src/apimachinery/cidr.js';

describe('IPv4 addresses', () => {
  it('are read strictly', () => {
    expect(parseIpv4('10.96.0.1')).toBe(0x0a600001);
    for (const text of ['1.2.3', '1.2.3.256', '01.2.3.4', 'a.b.c.d', '1.2.3.4.5', '']) expect(parseIpv4(text)).toBeUndefined();
    expect(ipv4(parseIpv4('255.254.1.0')!)).toBe('255.254.1.0');
  });
});

describe('IPv4 ranges', () => {
  it('have a base, a length and a size', () => {
    expect(parseCidr('10.97.3.4/12')).toEqual({ text: '10.96.0.0/12', base: parseIpv4('10.96.0.0'), bits: 12, size: 2 ** 20 });
    expect(parseCidr('0.0.0.0/0')).toMatchObject({ base: 0, size: 2 ** 32 });
    for (const text of ['10.96.0.0', 'fd00::/108', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/']) expect(parseCidr(text)).toBeUndefined();
    expect(() => requireCidr('10.96.0.0')).toThrow('"10.96.0.0" is not an IPv4 range');
  });

  it.each([
    ['10.0.0.0/8', '10.255.0.0/16', true, true],
    ['10.255.0.0/16', '10.0.0.0/8', false, true],
    ['10.0.0.0/8', '11.0.0.0/16', false, false],
    ['255.0.0.0/8', '255.255.255.255/32', true, true],
  ])('%s and %s: contained %s, overlapping %s', (outer, inner, contained, overlapping) => {
    const [a, b] = [requireCidr(outer), requireCidr(inner)];
    expect([cidrHasCidr(a, b), cidrsOverlap(a, b), cidrsOverlap(b, a)]).toEqual([contained, overlapping, overlapping]);
    expect(cidrHasIp(a, b.base)).toBe(overlapping && a.bits <= b.bits);
  });
});
