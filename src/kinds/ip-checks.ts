// Checks of addresses and ranges of both IP families, in upstream's words.
import { isIP, SocketAddress } from 'node:net';
import { type FieldError, invalid } from '../apimachinery/field.js';

const BITS: { readonly [family: number]: number } = { 4: 32, 6: 128 };

export interface IpRange {
  readonly family: 4 | 6;
  readonly bits: number;
  /** The address as it was written, and the first of the range, as numbers. */
  readonly address: bigint;
  readonly base: bigint;
}

/** Undefined for what is no range of either family. */
export function parseIpRange(text: string): IpRange | undefined {
  const [ip = '', length = '', ...more] = text.split('/');
  const family = isIP(ip);
  if (family === 0 || more.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > BITS[family]!) return undefined;
  const bits = Number(length);
  const address = numberOf(ip, family);
  const hostBits = BigInt(BITS[family]! - bits);
  return { family: family as 4 | 6, bits, address, base: (address >> hostBits) << hostBits };
}

function numberOf(ip: string, family: number): bigint {
  if (family === 4) return ip.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [head = '', tail] = canonicalIp(ip).split('::');
  const groups = (part: string | undefined) => (part ? part.split(':').flatMap(groupsOf) : []);
  const [before, after] = [groups(head), groups(tail)];
  const zeros = new Array<bigint>(8 - before.length - after.length).fill(0n);
  return [...before, ...zeros, ...after].reduce((sum, group) => sum * 65_536n + group, 0n);
}

/** The last part of an IPv6 address may be an IPv4 address. */
function groupsOf(part: string): bigint[] {
  if (!part.includes('.')) return [BigInt(`0x${part}`)];
  const number = numberOf(part, 4);
  return [number >> 16n, number & 0xffffn];
}

const canonicalIp = (ip: string): string => new SocketAddress({ address: ip, family: isIP(ip) === 6 ? 'ipv6' : 'ipv4' }).address;
const isMapped = (ip: string): boolean => canonicalIp(ip).startsWith('::ffff:') && ip.includes('.');

const NOT_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const NOT_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** In the one form that upstream asks of newer kinds. */
export function isCanonicalIp(ip: string): string[] {
  if (isIP(ip) === 0) return [NOT_IP];
  if (isMapped(ip)) return ['must not be an IPv4-mapped IPv6 address'];
  return canonicalIp(ip) === ip ? [] : [`must be in canonical form (${JSON.stringify(canonicalIp(ip))})`];
}

export function checkCidr(field: string, text: string): FieldError[] {
  return parseIpRange(text) ? [] : [invalid(field, text, NOT_CIDR)];
}

/** As `checkCidr`, and in canonical form, host bits zero. */
export function checkCanonicalCidr(field: string, text: string): FieldError[] {
  const range = parseIpRange(text);
  if (!range) return [invalid(field, text, NOT_CIDR)];
  const [ip = ''] = text.split('/');
  if (isMapped(ip)) return [invalid(field, text, 'must not have an IPv4-mapped IPv6 address')];
  if (range.address !== range.base) return [invalid(field, text, 'must not have bits set beyond the prefix length')];
  const canonical = `${canonicalIp(ip)}/${range.bits}`;
  return canonical === text ? [] : [invalid(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

/** Whether `inner` lies in `outer` and is smaller. */
export function isStrictSubset(outer: IpRange, inner: IpRange): boolean {
  if (outer.family !== inner.family || outer.bits >= inner.bits) return false;
  const hostBits = BigInt(BITS[outer.family]! - outer.bits);
  return inner.address >> hostBits === outer.base >> hostBits;
}
