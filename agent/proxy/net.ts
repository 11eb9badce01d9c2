// IPv4 addresses and ports: what may go into a rule, a route or a record, and nothing else.
import { isIPv4, isIPv6 } from 'node:net';

export { isIPv4, isIPv6 };

export function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65535;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A `host:port` (`[fd00::1]:53`) with the port left out at will; undefined where it is neither. */
export function parseHostPort(text: string, defaultPort: number): HostPort | undefined {
  if (isIPv6(text)) return { host: text, port: defaultPort };
  const match = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  return (isIPv4(host) || isIPv6(host)) && isPort(port) ? { host, port } : undefined;
}
