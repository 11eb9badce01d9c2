// Debian's etcdctl and our own command line, as processes; and an embedded store served over TLS with client certificates to run them against.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import { ensurePki, type Pki } from '../../src/cluster/pki.js';
import type { EmbeddedBackend } from '../../src/etcd/embedded.js';
import { type EtcdServer, serveEtcd } from '../../src/etcd/grpc/server.js';
import { openLevelBackend } from '../../src/etcd/leveldb.js';

export const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;
const TIMEOUT_MS = 30_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(command: string, args: readonly string[], input?: string): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...process.env, ETCDCTL_API: '3' };
    const child = execFile(command, args, { env, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
    if (input !== undefined) child.stdin!.end(input);
  });
}

/** `porthole ARGS`, as built. */
export const porthole = (...args: string[]) => run(process.execPath, [MAIN, ...args]);

/** A `porthole` that goes on until it is stopped; `until` resolves with the first line of its output that matches. */
export function startPorthole(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  let wake = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      wake();
    });
  }
  let ended = false;
  const exit = once(child, 'exit').then(([code]) => {
    ended = true;
    wake();
    return code as number | null;
  });
  return {
    child,
    exit,
    async until(pattern: RegExp): Promise<string> {
      for (;;) {
        const found = lines.find((line) => pattern.test(line));
        if (found) return found;
        if (ended) throw new Error(`porthole ${args[0]} ended:\n${lines.join('\n')}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    async stop(): Promise<void> {
      if (!ended) child.kill('SIGTERM');
      await exit;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export class EtcdLab {
  private constructor(
    readonly dir: string,
    readonly pki: Pki,
    readonly backend: EmbeddedBackend,
    readonly server: EtcdServer,
  ) {}

  /** On a free port of 127.0.0.1, on LevelDB. */
  static async start(): Promise<EtcdLab> {
    const dir = await mkdtemp(join(tmpdir(), 'porthole-etcdctl-'));
    const [clock, random, log] = [systemClock, systemRandom, silentLogger];
    const pki = await ensurePki({ dir: join(dir, 'pki'), altNames: [], serviceIp: '10.96.0.1', clock, random, log });
    const backend = await openLevelBackend({ dir: join(dir, 'etcd'), clock, log });
    const tls = { ...pki.etcd.server, clientCa: pki.etcd.ca.cert };
    const server = await serveEtcd({ backend, name: 'one', listen: [{ secure: true, host: '127.0.0.1', port: 0 }], tls, clock, log });
    return new EtcdLab(dir, pki, backend, server);
  }

  get url(): string {
    return this.server.urls[0]!;
  }

  /** Where to connect, and by what, as both etcdctl and `porthole etcd` have it. */
  get flags(): readonly string[] {
    return [`--endpoints=${this.url}`, ...certificateFlags(join(this.dir, 'pki'))];
  }

  etcdctl(...args: string[]): Promise<Ran> {
    return run('etcdctl', [...this.flags, ...args]);
  }

  async stop(): Promise<void> {
    await this.server.close();
    await this.backend.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}

export function certificateFlags(pkiDir: string): readonly string[] {
  const file = (name: string) => join(pkiDir, 'etcd', name);
  return [`--cacert=${file('ca.crt')}`, `--cert=${file('healthcheck-client.crt')}`, `--key=${file('healthcheck-client.key')}`];
}
