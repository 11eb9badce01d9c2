// Watches at rest: what thousands of them cost the server in CPU and in memory while nothing changes.
import { setTimeout as pause } from 'node:timers/promises';
import { BenchClient, BenchServer } from './api-client.js';
import { rss_MB, threadsCpu_ms } from './proc.js';
import { progress, type Row, row } from './report.js';

const WATCHES = 5_000;
/** A connection carries at most 1,000 streams. */
const CONNECTIONS = 10;
const REST_MS = 10_000;
/** What opening them leaves to be done: compiling, and collecting garbage. */
const SETTLE_MS = 3_000;
/** A thousandth of a core. */
const GOAL_MS = 10;
const PATH = '/api/v1/configmaps';

export async function idleWatches(dir: string): Promise<readonly Row[]> {
  const server = await BenchServer.start(dir);
  const clients = Array.from({ length: CONNECTIONS }, () => new BenchClient(server.line));
  try {
    for (const client of clients) await client.request('GET', PATH);
    progress('no watch at rest');
    const [without_ms, before_MB] = [await restCpu_ms(server.pid), rss_MB(server.pid)];
    progress(`${WATCHES} watches at rest`);
    for (let i = 0; i < WATCHES; i += CONNECTIONS) {
      // As informers do; a bookmark comes once a minute, and not within the time that is looked at.
      await Promise.all(clients.map((client) => client.watch(`${PATH}?watch=true&allowWatchBookmarks=true&resourceVersion=0`, () => {})));
    }
    const [with_ms, after_MB] = [await restCpu_ms(server.pid), rss_MB(server.pid)];
    return [
      row(`CPU: ${WATCHES} idle watches, in ${REST_MS / 1000} s`, Math.max(0, with_ms - without_ms), 'ms', {
        goal: GOAL_MS,
        yardstick: `${with_ms.toFixed(1)} ms with them, ${without_ms.toFixed(1)} ms without`,
      }),
      row('memory of 1,000 idle watches', ((after_MB - before_MB) / WATCHES) * 1_000, 'MB', {
        yardstick: `${before_MB.toFixed(0)} MB before, ${after_MB.toFixed(0)} MB with ${WATCHES}, on ${CONNECTIONS} connections`,
      }),
    ];
  } finally {
    for (const client of clients) client.close();
    await server.stop();
  }
}

async function restCpu_ms(pid: number): Promise<number> {
  await pause(SETTLE_MS);
  const before_ms = threadsCpu_ms(pid);
  await pause(REST_MS);
  return threadsCpu_ms(pid) - before_ms;
}
