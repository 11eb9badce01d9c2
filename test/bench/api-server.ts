// An API server for the benchmark in a process of its own, so that its CPU time is the server's alone: on a LevelDB store, with TLS, without
// controllers. Argument: a directory that keeps store and certificates. Prints one line of JSON once it serves; ends on SIGTERM.
import { join } from 'node:path';
import { systemClock as clock, systemRandom as random } from '../../src/apimachinery/clock.js';
import { silentLogger as log } from '../../src/apimachinery/logger.js';
import { createApiServer } from '../../src/apiserver/index.js';
import { ensurePki } from '../../src/cluster/pki.js';
import { openLevelBackend } from '../../src/etcd/leveldb.js';

/** The line that it prints: where it listens, and the administrator's PEM identity. */
export interface ServerLine {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const dir = process.argv[2]!;
const pki = await ensurePki({ dir: join(dir, 'pki'), altNames: [], serviceIp: '10.96.0.1', clock, random, log });
const backend = await openLevelBackend({ dir: join(dir, 'etcd'), clock, log });
const server = await createApiServer({
  backend,
  clock,
  random,
  log,
  tls: { ...pki.apiserver, clientCa: pki.ca.cert },
  bind: { address: '127.0.0.1', port: 0 },
  serviceCidr: '10.96.0.0/12',
  nodePorts: { min: 30000, max: 32767 },
  advertiseAddress: '192.168.241.1',
  kubeletClient: { ...pki.kubeletClient, ca: pki.ca.cert },
  // No controller makes the accounts that it looks for.
  disableAdmissionPlugins: ['ServiceAccount'],
});
const { port } = await server.listen();
const line: ServerLine = { url: `https://127.0.0.1:${port}`, ca: pki.ca.cert, ...pki.admin };
process.stdout.write(`${JSON.stringify(line)}\n`);
process.once('SIGTERM', async () => {
  await server.close();
  await backend.close();
});
