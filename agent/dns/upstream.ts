// One name server outside the cluster: asked one question over UDP, and again over TCP where the answer does not fit.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { type DecodedPacket, decode, encode, type Packet, streamEncode } from 'dns-packet';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Question } from './records.js';
import { readFrames } from './tcp-frames.js';

/** Under the 5 s after which resolvers give up, with two name servers tried. */
const TIMEOUT_MS = 2000;
/** Accepted in answers over UDP: fits any path without fragments (DNS flag day 2020). */
const UDP_PAYLOAD_BYTES = 1232;

export interface Upstream {
  readonly host: string;
  readonly port: number;
}

/** Rejects where there is no answer in time. */
export async function askUpstream(question: Question, upstream: Upstream, clock: Clock): Promise<DecodedPacket> {
  const reply = await ask(question, upstream, clock, overUdp);
  return reply.flag_tc ? ask(question, upstream, clock, overTcp) : reply;
}

/** Sends `query`, calls back with each message that comes in and with errors; returns how to close. */
type Carrier = (query: Packet, to: Upstream, onMessage: (message: Buffer) => void, onError: (error: Error) => void) => () => void;

function ask(question: Question, upstream: Upstream, clock: Clock, carry: Carrier): Promise<DecodedPacket> {
  // Unpredictable, with the random source port, so that nobody off the path can answer in the server's place.
  const id = randomInt(0x1_0000);
  const query: Packet = {
    type: 'query',
    id,
    flags: 0x0100,
    questions: [{ type: question.type as 'A', name: question.name }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_PAYLOAD_BYTES,
        flags: 0,
        flag_do: false,
        extendedRcode: 0,
        ednsVersion: 0,
        options: [],
      },
    ],
  };
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      timer.cancel();
      close();
      act();
    };
    const timer = clock.after(TIMEOUT_MS, () => settle(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`))));
    const onMessage = (message: Buffer) => {
      const reply = parseReply(message, id, question);
      if (reply) settle(() => resolve(reply));
    };
    const close = carry(query, upstream, onMessage, (error) => settle(() => reject(error)));
  });
}

/** Undefined for what is no answer to this question: stray or forged, and best left unheard. */
function parseReply(message: Buffer, id: number, question: Question): DecodedPacket | undefined {
  try {
    const reply = decode(message);
    const asked = reply.questions?.[0];
    const isOurs = reply.type === 'response' && reply.id === id && asked?.type === question.type;
    return isOurs && asked.name.toLowerCase() === question.name.toLowerCase() ? reply : undefined;
  } catch {
    return undefined;
  }
}

const overUdp: Carrier = (query, { host, port }, onMessage, onError) => {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  let open = true;
  socket.on('error', onError);
  socket.on('message', onMessage);
  // Connected, so that only this server's datagrams arrive and a closed port is heard of at once.
  socket.connect(port, host, () => {
    if (open) socket.send(encode(query));
  });
  return () => {
    if (open) socket.close();
    open = false;
  };
};

const overTcp: Carrier = (query, { host, port }, onMessage, onError) => {
  const socket = connect({ host, port }, () => socket.write(streamEncode(query)));
  socket.on('error', onError);
  socket.on('close', () => onError(new Error('connection closed before the answer')));
  readFrames(socket, onMessage);
  return () => {
    socket.removeAllListeners('close');
    socket.destroy();
  };
};
