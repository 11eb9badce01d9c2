// One call of gRPC's health protocol (grpc.health.v1.Health/Check) as probes make it, over HTTP/2 without TLS.
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { hostPort } from './go-errors.js';

const PATH = '/grpc.health.v1.Health/Check';
const USER_AGENT = 'kube-probe/1.35';
/** An answer is a few bytes; nobody can make us hold more. */
const ANSWER_MAX_BYTES = 4096;
const SERVING = 'SERVING';
const STATES = ['UNKNOWN', SERVING, 'NOT_SERVING', 'SERVICE_UNKNOWN'];
/** Of gRPC's status codes. */
const DEADLINE_EXCEEDED = 4;
const UNIMPLEMENTED = 12;

interface Answer {
  readonly code: number;
  readonly message: string;
  readonly body: Buffer;
}

/** Rejects, in upstream's words, unless the service says within the time that it serves. */
export async function grpcCheck(host: string, port: number, service: string, timeout_ms: number): Promise<void> {
  const address = hostPort(host, port);
  const within = `${timeout_ms / 1000}s`;
  const session = connect(`http://${address}`);
  try {
    const signal = AbortSignal.timeout(timeout_ms);
    await connected(session, signal).catch(() => {
      throw new Error(`timeout: failed to connect service "${address}" within ${within}: context deadline exceeded`);
    });
    const { code, message, body } = await call(session, frame(service), timeout_ms, signal).catch((error: Error) => {
      if (signal.aborted) throw new Error(`timeout: health rpc did not complete within ${within}`);
      throw new Error(`error: health rpc probe failed: ${error.message}`);
    });
    if (code === UNIMPLEMENTED)
      throw new Error(`error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`);
    if (code === DEADLINE_EXCEEDED) throw new Error(`timeout: health rpc did not complete within ${within}`);
    if (code !== 0) throw new Error(`error: health rpc probe failed: rpc error: code = ${code} desc = ${message}`);
    const state = stateOf(body);
    if (state !== SERVING) throw new Error(`service unhealthy (responded with "${state}")`);
  } finally {
    session.destroy();
  }
}

function connected(session: ClientHttp2Session, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    session.once('connect', () => resolve());
    session.on('error', reject);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function call(session: ClientHttp2Session, body: Buffer, timeout_ms: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': USER_AGENT,
      'grpc-timeout': `${timeout_ms}m`,
    };
    const stream = session.request(headers, { signal });
    let status: IncomingHttpHeaders = {};
    const note = (more: IncomingHttpHeaders) => {
      status = { ...status, ...more };
    };
    const chunks: Buffer[] = [];
    let length = 0;
    stream.on('response', note).on('trailers', note).on('error', reject);
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > ANSWER_MAX_BYTES) stream.destroy(new Error('the answer is too long'));
      else chunks.push(chunk);
    });
    stream.on('close', () => {
      const code = status['grpc-status'];
      if (code === undefined) reject(new Error(`the server answered with HTTP status ${status[':status'] ?? 0} and no gRPC status`));
      else resolve({ code: Number(code), message: decodeURIComponent(String(status['grpc-message'] ?? '')), body: Buffer.concat(chunks) });
    });
    stream.end(body);
  });
}

/** A HealthCheckRequest, its one field the service's name, in gRPC's framing. */
function frame(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.of(0x0a), varint(name.length), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): Buffer {
  return value < 0x80 ? Buffer.of(value) : Buffer.concat([Buffer.of((value & 0x7f) | 0x80), varint(value >>> 7)]);
}

/** Of a HealthCheckResponse, whose one field is left out where it is 0. */
function stateOf(body: Buffer): string {
  const message = body.subarray(5);
  const value = message[0] === 0x08 ? (message[1] ?? 0) : 0;
  return STATES[value] ?? String(value);
}
