// Debian's etcd for tests: one member or several on free loopback ports, with or without TLS, each of which a test may kill and start again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { makeAuthority, makeCertificate, makeKey, publicKeyOf } from '../../src/client/certificates.js';
import { loadEtcdProto } from '../../src/etcd/grpc/proto.js';
import { Endpoint, type EtcdTls, type Method } from '../../src/etcd/remote-endpoint.js';

const HOUR_MS = 3_600_000;
/** Followed by the id of the process that made the directory. */
const DIR_PREFIX = 'porthole-test-etcd-';

export interface EtcdOptions {
  readonly members: number;
  readonly tls?: boolean;
  /** Where its data goes; a directory of its own otherwise. */
  readonly parent?: string;
}

/** TLS files as a command line names them. */
export interface EtcdFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export class EtcdCluster {
  readonly #processes: (ChildProcess | undefined)[] = [];

  private constructor(
    readonly endpoints: readonly string[],
    /** PEM texts, for clients; empty without TLS. */
    readonly tls: EtcdTls,
    readonly files: EtcdFiles | undefined,
    private readonly dir: string,
    private readonly peers: readonly string[],
  ) {}

  /** Returns when the processes run; clients wait for them to serve. */
  static async start({ members, tls = false, parent = tmpdir() }: EtcdOptions): Promise<EtcdCluster> {
    removeLeftovers(parent);
    const dir = mkdtempSync(join(parent, `${DIR_PREFIX}${process.pid}-`));
    const ports = await freePorts(2 * members);
    const urls = ports.map((port) => `http${tls ? 's' : ''}://127.0.0.1:${port}`);
    const files = tls ? await makeCertificates(dir) : undefined;
    const pem = (path: string) => readFileSync(path, 'utf8');
    const texts = files ? { ca: pem(files.ca), cert: pem(files.cert), key: pem(files.key) } : {};
    const cluster = new EtcdCluster(urls.slice(0, members), texts, files, dir, urls.slice(members));
    for (let i = 0; i < members; i++) cluster.startMember(i);
    return cluster;
  }

  pid(member: number): number {
    return this.#processes[member]!.pid!;
  }

  /** Starts a member that was killed (with its data), or never ran. */
  startMember(member: number): void {
    const [client, peer] = [this.endpoints[member]!, this.peers[member]!];
    const args = {
      name: `m${member}`,
      'data-dir': join(this.dir, `m${member}`),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': this.peers.map((url, i) => `m${i}=${url}`).join(','),
      ...(this.files ? tlsArgs(this.files) : {}),
    };
    const list = Object.entries(args).map(([name, value]) => `--${name}=${value}`);
    const log = join(this.dir, `m${member}.log`);
    const into = ['sh', '-c', 'log=$1; shift; exec "$@" >>"$log" 2>&1', 'sh', log];
    // Its end comes with ours, even by kill -9.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...into, 'etcd', ...list], {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], ETCD_UNSUPPORTED_ARCH: process.arch },
    });
    this.#processes[member] = child;
  }

  /** kill -9; returns when the process is gone. */
  async kill(member: number): Promise<void> {
    const child = this.#processes[member];
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Which member leads, as one that answers says. */
  async leader(): Promise<number> {
    const answers = await Promise.allSettled(this.endpoints.map((url) => this.#status(url)));
    const ids = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined));
    const leader = ids.find((id) => id && id.leader !== '0')?.leader;
    const index = ids.findIndex((id) => id?.member === leader);
    if (index < 0) throw new Error('the etcd cluster has no leader');
    return index;
  }

  /** Ends all members and removes their data. */
  async stop(): Promise<void> {
    await Promise.all(this.endpoints.map((_, i) => this.kill(i)));
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #status(url: string): Promise<{ readonly member: string; readonly leader: string }> {
    const endpoint = new Endpoint(url, this.tls, systemClock);
    try {
      const method = loadEtcdProto().Maintenance['Status'] as Method;
      const { header, leader } = await endpoint.unary<{ header: { member_id: string }; leader: string }>(method, {});
      return { member: header.member_id, leader };
    } finally {
      endpoint.close();
    }
  }
}

/** The directories of killed runs. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(DIR_PREFIX) ? Number.parseInt(name.slice(DIR_PREFIX.length), 10) : Number.NaN;
    if (pid > 0 && !existsSync(`/proc/${pid}`)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

/** The same certificate for every member and for clients. */
async function makeCertificates(dir: string): Promise<EtcdFiles> {
  const [now_ms, random, validFor_ms] = [systemClock.now(), systemRandom, HOUR_MS];
  const caKey = makeKey();
  const caCert = await makeAuthority({ commonName: 'etcd-ca', key: caKey, now_ms, validFor_ms, random });
  const key = makeKey();
  const cert = await makeCertificate({
    subject: { commonName: 'etcd' },
    altNames: { dns: ['localhost'], ips: ['127.0.0.1'] },
    usages: ['server auth', 'client auth'],
    publicKey: publicKeyOf(key),
    issuer: { cert: caCert, key: caKey },
    now_ms,
    validFor_ms,
    random,
  });
  mkdirSync(join(dir, 'tls'));
  const write = (name: string, text: string) => {
    const path = join(dir, 'tls', name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return { ca: write('ca.crt', caCert), cert: write('etcd.crt', cert), key: write('etcd.key', key) };
}

const tlsArgs = ({ ca, cert, key }: EtcdFiles) => ({
  'cert-file': cert,
  'key-file': key,
  'trusted-ca-file': ca,
  'client-cert-auth': 'true',
  'peer-cert-file': cert,
  'peer-key-file': key,
  'peer-trusted-ca-file': ca,
  'peer-client-cert-auth': 'true',
});

/** All held at the same time, so that they differ. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
