// The HTTP request that becomes a SPDY/3.1 connection, and the agreement on what is spoken over it.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const HEADER_PROTOCOL = 'x-stream-protocol-version';

export const isSpdyUpgrade = ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'spdy/3.1';

/** The first of `accepted` that the client offers; one that offers nothing gets the oldest. undefined: none. */
export function negotiateProtocol({ headers }: IncomingMessage, accepted: readonly string[]): string | undefined {
  const offered = offeredProtocols(headers[HEADER_PROTOCOL]);
  return offered.length === 0 ? accepted.at(-1) : accepted.find((protocol) => offered.includes(protocol));
}

const offeredProtocols = (header: string | readonly string[] | undefined) =>
  [header ?? []]
    .flat()
    .flatMap((value) => value.split(','))
    .map((name) => name.trim())
    .filter(Boolean);

export function switchToSpdy(socket: Duplex, protocol: string): void {
  const head = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1', `X-Stream-Protocol-Version: ${protocol}`];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
}

export function refusedProtocol({ headers }: IncomingMessage, accepted: readonly string[]): string {
  const offered = offeredProtocols(headers[HEADER_PROTOCOL]);
  return `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${accepted.join(' ')}]`;
}
