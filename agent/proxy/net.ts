// IPv4 addresses, prefixes and ports: what may go into a rule, a route or a record, and nothing else.
import { isIPv4 } from 'node:net';

export { isIPv4 };

export function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65535;
}

export interface Cidr {
  /** The prefix in its canonical form, host bits zero. */
  readonly text: string;
  readonly base: number;
  readonly bits: number;
}

export function ipToNumber(ip: string): number {
  return ip.split('.').reduce((n, octet) => n * 256 + Number(octet), 0);
}

export function numberToIp(n: number): string {
  return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.');
}

/** Undefined where `text` is no IPv4 prefix. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([0-9.]{7,15})\/(\d{1,2})$/.exec(text);
  if (!match || !isIPv4(match[1]!) || Number(match[2]) > 32) return undefined;
  const bits = Number(match[2]);
  const size = 2 ** (32 - bits);
  const base = Math.floor(ipToNumber(match[1]!) / size) * size;
  return { text: `${numberToIp(base)}/${bits}`, base, bits };
}

export function cidrHasIp(cidr: Cidr, ip: string): boolean {
  const offset = ipToNumber(ip) - cidr.base;
  return offset >= 0 && offset < 2 ** (32 - cidr.bits);
}

/** Whether all of `inner` lies in `outer`. */
export function cidrHasCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.bits >= outer.bits && cidrHasIp(outer, numberToIp(inner.base));
}

/** A `host:port` with the port left out at will; undefined where it is neither. */
export function parseHostPort(text: string, defaultPort: number): { readonly host: string; readonly port: number } | undefined {
  const [host = '', port, ...rest] = text.split(':');
  const number = port === undefined ? defaultPort : Number(port);
  return isIPv4(host) && isPort(number) && rest.length === 0 ? { host, port: number } : undefined;
}
