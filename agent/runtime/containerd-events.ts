// The beginnings and ends of containers as containerd tells of them, on which the engine stands: its event stream, over gRPC on its socket.
import { type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { BYTES, VARINT, WireReader } from '../../src/apimachinery/codec/wire.js';

/** The engine's containers among containerd's. */
const NAMESPACE = 'moby';
const CREATE = '/tasks/create';
const EXIT = '/tasks/exit';
const OOM = '/tasks/oom';
const PATH = '/containerd.services.events.v1.Events/Subscribe';

/** Before a message: whether it is compressed, and its length. */
const HEAD_BYTES = 5;
/** An event that we ask for has some hundred bytes. */
const EVENT_MAX_BYTES = 1 << 16;

/** Of a container's first process. */
export type ContainerdEvent =
  /** It waits to be started, in namespaces of its own. */
  | { readonly type: 'create'; readonly containerId: string; readonly pid: number }
  | { readonly type: 'oom'; readonly containerId: string }
  | { readonly type: 'exit'; readonly containerId: string; readonly exitCode: number; readonly exitedAt_ms: number };

/** Ends, with or without an error, when containerd goes away or `signal` aborts. */
export async function* containerdEvents(socketPath: string, signal: AbortSignal): AsyncIterable<ContainerdEvent> {
  const session = connect('http://containerd', { createConnection: () => connectSocket(socketPath) });
  // The stream, which ends with it, tells of it.
  session.on('error', () => undefined);
  const headers = { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' };
  try {
    const stream = session.request(headers, { signal });
    const filters = [CREATE, EXIT, OOM].map((topic) => `namespace==${NAMESPACE},topic==${JSON.stringify(topic)}`);
    stream.end(framed(Buffer.concat(filters.map(filterField))));
    for await (const message of messages(stream)) {
      const event = eventFrom(message);
      if (event) yield event;
    }
  } finally {
    session.destroy();
  }
}

/** The first field of a SubscribeRequest, which may repeat; ours are shorter than a length of two bytes. */
const filterField = (filter: string) => Buffer.concat([Buffer.of(0x0a, filter.length), Buffer.from(filter)]);

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function* messages(stream: ClientHttp2Stream): AsyncIterable<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + rest.readUInt32BE(1);
      if (end > EVENT_MAX_BYTES) throw new Error('containerd tells of an event that is too long');
      if (rest.length < end) break;
      yield rest.subarray(HEAD_BYTES, end);
      rest = rest.subarray(end);
    }
  }
}

/** An Envelope: 3 is the topic and 4 an Any, whose 2 is a TaskCreate, TaskExit or TaskOOM. undefined: of a command, or none that was asked for. */
function eventFrom(envelope: Buffer): ContainerdEvent | undefined {
  const { 3: topic, 4: any } = fieldsOf(envelope);
  const fields = fieldsOf(bytesOf(fieldsOf(bytesOf(any))[2]));
  const containerId = bytesOf(fields[1]).toString();
  const about = bytesOf(topic).toString();
  if (about === OOM) return { type: 'oom', containerId };
  if (about === CREATE) return { type: 'create', containerId, pid: numberOf(fields[6]) };
  const { 2: process, 4: exitCode, 5: exitedAt } = fields;
  if (about !== EXIT || bytesOf(process).toString() !== containerId) return undefined;
  const { 1: seconds, 2: nanos } = fieldsOf(bytesOf(exitedAt));
  return {
    type: 'exit',
    containerId,
    exitCode: numberOf(exitCode),
    exitedAt_ms: numberOf(seconds) * 1000 + Math.floor(numberOf(nanos) / 1e6),
  };
}

type Field = number | Uint8Array | undefined;
const bytesOf = (field: Field) =>
  field instanceof Uint8Array ? Buffer.from(field.buffer, field.byteOffset, field.length) : Buffer.alloc(0);
const numberOf = (field: Field) => (typeof field === 'number' ? field : 0);

/** The fields of a protobuf message by their numbers, as far as they are varints or bytes. */
function fieldsOf(message: Uint8Array): { readonly [number: number]: Field } {
  const fields: { [number: number]: Field } = {};
  const reader = new WireReader(message);
  while (!reader.done) {
    const tag = reader.tag();
    const type = tag & 7;
    if (type === VARINT) fields[tag >>> 3] = reader.uint();
    else if (type === BYTES) fields[tag >>> 3] = reader.chunk();
    else reader.skip(type);
  }
  return fields;
}
