// One case of the scheduler's benchmark in a process of its own: an API server on a LevelDB store, nodes by declaration, pods that are there
// before the scheduler starts, and the scheduler in the same process, as `porthole server` runs it, or in another over HTTPS. Argument: the
// case as JSON. Prints its result as one line of JSON.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock as clock, systemRandom as random } from '../../src/apimachinery/clock.js';
import { silentLogger as log } from '../../src/apimachinery/logger.js';
import type { Client } from '../../src/client/client.js';
import { componentClient, SCHEDULER } from '../../src/cluster/component-clients.js';
import { openLevelBackend } from '../../src/etcd/leveldb.js';
import { nodes } from '../../src/kinds/core/node.js';
import { pods } from '../../src/kinds/core/pod.js';
import { priorityClasses } from '../../src/kinds/scheduling/priorityclass.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import { startTestServer, type TestServer } from '../suites/apiserver.js';
import { type Started, startLoop } from './scheduler-loop.js';
import { type Case, HIGH_PRIORITY, lowOn, nodeOf, podsOf, VICTIMS, WARM_UP } from './scheduler-pods.js';

export interface LabResult {
  /** How many were placed in how long. */
  readonly pods: number;
  readonly seconds: number;
  /** Of the process that the scheduler runs in. */
  readonly cpu_ms: number;
  readonly cycles_ms: { readonly p50: number; readonly p99: number };
}

/** A real disk, where /tmp may be memory. */
const DISK = '/var/tmp';
/** Requests of the benchmark itself under way at once. */
const AT_ONCE = 64;

const which = JSON.parse(process.argv[2]!) as Case;
const dir = mkdtempSync(join(DISK, 'porthole-bench-scheduler-'));
const server = await startTestServer({
  backend: await openLevelBackend({ dir: join(dir, 'etcd'), clock, random, log }),
  // No controllers make the accounts, or take away the taints and finalizers, that these set.
  disableAdmissionPlugins: ['ServiceAccount', 'StorageObjectInUseProtection', 'TaintNodesByCondition'],
});
let apartChild: ReturnType<typeof fork> | undefined;

async function measure({ client }: TestServer, { size, kind, apart }: Case): Promise<LabResult> {
  await each(size.nodes, (i) => createNode(client, nodeOf(i)));
  const { before, warmUp, measured, meanwhile } = podsOf(kind, size);
  const preempts = kind === 'preemption' || kind === 'all-preempt';
  if (preempts) await client.create(priorityClasses, { metadata: { name: HIGH_PRIORITY }, value: 1_000 });
  await each(before.length, (i) => client.create(pods, before[i]!));
  const start = apart ? startApart : startHere;
  // What is measured next is compiled by then, as that of a server that has run for a while.
  const first = await start();
  for (let made = 0, round = 1; made < WARM_UP; made += warmUp.length, round++) {
    await each(warmUp.length, (i) => client.create(pods, warmUp[i]!));
    await placed(client, warmUp.length, isOf('warm-up'));
    if (preempts) await makeAsBefore(client, round);
  }
  await first.stop();
  await each(measured.length, (i) => client.create(pods, measured[i]!));
  const began_ms = performance.now();
  const second = await start();
  const others = meanwhile && again(meanwhile.every_ms, (i) => client.create(pods, meanwhile.make(i)));
  const ended_ms = await placed(client, measured.length, isOf('measured'));
  await others?.stop();
  const cost = await second.stop();
  return { pods: measured.length, seconds: (ended_ms - began_ms) / 1000, ...cost };
}

/** Does it at once and after each interval. */
function again(every_ms: number, act: (i: number) => Promise<unknown>) {
  const acts = [act(0)];
  const timer = setInterval(() => acts.push(act(acts.length)), every_ms);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(acts);
    },
  };
}

/** Nodes that have been taken get such pods again as had to go. */
async function makeAsBefore(client: Client, round: number): Promise<void> {
  const warmUp = (await client.list(pods)).items.filter(isOf('warm-up'));
  await each(warmUp.length, (i) => client.delete(pods, warmUp[i]!.metadata));
  const taking = warmUp.filter(({ spec }) => spec.priorityClassName === HIGH_PRIORITY);
  const low = taking.flatMap(({ spec }) => lowOn(spec.nodeName!, `again-${round}-${spec.nodeName}`, VICTIMS));
  await each(low.length, (i) => client.create(pods, low[i]!));
}

async function createNode(client: Client, node: ReturnType<typeof nodeOf>): Promise<void> {
  await client.create(nodes, { metadata: node.metadata });
  await client.patch(nodes, node.metadata, 'application/merge-patch+json', { status: node.status }, 'status');
}

const isOf =
  (stage: string) =>
  ({ metadata }: Pod) =>
    metadata.labels?.['stage'] === stage;

/** Resolves with the time at which the last of `count` such pods was seen to have its node, or to go for another. */
async function placed(client: Client, count: number, which: (pod: Pod) => boolean): Promise<number> {
  const { items, resourceVersion } = await client.list(pods, { resourceVersion: '0' });
  const done = new Set<string>();
  const see = (pod: Pod, type?: string) => {
    if ((pod.spec.nodeName || type === 'DELETED') && which(pod)) done.add(pod.metadata.uid);
    return done.size === count;
  };
  if (count === 0 || items.map((pod) => see(pod)).some(Boolean)) return performance.now();
  for await (const { type, object } of client.watch(pods, { resourceVersion }, new AbortController().signal)) {
    if (see(object, type)) return performance.now();
  }
  throw new Error('the watch ended before all pods had a node');
}

function startHere(): Promise<Started> {
  return Promise.resolve(startLoop(componentClient(server.server, SCHEDULER)));
}

/** In a process of its own, as `porthole scheduler` is. */
async function startApart(): Promise<Started> {
  const { ca, scheduler } = server.pki;
  const child = apartProcess();
  child.send({ start: { server: server.url, ca: ca.cert, ...scheduler } });
  return {
    async stop() {
      const answer = once(child, 'message') as Promise<[Awaited<ReturnType<Started['stop']>>]>;
      child.send({ stop: true });
      return (await answer)[0];
    },
  };
}

/** One for all that is started in it, so that the second finds its code compiled. */
function apartProcess() {
  if (!apartChild) {
    apartChild = fork(join(import.meta.dirname, 'scheduler-apart.js'), { stdio: ['ignore', 2, 2, 'ipc'] });
    apartChild.once('exit', (code) => code && process.exit(code));
    // It ends with the channel, and the channel with this process.
    apartChild.unref();
    apartChild.channel?.unref();
  }
  return apartChild;
}

async function each(count: number, act: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await act(next++);
    }),
  );
}

try {
  const result = await measure(server, which);
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
}
