// `npm run bench -- api`: what a request costs the API server's process, over TLS, in JSON, with the durable store included, and how long it takes.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BenchClient, BenchServer } from './api-client.js';
import { idleWatches } from './api-idle.js';
import { type Cost, configMap, createMany, load, pod } from './api-load.js';
import { cpu_ms, rss_MB } from './proc.js';
import { median, progress, type Row, row } from './report.js';

/** A real disk, where /tmp may be memory. */
const DISK = '/var/tmp';
const CLIENTS = [1, 16, 64];
/** The number of clients that the goals are for. */
const GOAL_CLIENTS = 16;
const LOAD_MS = 3_000;
/** Before anything is measured, so that what is measured is compiled. */
const WARM_UP_MS = 1_500;
/** Done in any case: on a slow machine that time is not enough. */
const WARM_UP_OPERATIONS = 5_000;
const TURNS = 3;
const LIST_OBJECTS = 5_000;
const LIST_VALUE_BYTES = 2_048 - 250;
const LISTS = 10;
const WATCHERS = 100;
const WATCHED_CREATES = 500;
const PODS = 10_000;
const POD_BYTES = 4_096;
const FEW = 1_000;
const MANY = 100_000;

const GOAL = { create_ms: 0.35, get_ms: 0.12, list_ms: 25, patch_ms: 0.4, event_ms: 0.01, creates: 2_000, gets: 6_000 };
const READY_GOAL_S = 1;
const POD_MEMORY_GOAL_MB = 12;
const GROWTH_GOAL = 1.3;

const path = (namespace: string, name = '') => `/api/v1/namespaces/${namespace}/configmaps${name && `/${name}`}`;

export async function benchApi(): Promise<readonly Row[]> {
  const dir = mkdtempSync(join(DISK, 'porthole-bench-api-'));
  try {
    return [
      ...(await withServer(join(dir, 'load'), requests)),
      ...(await withServer(join(dir, 'watch'), watching)),
      ...(await idleWatches(join(dir, 'idle'))),
      ...(await memory(join(dir, 'pods'))),
      ...(await growth(dir)),
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

type Measure = (server: BenchServer, clients: readonly BenchClient[]) => Promise<readonly Row[]>;

async function withServer(dir: string, measure: Measure): Promise<readonly Row[]> {
  const server = await BenchServer.start(dir);
  const clients = Array.from({ length: Math.max(...CLIENTS) }, () => new BenchClient(server.line));
  try {
    return await measure(server, clients);
  } finally {
    for (const client of clients) client.close();
    await server.stop();
  }
}

let made = 0;
const create = (client: BenchClient) => {
  const name = `made-${++made}`;
  return client.request('POST', path('default'), configMap(name, 1024));
};
const get = (client: BenchClient) => client.request('GET', path('default', 'one'));
const patchOf = (name: string) => (client: BenchClient) =>
  client.request('PATCH', path('default', name), Buffer.from(`{"data":{"n":"${++made}"}}`), 'application/merge-patch+json');

async function requests(server: BenchServer, clients: readonly BenchClient[]): Promise<readonly Row[]> {
  await clients[0]!.request('POST', path('default'), configMap('one', 1024));
  const run = (count: number, duration_ms: number, operation: (client: BenchClient) => Promise<unknown>) =>
    load(server.pid, clients.slice(0, count), duration_ms, operation);
  for (const operation of [create, get, patchOf('one')]) await warmUp(server, clients, operation);
  const measured = async (name: string, operation: (client: BenchClient) => Promise<unknown>, counts: readonly number[]) => {
    const costs = new Map<number, Cost>();
    for (const count of counts) {
      progress(`${name}, ${count} clients`);
      costs.set(count, await run(count, LOAD_MS, operation));
    }
    return costs;
  };
  const creates = await measured('create', create, CLIENTS);
  const gets = await measured('get', get, CLIENTS);
  const patches = await measured('patch of one object', patchOf('one'), [1, GOAL_CLIENTS]);
  return [
    ...costRows('create a ConfigMap of 1 KiB', creates, GOAL.create_ms, '1.2-1.9'),
    rateRow('create', creates, GOAL.creates, '374-760'),
    ...costRows('get one', gets, GOAL.get_ms, '0.57-0.9'),
    rateRow('get', gets, GOAL.gets, '990-1525'),
    ...costRows('merge patch of the same object', patches, GOAL.patch_ms, '10-15'),
    await listing(server, clients[0]!),
  ];
}

const warmUp = (server: BenchServer, clients: readonly BenchClient[], operation: (client: BenchClient) => Promise<unknown>) =>
  load(server.pid, clients.slice(0, GOAL_CLIENTS), WARM_UP_MS, operation, WARM_UP_OPERATIONS);

/** CPU of the server per operation, each with its rate; the goal stands at the number of clients that it is for. */
function costRows(name: string, costs: ReadonlyMap<number, Cost>, goal: number, known: string): readonly Row[] {
  return [...costs].map(([clients, cost]) =>
    row(`CPU: ${name}, ${clients} ${clients === 1 ? 'client' : 'clients'}`, cost.cpu_ms, 'ms', {
      ...(clients === GOAL_CLIENTS ? { goal } : {}),
      yardstick: `${Math.round(cost.rate)}/s${clients === GOAL_CLIENTS ? `; known: Kubernetes ${known} ms` : ''}`,
    }),
  );
}

/** The time that each takes when many come at once: the goal is a rate, of which this is the inverse, so that less is better. */
function rateRow(name: string, costs: ReadonlyMap<number, Cost>, goal: number, known: string): Row {
  const { rate } = costs.get(GOAL_CLIENTS)!;
  return row(`time a ${name}, ${GOAL_CLIENTS} clients`, 1000 / rate, 'ms', {
    goal: 1000 / goal,
    yardstick: `${Math.round(rate)}/s, wanted ${goal}/s; known: Kubernetes ${known}/s`,
  });
}

async function listing(server: BenchServer, client: BenchClient): Promise<Row> {
  progress(`list of ${LIST_OBJECTS} objects`);
  await client.request('POST', '/api/v1/namespaces', Buffer.from('{"metadata":{"name":"listed"}}'));
  await createMany([client], LIST_OBJECTS, (each, i) => each.request('POST', path('listed'), configMap(`listed-${i}`, LIST_VALUE_BYTES)));
  const costs: number[] = [];
  const times: number[] = [];
  for (let i = 0; i < TURNS; i++) {
    const cost = await load(server.pid, [client], 0, () => client.request('GET', path('listed')), LISTS);
    costs.push(cost.cpu_ms);
    times.push(1000 / cost.rate);
  }
  return row(`CPU: list of ${LIST_OBJECTS} objects of 2 KiB`, median(costs), 'ms', {
    goal: GOAL.list_ms,
    yardstick: `${median(times).toFixed(0)} ms of wall time; known: Kubernetes 187-224 ms, from its cache 78-122 ms`,
  });
}

/** What each event costs for each watcher: the CPU of creates with watchers less that of creates without, spread. */
async function watching(server: BenchServer, clients: readonly BenchClient[]): Promise<readonly Row[]> {
  const writers = clients.slice(0, GOAL_CLIENTS);
  await load(server.pid, writers, WARM_UP_MS, create);
  const creates = () => load(server.pid, writers, 0, create, WATCHED_CREATES);
  const rows: Row[] = [];
  for (const shared of [true, false]) {
    progress(`${WATCHERS} watchers, ${shared ? 'one connection' : 'a connection each'}`);
    const without = median([await creates(), await creates(), await creates()].map(({ cpu_ms: cost }) => cost));
    const watchers = Array.from({ length: shared ? 1 : WATCHERS }, () => new BenchClient(server.line));
    const events = { seen: 0 };
    for (let i = 0; i < WATCHERS; i++) {
      await watchers[i % watchers.length]!.watch(`${path('default')}?watch=true&resourceVersion=0&timeoutSeconds=600`, (bytes) => {
        for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) events.seen++;
      });
    }
    await settled(events);
    const begun = events.seen;
    const before_ms = cpu_ms(server.pid);
    const started_ms = performance.now();
    await creates();
    await settled(events, begun + WATCHED_CREATES * WATCHERS);
    const elapsed_s = (performance.now() - started_ms) / 1000;
    const each_ms = ((cpu_ms(server.pid) - before_ms) / WATCHED_CREATES - without) / WATCHERS;
    rows.push(
      row(`CPU: an event to a watcher, ${WATCHERS} watchers, ${shared ? 'one connection' : 'a connection each'}`, each_ms, 'ms', {
        ...(shared ? { goal: GOAL.event_ms } : {}),
        yardstick: `${Math.round((WATCHED_CREATES * WATCHERS) / elapsed_s)} events/s${shared ? '; known: Kubernetes 0.03 ms' : ''}`,
      }),
    );
    for (const watcher of watchers) watcher.close();
  }
  return rows;
}

/** Until nothing more has come for a moment, or exactly `wanted` events have. */
async function settled(events: { readonly seen: number }, wanted?: number): Promise<void> {
  const QUIET_MS = 300;
  for (let last = -1; wanted === undefined ? events.seen !== last : events.seen < wanted; ) {
    last = events.seen;
    await new Promise((resolve) => setTimeout(resolve, wanted === undefined ? QUIET_MS : 1));
  }
}

async function memory(dir: string): Promise<readonly Row[]> {
  progress(`${PODS} pods`);
  const use = { before: 0, after: 0 };
  await withServer(dir, async (_server, clients) => {
    const create = (client: BenchClient, name: string, filler: number) =>
      client.request('POST', '/api/v1/namespaces/default/pods', pod(name, filler));
    // What is answered is what is stored.
    const filler = POD_BYTES - (await create(clients[0]!, 'first', 0));
    await createMany(clients.slice(0, GOAL_CLIENTS), PODS, (client, i) => create(client, `pod-${i}`, filler));
    return [];
  });
  const starts: number[] = [];
  for (let i = 0; i < TURNS; i++) {
    await withServer(dir, async (server, clients) => {
      starts.push(server.ready_ms);
      await clients[0]!.request('GET', path('default'));
      use.before = rss_MB(server.pid);
      // It looks at all of them and shows none, so that an answer's own buffers do not count for the cache.
      await clients[0]!.request('GET', '/api/v1/namespaces/default/pods?labelSelector=no%3Dsuch&resourceVersion=0');
      use.after = rss_MB(server.pid);
      return [];
    });
  }
  return [
    row(`ready with ${PODS} objects stored`, median(starts) / 1000, 's', { goal: READY_GOAL_S }),
    row('memory of 1,000 stored pods of 4 KiB', (use.after - use.before) / (PODS / 1000), 'MB', {
      goal: POD_MEMORY_GOAL_MB,
      yardstick: `${use.before.toFixed(0)} MB before, ${use.after.toFixed(0)} MB with ${PODS} pods in the cache`,
    }),
  ];
}

async function growth(dir: string): Promise<readonly Row[]> {
  const operations = { create, get, patch: patchOf('one') };
  const costsWith = async (stored: number) => {
    progress(`${stored} objects stored`);
    const costs: Record<string, number> = {};
    await withServer(join(dir, `stored-${stored}`), async (server, clients) => {
      const sixteen = clients.slice(0, GOAL_CLIENTS);
      await createMany(sixteen, stored, (client, i) => client.request('POST', path('default'), configMap(`stored-${i}`, 1024)));
      await clients[0]!.request('POST', path('default'), configMap('one', 1024));
      for (const [name, operation] of Object.entries(operations)) {
        await warmUp(server, sixteen, operation);
        costs[name] = (await load(server.pid, sixteen, LOAD_MS, operation)).cpu_ms;
      }
      return [];
    });
    return costs;
  };
  const [few, many] = [await costsWith(FEW), await costsWith(MANY)];
  return Object.keys(operations).map((name) =>
    row(`CPU: ${name} among ${MANY} objects, to one among ${FEW}`, many[name]! / few[name]!, 'x', {
      goal: GROWTH_GOAL,
      yardstick: `${many[name]!.toFixed(3)} ms, ${few[name]!.toFixed(3)} ms`,
    }),
  );
}
