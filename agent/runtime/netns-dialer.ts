// Connections from inside another network namespace: a small program runs there, connects, and hands over the connected sockets.
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PodDialer } from './runtime.js';

/** Connections at once that are not answered yet; a pod that drops packets keeps each for minutes. */
const DIALS_MAX = 500;
/** Longest that is kept of what the program says when it fails. */
const STDERR_MAX = 1000;

/**
 * A socket belongs to the namespace that it was made in, whoever has it: so nothing has to be copied from one to the other. The program
 * is text, since Node has no way into a namespace but by a program started there. It reads nothing before it hands over.
 */
const PROGRAM = `
const { connect } = require('node:net');
const attempt = (id, port, [host, ...others], errors) => {
  if (!host) return process.send({ id, errors });
  const socket = connect({ host, port }).pause();
  socket.once('error', ({ message, code }) => attempt(id, port, others, [...errors, code === 'ECONNREFUSED' ? 'connect: connection refused' : message]));
  socket.once('connect', () => process.send({ id }, socket.removeAllListeners('error')));
};
process.on('message', ({ id, port }) => attempt(id, port, ['127.0.0.1', '::1'], []));
process.on('disconnect', () => process.exit());
`;

interface Answer {
  readonly id: number;
  readonly errors?: readonly string[];
}

interface Waiting {
  readonly port: number;
  resolve(socket: Duplex): void;
  reject(error: Error): void;
}

/** `netns` is the path of a network namespace. */
export function openNetnsDialer(netns: string): PodDialer {
  return new NetnsDialer(netns);
}

class NetnsDialer implements PodDialer {
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #nextId = 1;
  #isClosed = false;

  constructor(private readonly netns: string) {}

  dial(port: number): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new Error('the pod is gone');
      if (this.#waiting.size >= DIALS_MAX) throw new Error(`${DIALS_MAX} connections are waiting to be made`);
      this.#child ??= this.#start();
      const id = this.#nextId++;
      this.#waiting.set(id, { port, resolve, reject });
      this.#child.send({ id, port });
    });
  }

  close(): void {
    this.#isClosed = true;
    if (this.#child?.connected) this.#child.disconnect();
  }

  #start(): ChildProcess {
    const child = spawn('nsenter', [`--net=${this.netns}`, '--', process.execPath, '--eval', PROGRAM], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, STDERR_MAX);
    });
    child.on('message', (answer: Answer, socket?: unknown) => this.#answered(answer, socket as Socket | undefined));
    const failed = (why: string) => {
      if (this.#child !== child) return;
      // The next connection tries again.
      this.#child = undefined;
      for (const { reject } of this.#waiting.values()) reject(new Error(`cannot enter the network of the pod: ${why}`));
      this.#waiting.clear();
    };
    child.once('error', ({ message }) => failed(message));
    child.once('exit', (code, signal) => failed(said.trim() || `nsenter ended with ${signal ?? code}`));
    return child;
  }

  #answered({ id, errors }: Answer, socket: Socket | undefined): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (!waiting || this.#isClosed) {
      socket?.destroy();
      waiting?.reject(new Error('the connection was given up'));
    } else if (socket instanceof Socket) {
      // Either direction may end before the other.
      socket.allowHalfOpen = true;
      waiting.resolve(socket);
    } else waiting.reject(new Error(refusal(waiting.port, this.netns, errors ?? [])));
  }
}

function refusal(port: number, netns: string, [ipv4, ipv6]: readonly string[]): string {
  const where = `failed to connect to localhost:${port} inside namespace ${JSON.stringify(netns)}`;
  return `${where}, IPv4: dial tcp4 127.0.0.1:${port}: ${ipv4 ?? 'it closed at once'} IPv6 dial tcp6: [::1]:${port}: ${ipv6 ?? 'it closed at once'}`;
}
