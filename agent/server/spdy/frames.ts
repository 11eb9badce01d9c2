// SPDY/3.1 frames as bytes: what comes in is told apart, what goes out is put together. Knows nothing of streams or their state.

export const FRAME = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 } as const;
export const FLAG_FIN = 1;
export const RST = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5, flowControlError: 7 } as const;
export const SETTING_INITIAL_WINDOW = 7;

const HEADER_BYTES = 8;
const CONTROL_BIT = 0x8000;
const VERSION = 3;
/** Control frames are held whole; the largest, with a stream's headers, are some hundred bytes. */
const CONTROL_MAX_BYTES = 64 * 1024;
const STREAM_ID_MASK = 0x7fff_ffff;

export type Frame =
  | { readonly type: 'control'; readonly kind: number; readonly flags: number; readonly body: Buffer }
  /** A part of a DATA frame as it arrived; `fin` only on the last part of the last frame. */
  | { readonly type: 'data'; readonly stream: number; readonly payload: Buffer; readonly fin: boolean };

/** Frames in their order. A DATA frame is passed on in parts, so that no frame is held in memory. Throws for what is no SPDY/3.1. */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  let data: { readonly stream: number; readonly fin: boolean; left: number } | undefined;
  for await (const chunk of source) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (;;) {
      if (data) {
        if (rest.length === 0 && data.left > 0) break;
        const payload: Buffer = rest.subarray(0, data.left);
        rest = rest.subarray(payload.length);
        data.left -= payload.length;
        yield { type: 'data', stream: data.stream, payload, fin: data.fin && data.left === 0 };
        if (data.left === 0) data = undefined;
        continue;
      }
      if (rest.length < HEADER_BYTES) break;
      const length = rest.readUIntBE(5, 3);
      const flags = rest[4]!;
      if (!(rest.readUInt16BE(0) & CONTROL_BIT)) {
        data = { stream: rest.readUInt32BE(0), fin: (flags & FLAG_FIN) !== 0, left: length };
        rest = rest.subarray(HEADER_BYTES);
        continue;
      }
      if ((rest.readUInt16BE(0) & ~CONTROL_BIT) !== VERSION) throw new Error('the connection does not speak SPDY/3.1');
      if (length > CONTROL_MAX_BYTES) throw new Error(`a control frame is larger than ${CONTROL_MAX_BYTES} bytes`);
      if (rest.length < HEADER_BYTES + length) break;
      const body = rest.subarray(HEADER_BYTES, HEADER_BYTES + length);
      const kind = rest.readUInt16BE(2);
      rest = rest.subarray(HEADER_BYTES + length);
      yield { type: 'control', kind, flags, body };
    }
  }
}

export const streamIdOf = (body: Buffer, offset = 0) => (body.length >= offset + 4 ? body.readUInt32BE(offset) & STREAM_ID_MASK : 0);

/** The header of a DATA frame; its payload is written behind it as it is. */
export function dataHeader(stream: number, length: number, fin: boolean): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(stream, 0);
  header.writeUInt32BE(length, 4);
  header[4] = fin ? FLAG_FIN : 0;
  return header;
}

/** A control frame of 32-bit numbers and bytes. */
export function controlFrame(kind: number, flags: number, ...parts: readonly (number | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'number' ? uint32(part) : part)));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(CONTROL_BIT | VERSION, 0);
  header.writeUInt16BE(kind, 2);
  header.writeUInt32BE(body.length, 4);
  header[4] = flags;
  return Buffer.concat([header, body]);
}

function uint32(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(n);
  return bytes;
}

/** The initial window that a SETTINGS frame sets, if it sets one. */
export function initialWindowOf(body: Buffer): number | undefined {
  for (let offset = 4; offset + 8 <= body.length; offset += 8) {
    if (body.readUIntBE(offset + 1, 3) === SETTING_INITIAL_WINDOW) return body.readUInt32BE(offset + 4);
  }
  return undefined;
}
