// Parsers of the agent's flag values: each returns the value or throws the one line that commander shows.
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { parseDuration_ms } from '../src/apimachinery/duration.js';
import { parseHostPort } from './proxy/net.js';

/** Go's durations (`10s`, `1m30s`), in milliseconds. */
export function duration_ms(text: string): number {
  const value = parseDuration_ms(text);
  if (!value) throw new InvalidArgumentError('it must be a duration such as 5s or 1m30s.');
  return value;
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

/** With or without its scheme. */
export function socketPath(text: string): string {
  const path = text.replace(/^unix:\/\//, '');
  if (!path.startsWith('/')) throw new InvalidArgumentError('it must be /path or unix:///path.');
  return path;
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

/** `corp.example=10.0.0.53+10.0.0.54,lab.example=10.0.1.53`: name servers of single domains. */
export function stubDomains(text: string): { readonly [domain: string]: readonly string[] } {
  return Object.fromEntries(
    list(text).map((pair) => {
      const [domain, servers, ...rest] = pair.split('=');
      const addresses = (servers ?? '').split('+');
      if (!domain || rest.length > 0 || !addresses.every((address) => parseHostPort(address, 53)))
        throw new InvalidArgumentError('it must be domain=address pairs with commas between, and + between several addresses of a domain.');
      return [domain, addresses];
    }),
  );
}
