// ip() and cidr(): addresses and ranges of IPv4 and IPv6.
import { isIPv4, isIPv6 } from 'node:net';
import { int, type Register } from './library.js';

class Ip {
  constructor(
    readonly family: 4 | 6,
    readonly value: bigint,
  ) {}

  toString(): string {
    return this.family === 4 ? v4Text(this.value) : v6Text(this.value);
  }
}

class Cidr {
  constructor(
    readonly ip: Ip,
    readonly length: number,
  ) {}

  toString(): string {
    return `${this.ip}/${this.length}`;
  }
}

const bitsOf = ({ family }: Ip) => (family === 4 ? 32 : 128);
const v4Text = (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');

/** In the canonical form: the longest run of zeros left out. */
function v6Text(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> int(112 - 16 * i)) & 0xffffn).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function parseIp(text: string): Ip | undefined {
  if (isIPv4(text))
    return new Ip(
      4,
      text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n),
    );
  // Neither zones nor IPv4 in disguise, as upstream.
  if (!isIPv6(text) || text.includes('%') || text.includes('.')) return undefined;
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0');
  return new Ip(
    6,
    [...before, ...zeros, ...after].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n),
  );
}

function parseCidr(text: string): Cidr | undefined {
  const found = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const ip = found ? parseIp(found[1]!) : undefined;
  return ip && Number(found![2]) <= bitsOf(ip) ? new Cidr(ip, Number(found![2])) : undefined;
}

function must<T>(what: string, parse: (text: string) => T | undefined): (text: string) => T {
  return (text) => {
    const value = parse(text);
    if (value === undefined) throw new Error(`${what} parse error during conversion from string: ${JSON.stringify(text)}`);
    return value;
  };
}

const ipOf = must('IP Address', parseIp);
const cidrOf = must('network address', parseCidr);
const prefix = (ip: Ip, length: number) => ip.value >> int(bitsOf(ip) - length);
const masked = ({ ip, length }: Cidr) => {
  const shift = int(bitsOf(ip) - length);
  return new Cidr(new Ip(ip.family, (ip.value >> shift) << shift), length);
};
const hasIp = ({ ip, length }: Cidr, other: Ip) => ip.family === other.family && prefix(ip, length) === prefix(other, length);
const hasCidr = (outer: Cidr, inner: Cidr) => inner.length >= outer.length && hasIp(outer, inner.ip);
const within = (ip: Ip, v4: string, v6: string) => hasIp(cidrOf(ip.family === 4 ? v4 : v6), ip);

const isUnspecified = ({ value }: Ip) => value === 0n;
const isLoopback = (ip: Ip) => within(ip, '127.0.0.0/8', '::1/128');
const isMulticast = (ip: Ip) => within(ip, '224.0.0.0/4', 'ff00::/8');
const isLinkLocalUnicast = (ip: Ip) => within(ip, '169.254.0.0/16', 'fe80::/10');
const isLinkLocalMulticast = (ip: Ip) => within(ip, '224.0.0.0/24', 'ff02::/16');
const isGlobalUnicast = (ip: Ip) =>
  !isUnspecified(ip) && !isLoopback(ip) && !isMulticast(ip) && !isLinkLocalUnicast(ip) && ip.toString() !== '255.255.255.255';

class IpNamespace {}

export const registerNetwork: Register = (environment) => {
  environment
    .registerType('IpNamespace', { ctor: IpNamespace })
    .registerConstant('ip', 'IpNamespace', new IpNamespace())
    .registerFunction('IpNamespace.isCanonical(string): bool', (_: IpNamespace, text: string) => ipOf(text).toString() === text)
    .registerType('Ip', { ctor: Ip })
    .registerType('Cidr', { ctor: Cidr })
    .registerFunction('ip(string): Ip', ipOf)
    .registerFunction('isIP(string): bool', (text: string) => parseIp(text) !== undefined)
    .registerFunction('string(Ip): string', String)
    .registerFunction('Ip.family(): int', ({ family }: Ip) => int(family))
    .registerFunction('Ip.isUnspecified(): bool', isUnspecified)
    .registerFunction('Ip.isLoopback(): bool', isLoopback)
    .registerFunction('Ip.isLinkLocalMulticast(): bool', isLinkLocalMulticast)
    .registerFunction('Ip.isLinkLocalUnicast(): bool', isLinkLocalUnicast)
    .registerFunction('Ip.isGlobalUnicast(): bool', isGlobalUnicast)
    .registerOperator('Ip == Ip', (a: Ip, b: Ip) => a.family === b.family && a.value === b.value)
    .registerFunction('cidr(string): Cidr', cidrOf)
    .registerFunction('isCIDR(string): bool', (text: string) => parseCidr(text) !== undefined)
    .registerFunction('string(Cidr): string', String)
    .registerFunction('Cidr.containsIP(Ip): bool', hasIp)
    .registerFunction('Cidr.containsIP(string): bool', (range: Cidr, ip: string) => hasIp(range, ipOf(ip)))
    .registerFunction('Cidr.containsCIDR(Cidr): bool', hasCidr)
    .registerFunction('Cidr.containsCIDR(string): bool', (range: Cidr, other: string) => hasCidr(range, cidrOf(other)))
    .registerFunction('Cidr.ip(): Ip', ({ ip }: Cidr) => ip)
    .registerFunction('Cidr.masked(): Cidr', masked)
    .registerFunction('Cidr.prefixLength(): int', ({ length }: Cidr) => int(length))
    .registerOperator('Cidr == Cidr', (a: Cidr, b: Cidr) => a.toString() === b.toString());
};
