// How a gRPC call ends on its HTTP/2 stream: the status is in the trailers, or in the headers where nothing was answered.
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { type GrpcFailure, STATUS } from './status.js';

export const RESPONSE_HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;
const OK_TRAILERS = { 'grpc-status': '0' } as const;

/** Ends the stream; `last` is written before. Nothing happens where the client has gone. */
export function finish(stream: ServerHttp2Stream, status: GrpcFailure, isAnswering: boolean, last?: Buffer): void {
  if (stream.destroyed || stream.closed) return;
  const trailers = trailersOf(status);
  if (!isAnswering && !last) {
    stream.respond({ ...RESPONSE_HEADERS, ...trailers }, { endStream: true });
    // What the client has still to say would wait for ever.
    stream.resume();
    return;
  }
  if (!isAnswering) stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  if (last) stream.end(last);
  else stream.end();
}

function trailersOf({ code, details }: GrpcFailure): OutgoingHttpHeaders {
  return code === STATUS.OK ? OK_TRAILERS : { 'grpc-status': String(code), 'grpc-message': percentEncoded(details) };
}

/** Of UTF-8, all but printable ASCII, and the percent sign. */
function percentEncoded(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    out += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
