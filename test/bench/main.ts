// `npm run bench -- AREA`: measures one area on this machine and prints each figure beside its goal and its yardstick, then the same
// as one line of JSON. Needs root. Exits 0 when it ran: a figure that misses its goal is `ok: false`, not a failure.
import { benchApi } from './api.js';
import { clean } from './cluster.js';
import { benchControllers } from './controllers.js';
import { benchEtcd } from './etcd.js';
import { benchPod } from './pod.js';
import { benchProxy } from './proxy.js';
import { type Row, rowsTable } from './report.js';
import { benchScheduler } from './scheduler.js';
import { benchStart } from './start.js';

const AREAS: { readonly [area: string]: () => Promise<readonly Row[]> } = {
  start: benchStart,
  pod: benchPod,
  etcd: benchEtcd,
  api: benchApi,
  proxy: benchProxy,
  controllers: benchControllers,
  scheduler: benchScheduler,
};
/** A shell's for a command ended by Ctrl-C. */
const INTERRUPTED_STATUS = 130;

const [area = '', ...rest] = process.argv.slice(2);
const bench = Object.hasOwn(AREAS, area) ? AREAS[area] : undefined;
if (!bench || rest.length > 0) {
  process.stderr.write(`usage: npm run bench -- AREA, where AREA is ${Object.keys(AREAS).join(' or ')}\n`);
  process.exit(2);
}
if (process.getuid?.() !== 0) {
  process.stderr.write('bench: root is needed (network namespaces, Docker Engines): run npm run bench, which takes care of it\n');
  process.exit(1);
}
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => void clean().finally(() => process.exit(INTERRUPTED_STATUS)));
}

// What a killed run left.
await clean();
let rows: readonly Row[];
try {
  rows = await bench();
} finally {
  await clean();
}
process.stdout.write(`${rowsTable(rows)}\n${JSON.stringify({ area, rows })}\n`);
