// Everything outside the cluster: asked of the node's own name servers, with time-outs, a bound on what is under way, and a small cache.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { type DecodedPacket, decode, encode, type Packet, streamEncode } from 'dns-packet';
import type { Clock } from '../../src/apimachinery/clock.js';
import { parseHostPort } from '../proxy/net.js';
import type { Question } from './records.js';
import { ReplyCache } from './reply-cache.js';
import { readFrames } from './tcp-frames.js';

/** Resolves one question; rejects with a ForwardError where no name server could answer it. */
export interface Forwarder {
  resolve(question: Question): Promise<DecodedPacket>;
}

/** Why there is no answer, in words for the log; the client gets SERVFAIL. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError';
}

/** Under the 5 s after which resolvers give up, with two name servers tried. */
const TIMEOUT_MS = 2000;
/** glibc knows three name servers at most, too. */
const MAX_UPSTREAMS = 3;
/** Each holds a socket; a node's pods together seldom have more than some dozens. */
const MAX_IN_FLIGHT = 512;
/** Accepted in answers over UDP: fits any path without fragments (DNS flag day 2020). */
const UDP_PAYLOAD_BYTES = 1232;

export function createForwarder(options: { readonly upstreams: readonly string[]; readonly clock: Clock }): Forwarder {
  const upstreams = options.upstreams.slice(0, MAX_UPSTREAMS).map((text) => {
    const upstream = parseHostPort(text, 53);
    if (!upstream) throw new Error(`name server ${JSON.stringify(text)} is no IPv4 address, with or without :port`);
    return upstream;
  });
  const cache = new ReplyCache(options.clock);
  let inFlight = 0;
  return {
    async resolve(question) {
      const cached = cache.get(question);
      if (cached) return cached;
      if (upstreams.length === 0) throw new ForwardError('this node has no name server for names outside the cluster');
      if (inFlight >= MAX_IN_FLIGHT) throw new ForwardError(`${MAX_IN_FLIGHT} questions are already under way`);
      inFlight++;
      try {
        const reply = await askInTurn(question, upstreams, options.clock);
        cache.put(question, reply);
        return reply;
      } finally {
        inFlight--;
      }
    },
  };
}

interface Upstream {
  readonly host: string;
  readonly port: number;
}

async function askInTurn(question: Question, upstreams: readonly Upstream[], clock: Clock): Promise<DecodedPacket> {
  const failures: string[] = [];
  for (const upstream of upstreams) {
    try {
      const reply = await ask(question, upstream, clock, overUdp);
      return reply.flag_tc ? await ask(question, upstream, clock, overTcp) : reply;
    } catch (error) {
      failures.push(`${upstream.host}:${upstream.port}: ${(error as Error).message}`);
    }
  }
  throw new ForwardError(failures.join('; '));
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
  const socket = createSocket('udp4');
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
