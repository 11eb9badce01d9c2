// The least that asks a server over HTTP/1.1 as fast as it answers, so that the machine is the server's and the path's to it.
import { connect, type Socket } from 'node:net';

export interface Load {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Whether each request has a connection of its own. */
  readonly anew: boolean;
  readonly duration_ms: number;
}

/** Complete answers a second. Rejects where one is no success. */
export async function requestsPerSecond(load: Load): Promise<number> {
  const begun = performance.now();
  const until = begun + load.duration_ms;
  const counts = await Promise.all(Array.from({ length: load.connections }, () => askUntil(load, until)));
  return (counts.reduce((sum, count) => sum + count, 0) * 1000) / (performance.now() - begun);
}

async function askUntil(load: Load, until: number): Promise<number> {
  let count = 0;
  while (performance.now() < until) count += await askOnOne(load, until);
  return count;
}

/** Asks over one connection until it is closed, or it is time. */
function askOnOne({ host, port, anew }: Load, until: number): Promise<number> {
  const request = `GET / HTTP/1.1\r\nHost: bench\r\n${anew ? 'Connection: close\r\n' : ''}\r\n`;
  return new Promise((resolve, reject) => {
    let count = 0;
    let received = '';
    const socket: Socket = connect({ host, port, noDelay: true }, () => socket.write(request));
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
      if (!isWhole(received)) return;
      if (!received.startsWith('HTTP/1.1 200 ')) return void socket.destroy(new Error(`answered ${received.slice(0, 80)}`));
      count++;
      received = '';
      if (anew || performance.now() >= until) socket.end();
      else socket.write(request);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The server ends a connection after a thousand requests, at times while the next is on its way.
      if (count > 0 && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) resolve(count);
      else reject(error);
    });
    socket.on('close', () => resolve(count));
  });
}

function isWhole(received: string): boolean {
  const head = received.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(received)?.[1];
  return head >= 0 && length !== undefined && received.length >= head + 4 + Number(length);
}
