// Port-forward as kubectl has done it since 1.30: SPDY/3.1 inside a WebSocket. The kubelet is spoken to in SPDY alone.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const PROTOCOL_PREFIX = 'SPDY/3.1+';
/** The streams' frames come in messages of 32 KiB. */
const MESSAGE_MAX_BYTES = 1 << 20;

/** The subprotocol that the client tunnels (`portforward.k8s.io`), if it asks for a tunnel. */
export function tunneledProtocol({ headers }: IncomingMessage): string | undefined {
  if (headers.upgrade?.toLowerCase() !== 'websocket') return undefined;
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.find((name) => name.startsWith(PROTOCOL_PREFIX))?.slice(PROTOCOL_PREFIX.length);
}

/** What asks the kubelet for the same in SPDY. */
export const spdyUpgradeHeaders = (protocol: string): { readonly [name: string]: string } => ({
  Connection: 'Upgrade',
  Upgrade: 'SPDY/3.1',
  'X-Stream-Protocol-Version': protocol,
  'Content-Length': '0',
});

/** Accepts the WebSocket; the bytes of its messages are those of the connection inside. */
export async function openTunnel(request: IncomingMessage, client: Duplex, head: Buffer, protocol: string): Promise<Duplex> {
  // Only who forwards ports needs it.
  const { createWebSocketStream, WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: MESSAGE_MAX_BYTES });
  // ws takes a name with a slash for malformed, so it does not get to see it.
  delete request.headers['sec-websocket-protocol'];
  server.on('headers', (lines) => lines.push(`Sec-WebSocket-Protocol: ${PROTOCOL_PREFIX}${protocol}`));
  return new Promise((resolve, reject) => {
    client.once('close', () => reject(new Error('the client left')));
    server.handleUpgrade(request, client, head, (socket) => resolve(createWebSocketStream(socket)));
  });
}
