// A real etcd as the store: the Backend suite on one member and on three with TLS, and the loss of members under load.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { type Backend, EtcdError, prefixEnd, type TxnRequest, type Watch, type WatchRequest } from '../../../src/etcd/backend.js';
import { serveEtcd } from '../../../src/etcd/grpc/server.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { openRemoteBackend } from '../../../src/etcd/remote.js';
import { UnknownOutcomeError } from '../../../src/etcd/remote-errors.js';
import { startTestServer } from '../../suites/apiserver.js';
import { backendSuite } from '../../suites/backend.js';
import { EtcdCluster, type EtcdOptions, freePorts } from '../../suites/etcd-cluster.js';
import { Kubectl } from '../../suites/kubectl.js';

const open = ({ endpoints, tls }: Pick<EtcdCluster, 'endpoints' | 'tls'>) =>
  openRemoteBackend({ endpoints, ...tls, clock: systemClock, log: silentLogger });

async function openFresh(options: EtcdOptions) {
  const cluster = await EtcdCluster.start(options);
  try {
    const backend = await open(cluster);
    const dispose = async () => {
      await backend.close();
      await cluster.stop();
    };
    return { backend, dispose };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

backendSuite('etcd with one member', () => openFresh({ members: 1 }));
backendSuite('etcd with three members and TLS', () => openFresh({ members: 3, tls: true }));

backendSuite('our own store served to it over gRPC', async () => {
  const [store, clock, log] = [await createMemoryBackend({ clock: systemClock }), systemClock, silentLogger];
  const listen = [{ secure: false, host: '127.0.0.1', port: 0 }];
  const server = await serveEtcd({ backend: store, name: 'default', listen, clock, log });
  const backend = await open({ endpoints: server.urls, tls: {} });
  const dispose = async () => {
    await backend.close();
    await server.close();
    await store.close();
  };
  return { backend, dispose };
});

const put = (key: string, value: string) => ({ type: 'put', key, value: Buffer.from(value) }) as const;
const create = (key: string, value: string): TxnRequest => ({
  compare: [{ key, target: 'create', result: '=', value: 0 }],
  success: [put(key, value)],
  failure: [],
});

describe('etcd with three members, one of which is killed under load', () => {
  let cluster: EtcdCluster;
  let backend: Backend;
  beforeAll(async () => {
    cluster = await EtcdCluster.start({ members: 3, tls: true });
    backend = await open(cluster);
  });
  afterAll(async () => {
    await backend?.close();
    await cluster?.stop();
  });

  it('goes on writing, loses no acknowledged write, makes none twice, and its watches have neither gap nor repeat', async () => {
    const load = new Load(backend);
    const everything = new Followed(backend, { key: '', rangeEnd: '\0', startRevision: 2 });
    const some = new Followed(backend, { key: 'w1/', rangeEnd: prefixEnd('w1/'), startRevision: 2 });
    await load.until(100);
    const leader = await cluster.leader();
    for (const member of [leader, (leader + 1) % 3, (leader + 2) % 3]) {
      await cluster.kill(member);
      await load.until(load.acknowledged.size + 150);
      cluster.startMember(member);
      await load.until(load.acknowledged.size + 50);
    }
    await load.stop();
    const { kvs, revision } = await backend.range({ key: '', rangeEnd: '\0' });
    for (const watch of [everything, some]) await watch.until(revision);
    // Every key is written once: what is stored is what happened.
    const happened = kvs.map((kv) => `${kv.key}@${kv.modRevision}`).sort(byRevision);
    expect(everything.seen).toEqual(happened);
    expect(some.seen).toEqual(happened.filter((event) => event.startsWith('w1/')));
    const stored = new Map(kvs.map((kv) => [kv.key, kv.modRevision]));
    for (const [key, at] of load.acknowledged) expect(stored.get(key), key).toBe(at);
    expect(everything.repeats).toEqual([]);
    // Whatever is stored was acknowledged, or reported as open.
    for (const key of stored.keys()) expect(load.acknowledged.has(key) || load.open.has(key), key).toBe(true);
  }, 120_000);

  it('answers within its time when no majority is left, and again as soon as there is one', async () => {
    const [one, two] = [(await cluster.leader()) as number, ((await cluster.leader()) + 1) % 3];
    await cluster.kill(one);
    await cluster.kill(two);
    await expect(backend.range({ key: 'k' })).rejects.toMatchObject({ name: 'EtcdError', code: 'UNAVAILABLE' });
    await expect(backend.txn(create('k', 'v'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    cluster.startMember(one);
    cluster.startMember(two);
    await backend.range({ key: 'k' });
  }, 60_000);
});

describe('what is no etcd', () => {
  it('is refused in one line', async () => {
    const to = (endpoints: readonly string[]) => openRemoteBackend({ endpoints, clock: systemClock, log: silentLogger });
    await expect(to(['127.0.0.1:2379'])).rejects.toThrow('"127.0.0.1:2379" is no etcd server: give https://HOST:PORT');
    await expect(to(['http://127.0.0.1:1'])).rejects.toThrow(/^cannot use etcd at http:\/\/127.0.0.1:1: .*ECONNREFUSED/);
  });
});

describe('the API server on etcd', () => {
  it('does what kubectl asks, and its watches go on after the loss of the leader', async () => {
    const cluster = await EtcdCluster.start({ members: 3, tls: true });
    const api = await open(cluster).then((backend) => startTestServer({ backend }));
    try {
      const kubectl = new Kubectl('1.35', api.kubeconfig, join(api.dir, 'home'));
      await kubectl.ok(['create', 'configmap', 'one', '--from-literal=a=1']);
      const watch = kubectl.spawn(['get', 'configmaps', '-w', '--no-headers', '-o', 'name'], { stdio: ['ignore', 'pipe', 'ignore'] });
      const lines: string[] = [];
      const told = (async () => {
        for await (const line of createInterface({ input: watch.stdout! })) if (lines.push(line) === 4) watch.kill();
      })();
      // A list that is slower than what follows would hold its outcome.
      await expect.poll(() => lines, { timeout: 30_000 }).toHaveLength(1);
      await kubectl.ok(['create', 'configmap', 'two']);
      await cluster.kill(await cluster.leader());
      await untilOk(() => kubectl.run(['label', 'configmap', 'two', 'x=y', '--overwrite']));
      expect(await kubectl.ok(['get', 'configmaps', '-l', 'x=y', '-o', 'name'])).toBe('configmap/two\n');
      await untilOk(() => kubectl.run(['delete', 'configmap', 'one', '--ignore-not-found']));
      expect(await kubectl.fails(['get', 'configmap', 'one'])).toContain('"one" not found');
      await told;
      expect(lines.map((line) => line.replace('configmap/', ''))).toEqual(expect.arrayContaining(['one', 'two', 'two', 'one']));
    } finally {
      await api.stop();
      await cluster.stop();
    }
  }, 90_000);
});

describe('porthole server --etcd-servers', () => {
  it('keeps its state in that etcd and opens no store of its own', async () => {
    const cluster = await EtcdCluster.start({ members: 1, tls: true });
    const dir = mkdtempSync(join(tmpdir(), 'porthole-test-server-'));
    const { ca, cert, key } = cluster.files!;
    const server = spawn(process.execPath, [
      ...[join(import.meta.dirname, '../../../dist/main.js'), 'server', '--data-dir', dir],
      ...['--bind-address', '127.0.0.1', '--advertise-address', '192.168.241.1', '--secure-port', String((await freePorts(1))[0])],
      ...['--etcd-servers', cluster.endpoints.join(','), '--etcd-cafile', ca, '--etcd-certfile', cert, '--etcd-keyfile', key],
    ]);
    try {
      for await (const line of createInterface({ input: server.stdout })) if (line.includes('the control plane is up')) break;
      const kubectl = new Kubectl('1.35', join(dir, 'server/admin.kubeconfig'), join(dir, 'home'));
      await kubectl.ok(['create', 'namespace', 'dev']);
      const backend = await open(cluster);
      expect((await backend.range({ key: '/registry/namespaces/dev' })).count).toBe(1);
      await backend.close();
      expect(existsSync(join(dir, 'server/etcd'))).toBe(false);
    } finally {
      const exited = once(server, 'exit');
      server.kill();
      await exited;
      await cluster.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  }, 60_000);
});

/** Writes that an election leaves open are asked for again, as a user would. */
async function untilOk(run: () => Promise<{ readonly code: number; readonly stderr: string }>): Promise<void> {
  for (;;) {
    const { code, stderr } = await run();
    if (code === 0) return;
    expect(stderr).toContain('the store is not available');
  }
}

const revisionIn = (event: string) => Number(event.slice(event.lastIndexOf('@') + 1));
const byRevision = (a: string, b: string) => revisionIn(a) - revisionIn(b);

/** Eight clients that each write one new key after the other. */
class Load {
  readonly acknowledged = new Map<string, number>();
  /** Keys whose writes had no certain outcome. */
  readonly open = new Set<string>();
  #stopped = false;
  #wake = () => {};
  readonly #writers: Promise<void[]>;

  constructor(private readonly backend: Backend) {
    this.#writers = Promise.all(Array.from({ length: 8 }, (_, w) => this.#write(`w${w}`)));
  }

  async until(count: number): Promise<void> {
    while (this.acknowledged.size < count) await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), this.#writers]);
  }

  stop(): Promise<unknown> {
    this.#stopped = true;
    return this.#writers;
  }

  async #write(prefix: string): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const key = `${prefix}/${i}`;
      try {
        const { revision, succeeded } = await this.backend.txn(create(key, 'v'));
        expect(succeeded, `${key} was made before its only write`).toBe(true);
        this.acknowledged.set(key, revision);
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        expect(error.code).toBe('UNAVAILABLE');
        if (error instanceof UnknownOutcomeError) this.open.add(key);
      }
      this.#wake();
    }
  }
}

/** What a watch tells, and how far it has come. */
class Followed {
  readonly seen: string[] = [];
  readonly repeats: string[] = [];
  #revision = 0;
  #wake = () => {};
  readonly #watch: Watch;

  constructor(backend: Backend, request: WatchRequest) {
    this.#watch = backend.watch(request, {
      onBatch: ({ revision, events }) => {
        for (const { kv } of events) {
          if (kv.modRevision <= this.#revision) this.repeats.push(kv.key);
          this.seen.push(`${kv.key}@${kv.modRevision}`);
        }
        this.#revision = revision;
        this.#wake();
      },
      onEnd: (error) => this.seen.push(String(error)),
    });
  }

  /** Until it has told all up to this revision, as it says when asked. */
  async until(revision: number): Promise<void> {
    while (this.#revision < revision) {
      this.#watch.requestProgress();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#watch.cancel();
  }
}
