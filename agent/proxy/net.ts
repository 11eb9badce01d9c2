// IPv4 addresses and ports: what may go into a rule, a route or a record, and nothing else.
import { isIPv4 } from 'node:net';

export { isIPv4 };

export function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65535;
}

/** A `host:port` with the port left out at will; undefined where it is neither. */
export function parseHostPort(text: string, defaultPort: number): { readonly host: string; readonly port: number } | undefined {
  const [host = '', port, ...rest] = text.split(':');
  const number = port === undefined ? defaultPort : Number(port);
  return isIPv4(host) && isPort(number) && rest.length === 0 ? { host, port: number } : undefined;
}
