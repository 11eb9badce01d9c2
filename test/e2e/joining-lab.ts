// What joining is tested with: the agent's command line as a person runs it, and servers that are not what they seem.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import { makeCertificate, makeKey, publicKeyOf } from '../../src/client/certificates.js';
import { type CertAndKey, ensurePki, type Pki } from '../../src/cluster/pki.js';
import { type Ran, run } from './lab.js';

export interface Attempt extends Ran {
  /** What lies in its certificate directory afterwards. */
  readonly certificates: readonly string[];
}

/** Runs `porthole agent` with directories of its own until it ends. */
export async function joinAttempt(server: string, token: string | undefined, ...flags: string[]): Promise<Attempt> {
  const dir = await mkdtemp(join(tmpdir(), 'porthole-join-'));
  try {
    const tokenFlag = token === undefined ? [] : ['--token', token];
    const dirs = ['--root-dir', dir, '--cert-dir', join(dir, 'pki'), '--cni-conf-dir', join(dir, 'cni')];
    // Should it be let in after all, it finds no engine and no address to listen on, and so does not become a node.
    const harmless = ['--docker-endpoint', `unix://${dir}/none.sock`, '--address', '192.0.2.1'];
    const args = ['dist/main.js', 'agent', '--server', server, ...tokenFlag, ...dirs, ...harmless, '--hostname-override', 'joiner'];
    const ran = await run(process.execPath, [...args, ...flags]);
    return { ...ran, certificates: await readdir(join(dir, 'pki')).catch(() => []) };
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Another cluster's certificates. */
export async function foreignPki(): Promise<Pki> {
  const dir = await mkdtemp(join(tmpdir(), 'porthole-pki-'));
  try {
    const options = { altNames: [], serviceIp: '10.96.0.1', clock: systemClock, random: systemRandom, log: silentLogger };
    return await ensurePki({ dir, ...options });
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** A server certificate that names `ca` as its issuer and is followed by it, but is signed by somebody else. */
export async function forgedBy(ca: string): Promise<CertAndKey> {
  const key = makeKey();
  const cert = await makeCertificate({
    subject: { commonName: 'kube-apiserver' },
    usages: ['server auth'],
    altNames: { dns: [], ips: ['127.0.0.1'] },
    publicKey: publicKeyOf(key),
    issuer: { cert: ca, key: makeKey() },
    now_ms: systemClock.now(),
    validFor_ms: 3600_000,
    random: systemRandom,
  });
  return { cert: cert + ca, key };
}

export interface FakeServer extends AsyncDisposable {
  readonly url: string;
  /** What it was sent, after decryption where it speaks TLS. */
  received(): string;
}

/** Speaks TLS and says nothing. */
export function recordingServer({ cert, key }: CertAndKey): Promise<FakeServer> {
  let text = '';
  const server = createTlsServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => {
    socket.setEncoding('latin1').on('data', (data) => (text += data));
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  return listening(server, () => text);
}

/** Hangs up on whoever connects. */
export const slammingServer = (): Promise<FakeServer> =>
  listening(
    createServer((socket) => socket.destroy()),
    () => '',
  );

/** Speaks HTTP/2 as `answer` has it: called with each request's method and path, in the order in which they come. */
export function answeringServer(
  { cert, key }: CertAndKey,
  answer: (stream: ServerHttp2Stream, method: string, path: string) => void,
): Promise<FakeServer> {
  let text = '';
  const server = createSecureServer({ cert, key });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    text += `${headers[':method']} ${headers[':path']}\n`;
    answer(stream, String(headers[':method']), String(headers[':path']));
  });
  return listening(server, () => text);
}

async function listening(server: Server, received: () => string): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
