// The benchmark's client: the least that makes a request over HTTP/2 and TLS, so that the machine is the server's, and the server process.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ServerLine } from './api-server.js';

const SERVER = join(import.meta.dirname, 'api-server.js');

export class BenchServer {
  private constructor(
    private readonly process_: ChildProcess,
    readonly line: ServerLine,
    /** From the start of the process to the first request that it can answer. */
    readonly ready_ms: number,
  ) {}

  static async start(dir: string): Promise<BenchServer> {
    const begun_ms = performance.now();
    const child = spawn(process.execPath, [SERVER, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface(child.stdout)) {
      return new BenchServer(child, JSON.parse(line) as ServerLine, performance.now() - begun_ms);
    }
    throw new Error('the API server ended before it served');
  }

  get pid(): number {
    return this.process_.pid!;
  }

  async stop(): Promise<void> {
    const exited = once(this.process_, 'exit');
    this.process_.kill();
    await exited;
  }
}

/** One connection. */
export class BenchClient {
  readonly #session: ClientHttp2Session;

  constructor({ url, ca, cert, key }: ServerLine) {
    this.#session = connect(url, { ca, cert, key });
  }

  /** Rejects for any answer that is no success. Resolves to the length of the answer, which is thrown away. */
  request(method: string, path: string, body?: Buffer, contentType = 'application/json'): Promise<number> {
    const headers = { ':method': method, ':path': path, accept: 'application/json' };
    const stream = this.#session.request(body ? { ...headers, 'content-type': contentType, 'content-length': body.length } : headers, {
      endStream: body === undefined,
    });
    if (body) stream.end(body);
    return lengthOf(stream, `${method} ${path}`);
  }

  /** Calls `onData` with each piece of the stream as it comes. */
  async watch(path: string, onData: (bytes: Buffer) => void): Promise<void> {
    const stream = this.#session.request({ ':method': 'GET', ':path': path, accept: 'application/json' });
    stream.on('data', onData);
    await once(stream, 'response');
  }

  close(): void {
    this.#session.destroy();
  }
}

function lengthOf(stream: ClientHttp2Stream, what: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let [status, length] = [0, 0];
    stream.once('response', (headers) => {
      status = headers[':status'] ?? 0;
    });
    stream.on('data', (bytes: Buffer) => {
      length += bytes.length;
    });
    stream.once('error', reject);
    stream.once('end', () => {
      if (status >= 200 && status < 300) resolve(length);
      else reject(new Error(`${what}: ${status}`));
    });
  });
}
