// Parsers of the agent's flag values: each returns the value or throws the one line that commander shows.
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';

const UNIT_MS: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's durations (`10s`, `1m30s`), in milliseconds. */
export function duration_ms(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const value = parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0);
  if (parts.map(([part]) => part).join('') !== text || value <= 0)
    throw new InvalidArgumentError('it must be a duration such as 5s or 1m30s.');
  return value;
}

export function port(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > 65535) throw new InvalidArgumentError('it must be a port from 1 to 65535.');
  return value;
}

export function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('it must be a whole number.');
  return Number(text);
}

export function addresses(text: string): readonly string[] {
  const all = list(text);
  if (all.length === 0 || all.some((address) => isIP(address) === 0))
    throw new InvalidArgumentError('it must be an IP address, or several with commas between.');
  return all;
}

export const list = (text: string): readonly string[] => text.split(',').filter((part) => part !== '');

export function serverUrl(text: string): string {
  if (!URL.canParse(text) || new URL(text).protocol !== 'https:')
    throw new InvalidArgumentError('it must be an address such as https://192.168.1.10:6443.');
  return text;
}

export function dockerEndpoint(text: string): string {
  if (!/^(unix:\/\/\/.+|tcp:\/\/.+)$/.test(text)) throw new InvalidArgumentError('it must be unix:///path or tcp://host:port.');
  return text;
}

/** `key=value` pairs with commas between. */
export function labels(text: string): { readonly [key: string]: string } {
  return Object.fromEntries(
    list(text).map((pair) => {
      const [key, value, ...rest] = pair.split('=');
      if (!key || value === undefined || rest.length > 0) throw new InvalidArgumentError('it must be key=value pairs with commas between.');
      return [key, value];
    }),
  );
}
