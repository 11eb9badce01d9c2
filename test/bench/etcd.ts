// `npm run bench -- etcd`: the store on LevelDB beside Debian's etcd in turns, on the same disk and by the same client; then the store alone.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import { PROJECT_ROOT } from '../../src/apimachinery/project-root.js';
import { type Backend, prefixEnd } from '../../src/etcd/backend.js';
import { openLevelBackend } from '../../src/etcd/leveldb.js';
import { openRemoteBackend } from '../../src/etcd/remote.js';
import { EtcdCluster, freePorts } from '../suites/etcd-cluster.js';
import { type Cost, fill, keyAt, writeLoad } from './etcd-load.js';
import { median, progress, type Row, row } from './report.js';

/** A real disk, where /tmp may be memory. */
const DISK = '/var/tmp';
const PORTHOLE = join(PROJECT_ROOT, 'dist/main.js');
/** In turns, so that a slow stretch of the machine meets both. */
const TURNS = 3;
const LOAD_MS = 2_000;
const WRITERS = 64;
const CLIENTS = [1, 16, 64];
const RANGE_KEYS = 10_000;
const OPENED_KEYS = 100_000;
const MANY_KEYS = 1_000_000;
const FEW_KEYS = 1_000;
const WATCHERS = 1_000;

const RATE_GOAL = 4;
const CPU_GOAL = 4;
const RANGE_GOAL_MS = 60;
const OPEN_GOAL_S = 1;
const WATCHERS_GOAL = 2;
const GROWTH_GOAL = 1.5;

export async function benchEtcd(): Promise<readonly Row[]> {
  const dir = mkdtempSync(join(DISK, 'porthole-bench-etcd-'));
  try {
    return [...(await besideEtcd(dir)), ...(await inProcess(dir))];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const openLevel = (dir: string) => openLevelBackend({ dir, clock: systemClock, log: silentLogger });
const connect = (endpoint: string) => openRemoteBackend({ endpoints: [endpoint], clock: systemClock, log: silentLogger });

async function besideEtcd(dir: string): Promise<readonly Row[]> {
  const etcd = await EtcdCluster.start({ members: 1, parent: dir });
  const served = await serveStore(join(dir, 'served'));
  const opened: Backend[] = [];
  const open = async (backend: Promise<Backend>) => {
    opened.push(await backend);
    return opened.at(-1)!;
  };
  try {
    const toEtcd = await open(connect(etcd.endpoints[0]!));
    const toServed = await open(connect(served.url));
    const here = await open(openLevel(join(dir, 'here')));
    const costs = { here: [] as Cost[], etcd: new Map<number, Cost[]>(), served: new Map<number, Cost[]>() };
    for (let turn = 1; turn <= TURNS; turn++) {
      progress(`turn ${turn} of ${TURNS}: writes in process, over gRPC, and to etcd`);
      costs.here.push(await writeLoad(here, WRITERS, LOAD_MS));
      for (const clients of CLIENTS) {
        add(costs.etcd, clients, await writeLoad(toEtcd, clients, LOAD_MS, [etcd.pid(0)]));
        add(costs.served, clients, await writeLoad(toServed, clients, LOAD_MS, [served.process.pid!]));
      }
    }
    return comparison(costs);
  } finally {
    for (const backend of opened) await backend.close();
    const exited = once(served.process, 'exit');
    served.process.kill();
    await exited;
    await etcd.stop();
  }
}

/** Measured too, so no more digits than a figure. */
const goal = (value: number) => Number(value.toPrecision(3));

function add(costs: Map<number, Cost[]>, clients: number, cost: Cost): void {
  costs.set(clients, [...(costs.get(clients) ?? []), cost]);
}

interface Costs {
  readonly here: readonly Cost[];
  readonly etcd: ReadonlyMap<number, readonly Cost[]>;
  readonly served: ReadonlyMap<number, readonly Cost[]>;
}

/** Times per write, so that less is better in every row. */
function comparison({ here, etcd, served }: Costs): readonly Row[] {
  const middle = (costs: readonly Cost[], of: (cost: Cost) => number) => median(costs.map(of));
  const time_ms = (costs: readonly Cost[]) => 1000 / middle(costs, ({ rate }) => rate);
  const rate = (costs: readonly Cost[]) => `${Math.round(middle(costs, (cost) => cost.rate))}/s`;
  const [theirs, cpu] = [etcd.get(WRITERS)!, ({ cpu_ms }: Cost) => cpu_ms];
  const own = middle(here, ({ ownCpu_ms }) => ownCpu_ms);
  const client = `its client besides: ${(1000 * middle(theirs, ({ ownCpu_ms }) => ownCpu_ms)).toFixed(0)} us`;
  return [
    row(`write in process, ${WRITERS} writers`, time_ms(here), 'ms', {
      goal: goal(time_ms(theirs) / RATE_GOAL),
      yardstick: `${rate(here)}; etcd over gRPC ${rate(theirs)}`,
    }),
    row(`CPU of a write in process, ${WRITERS} writers`, own, 'ms', {
      goal: goal(middle(theirs, cpu) / CPU_GOAL),
      yardstick: `etcd ${(1000 * middle(theirs, cpu)).toFixed(0)} us; ${client}`,
    }),
    ...CLIENTS.map((clients) => {
      const [our, their] = [served.get(clients)!, etcd.get(clients)!];
      const cpus = `CPU of the server ${(1000 * middle(our, cpu)).toFixed(0)} us, etcd ${(1000 * middle(their, cpu)).toFixed(0)} us`;
      return row(`write over gRPC, ${clients} ${clients === 1 ? 'client' : 'clients'}`, time_ms(our), 'ms', {
        goal: goal(time_ms(their)),
        yardstick: `${rate(our)}; etcd ${rate(their)}; ${cpus}`,
      });
    }),
  ];
}

/** `porthole etcd` in a process of its own. */
async function serveStore(dir: string): Promise<{ readonly process: ChildProcess; readonly url: string }> {
  const url = `http://127.0.0.1:${(await freePorts(1))[0]}`;
  const process_ = spawn(process.execPath, [PORTHOLE, 'etcd', '--data-dir', dir, '--listen-client-urls', url], { stdio: 'ignore' });
  return { process: process_, url };
}

async function inProcess(dir: string): Promise<readonly Row[]> {
  const path = join(dir, 'alone');
  let backend = await openLevel(path);
  try {
    progress('ranges, opening, watchers');
    await fill(backend, 0, RANGE_KEYS);
    const range_ms = await medianOf(TURNS, () => rangeAll(backend, RANGE_KEYS));
    const watching = await withWatchers(backend);
    const few = await openLevel(join(dir, 'few'));
    await fill(few, 0, FEW_KEYS).finally(() => few.close());
    await fill(backend, RANGE_KEYS, OPENED_KEYS);
    const open_ms = await medianOf(TURNS, async () => {
      await backend.close();
      const begun_ms = performance.now();
      backend = await openLevel(path);
      return performance.now() - begun_ms;
    });
    progress(`filling the store with ${MANY_KEYS} keys`);
    await fill(backend, OPENED_KEYS, MANY_KEYS);
    return [
      row(`range of ${RANGE_KEYS} keys of 1 KiB in process`, range_ms, 'ms', { goal: RANGE_GOAL_MS }),
      row(`opening a database of ${OPENED_KEYS} keys`, open_ms / 1000, 's', { goal: OPEN_GOAL_S }),
      row(`write with ${WATCHERS} watchers, to one with none`, watching, 'x', { goal: WATCHERS_GOAL }),
      row(`write among ${MANY_KEYS} keys, to one among ${FEW_KEYS}`, await growth(backend, join(dir, 'few')), 'x', { goal: GROWTH_GOAL }),
    ];
  } finally {
    await backend.close();
  }
}

async function medianOf(times: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let i = 0; i < times; i++) values.push(await measure());
  return median(values);
}

async function rangeAll(backend: Backend, keys: number): Promise<number> {
  const begun_ms = performance.now();
  const { kvs } = await backend.range({ key: keyAt(0), rangeEnd: keyAt(keys) });
  if (kvs.length !== keys) throw new Error(`the range holds ${kvs.length} keys instead of ${keys}`);
  return performance.now() - begun_ms;
}

/** How much longer a write takes when each of many watchers follows a prefix of its own, beside the keys and at them. */
async function withWatchers(backend: Backend): Promise<number> {
  const rate = async () => (await writeLoad(backend, WRITERS, LOAD_MS)).rate;
  const ratios: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const none = await rate();
    const watches = Array.from({ length: WATCHERS }, (_, i) => {
      // Of 8 digits the last is free: ten keys each.
      const prefix = keyAt(i * 10).slice(0, -1);
      return backend.watch({ key: prefix, rangeEnd: prefixEnd(prefix) }, { onBatch: () => {}, onEnd: () => {} });
    });
    ratios.push(none / (await rate()));
    for (const watch of watches) watch.cancel();
  }
  return median(ratios);
}

async function growth(many: Backend, fewDir: string): Promise<number> {
  const few = await openLevel(fewDir);
  try {
    const ratios: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      const among = (backend: Backend) => writeLoad(backend, WRITERS, LOAD_MS, [], backend === few ? FEW_KEYS : MANY_KEYS);
      const little = await among(few);
      ratios.push(little.rate / (await among(many)).rate);
    }
    return median(ratios);
  } finally {
    await few.close();
  }
}
