// DNS messages: what a query asks, and a reply that fits what the client can take. Pure.
import { type Answer, type DecodedPacket, decode, encode, type OptAnswer, type Packet } from 'dns-packet';
import { encodeCompressed } from './compress.js';
import type { Question } from './records.js';
import type { Resolution } from './resolver.js';

/** Without EDNS, RFC 1035's limit; with it, what the client says, up to what fits any path without fragments. */
const UDP_PLAIN_BYTES = 512;
const UDP_MAX_BYTES = 1232;
const TCP_MAX_BYTES = 65_535;

const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const RCODES: { readonly [name: string]: number } = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };

/** What can be written back as it was read: ASCII, labels of at most 63 bytes, 253 in all. */
const NAME = /^(?=.{0,253}$)(?:[!-\-/-~]{1,63}(?:\.[!-\-/-~]{1,63})*\.?|\.?)$/;

export interface Query {
  readonly id: number;
  readonly flags: number;
  readonly question: Question;
  readonly edns: OptAnswer | undefined;
}

/** The query; or the reply to send to what is none; or undefined for what deserves no reply at all. */
export function parseQuery(message: Buffer): Query | Buffer | undefined {
  // A reply to a reply could go on for ever; shorter than a header has no id to reply to.
  if (message.length < 12 || message.readUInt8(2) & 0x80) return undefined;
  const id = message.readUInt16BE(0);
  const refuse = (rcode: string) => encode({ type: 'response', id, flags: RCODES[rcode]! } as Packet);
  const opcode = (message.readUInt8(2) >> 3) & 15;
  if (opcode !== 0) return refuse('NOTIMP');
  let packet: DecodedPacket;
  try {
    packet = decode(message);
  } catch {
    return refuse('FORMERR');
  }
  const [asked, ...more] = packet.questions ?? [];
  if (!asked || more.length > 0) return refuse('FORMERR');
  if (asked.class !== undefined && asked.class !== 'IN') return refuse('NOTIMP');
  if (['AXFR', 'IXFR'].includes(asked.type as string)) return refuse('NOTIMP');
  if (!NAME.test(asked.name)) return refuse('FORMERR');
  const [edns, ...tooMuch] = (packet.additionals ?? []).filter((record): record is OptAnswer => record.type === 'OPT');
  if (tooMuch.length > 0) return refuse('FORMERR');
  // BADVERS: its upper bits are in the record that says which version is spoken here.
  if (edns && edns.ednsVersion !== 0) return encode({ type: 'response', id, flags: 0, additionals: [optRecord(1)] } as Packet);
  return { id, flags: packet.flags ?? 0, question: { name: asked.name, type: asked.type }, edns };
}

/** The reply's bytes; over UDP cut to the client's size, with the bit that sends it to TCP for the rest. */
export function encodeReply(query: Query, resolution: Resolution, transport: 'udp' | 'tcp'): Buffer {
  const limit = transport === 'tcp' ? TCP_MAX_BYTES : udpLimit(query.edns);
  const whole = encodeCompressed(replyPacket(query, resolution, resolution.answers.length));
  if (whole.length <= limit) return whole;
  const answersOnly = { ...resolution, authorities: [], additionals: [] };
  const cut = (count: number) => encodeCompressed(replyPacket(query, answersOnly, count, true));
  let [fits, tooMany] = [0, resolution.answers.length + 1];
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    if (cut(middle).length <= limit) fits = middle;
    else tooMany = middle;
  }
  return cut(fits);
}

function udpLimit(edns: OptAnswer | undefined): number {
  return edns ? Math.min(UDP_MAX_BYTES, Math.max(UDP_PLAIN_BYTES, edns.udpPayloadSize)) : UDP_PLAIN_BYTES;
}

function replyPacket(query: Query, resolution: Resolution, answerCount: number, truncated = false): Packet {
  const flags =
    (query.flags & FLAG_RECURSION_DESIRED) |
    FLAG_RECURSION_AVAILABLE |
    (resolution.authoritative ? FLAG_AUTHORITATIVE : 0) |
    (truncated ? FLAG_TRUNCATED : 0) |
    (RCODES[resolution.rcode] ?? RCODES['SERVFAIL']!);
  return {
    type: 'response',
    id: query.id,
    flags,
    questions: [{ type: query.question.type as 'A', name: query.question.name }],
    answers: resolution.answers.slice(0, answerCount) as Answer[],
    authorities: resolution.authorities as Answer[],
    additionals: [...resolution.additionals, ...(query.edns ? [optRecord(0)] : [])] as Answer[],
  };
}

function optRecord(extendedRcode: number): OptAnswer {
  return { type: 'OPT', name: '.', udpPayloadSize: UDP_MAX_BYTES, flags: 0, flag_do: false, extendedRcode, ednsVersion: 0, options: [] };
}
