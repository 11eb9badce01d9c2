// Parsers of flag values: each returns the value or throws the one line that commander shows.
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { parseCidr } from '../apimachinery/cidr.js';
import { parseDuration_ms } from '../apimachinery/duration.js';
import { type ListenUrl, parseListenUrl } from '../etcd/grpc/server.js';

/** Go's durations (`40s`, `1m30s`, `24h`, `0`), in milliseconds. */
export function duration_ms(text: string): number {
  const ms = parseDuration_ms(text);
  if (ms === undefined) throw new InvalidArgumentError('it must be a duration such as 40s, 5m or 1h30m.');
  return ms;
}

export function positiveDuration_ms(text: string): number {
  const ms = duration_ms(text);
  if (ms <= 0) throw new InvalidArgumentError('it must be more than 0.');
  return ms;
}

const integer = (text: string, min: number, max: number): number => {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new InvalidArgumentError(`it must be a whole number from ${min} to ${max}.`);
  return value;
};

/** Go's boolean flags: alone, or with a value behind an equals sign. */
export function bool(text: string): boolean {
  if (/^(1|t|true|yes|on)$/i.test(text)) return true;
  if (/^(0|f|false|no|off)$/i.test(text)) return false;
  throw new InvalidArgumentError('it must be true or false.');
}

export const port = (text: string) => integer(text, 1, 65535);
export const wholeNumber = (text: string) => integer(text, 0, Number.MAX_SAFE_INTEGER);
export const seconds = wholeNumber;
export const positiveNumber = (text: string) => integer(text, 1, 10_000);
export const verbosity = (text: string) => integer(text, 0, 10);
export const count = (text: string) => integer(text, 0, 10_000);
export const megabytes = (text: string) => integer(text, 1, 1_000_000);
export const maskSize = (text: string) => integer(text, 9, 30);

/** Go's floats, without those that are no amount. */
export function notNegative(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new InvalidArgumentError('it must be a number such as 0.1, and not negative.');
  return value;
}

export function share(text: string): number {
  const value = notNegative(text);
  if (value > 1) throw new InvalidArgumentError('it must be a number from 0 to 1.');
  return value;
}

export function address(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('it must be an IP address.');
  return text;
}

/** An address that nodes and pods can reach this machine by. */
export function advertisedAddress(text: string): string {
  if (isIP(text) !== 4 || text.startsWith('127.') || text === '0.0.0.0') {
    throw new InvalidArgumentError('it must be an IPv4 address by which other machines reach this one.');
  }
  return text;
}

export function cidr(text: string): string {
  const bits = parseCidr(text)?.bits;
  if (bits === undefined || bits < 8 || bits > 30)
    throw new InvalidArgumentError('it must be an IPv4 range such as 10.96.0.0/12, with a length from 8 to 30.');
  return text;
}

export interface PortRange {
  readonly min: number;
  readonly max: number;
}

export function portRange(text: string): PortRange {
  const match = /^(\d+)-(\d+)$/.exec(text);
  const [min, max] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || min < 1 || max > 65535 || min > max) throw new InvalidArgumentError('it must be a range of ports such as 30000-32767.');
  return { min, max };
}

/** For flags that may be repeated, each with one value or several with commas between. */
export function list(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...text.split(',').filter((part) => part !== '')];
}

/** URLs to serve etcd's clients on, with commas between; none for an empty text. */
export function listenUrls(text: string): readonly ListenUrl[] {
  try {
    return list(text).map(parseListenUrl);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

export const revision = (text: string) => integer(text, 1, Number.MAX_SAFE_INTEGER);
