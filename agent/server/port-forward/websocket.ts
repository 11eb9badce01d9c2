// Port-forward over the WebSocket subprotocols of channel.k8s.io: a data and an error channel for each port of the query, one connection each.
import type { WebSocket } from 'ws';
import type { Clock } from '../../../src/apimachinery/clock.js';
import { badRequest } from '../../../src/apimachinery/status.js';
import { ChannelSocket } from '../channel-socket.js';
import { endAll } from '../streams.js';
import { type ForwardedPod, forward, parsePort } from './forward.js';

export const PORT_FORWARD_CHANNEL_PROTOCOLS: readonly string[] = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/** A channel's number is one byte, and each port takes two; 255 is not a channel. */
const PORTS_MAX = 100;

/** Each `port` may itself be a list. Throws a StatusError of code 400. */
export function portsOf(query: URLSearchParams): readonly number[] {
  const texts = query.getAll('port').flatMap((text) => text.split(','));
  if (texts.length === 0) throw badRequest('query parameter "port" is required');
  if (texts.length > PORTS_MAX) throw badRequest(`at most ${PORTS_MAX} ports can be forwarded over one connection`);
  return texts.map((text) => {
    const port = parsePort(text);
    if (port === undefined) throw badRequest(`query parameter "port" ${JSON.stringify(text)} is not a port`);
    return port;
  });
}

/** Resolves when all connections have ended or the client has left. */
export async function serveChannelPortForward(socket: WebSocket, ports: readonly number[], pod: ForwardedPod, clock: Clock): Promise<void> {
  const channels = new ChannelSocket(socket, clock);
  await Promise.all(
    ports.map(async (port, i) => {
      const [input, output, error] = [channels.reader(2 * i), channels.writer(2 * i), channels.writer(2 * i + 1)];
      const name = Buffer.from([port & 0xff, port >> 8]);
      output.write(name);
      error.write(name);
      const message = await forward(pod, port, { input, output }, clock);
      if (message) error.write(message);
      await endAll(output, error);
    }),
  );
  channels.close();
  await channels.closed;
  pod.dialer.close();
}
