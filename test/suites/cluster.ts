// A cluster for the tests of clients: an API server over TLS with its store on disk, all controllers, the scheduler, and nodes without
// engines, on which pods run by declaration.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import type { Client } from '../../src/client/client.js';
import { createEventRecorder } from '../../src/client/event-recorder.js';
import type { Informers } from '../../src/client/informer.js';
import { createInformers } from '../../src/client/informers.js';
import type { Pki } from '../../src/cluster/pki.js';
import { DEFAULT_OPTIONS } from '../../src/controllers/default-options.js';
import { controllers } from '../../src/controllers/index.js';
import { startControllers } from '../../src/controllers/manager.js';
import { openLevelBackend } from '../../src/etcd/leveldb.js';
import { startScheduler } from '../../src/scheduler/scheduler.js';
import { startTestServer, type TestServer } from './apiserver.js';
import { addNode, runPods } from './declared-nodes.js';

export const NODES = ['node-1', 'node-2'];

const [clock, random, log] = [systemClock, systemRandom, silentLogger];

export async function startTestCluster(): Promise<TestServer> {
  const store = mkdtempSync(join(tmpdir(), 'porthole-test-store-'));
  const server = await startTestServer({
    backend: await openLevelBackend({ dir: join(store, 'etcd'), clock, random, log }),
    disableAdmissionPlugins: [],
  });
  const { client } = server;
  const informers = createInformers({ client, clock, random, log });
  const loops = startLoops(client, informers, server.pki);
  const kubelets = runPods(client, informers, clock);
  for (const name of NODES) await addNode(client, name, clock);
  return {
    ...server,
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
      await kubelets.stop();
      informers.stop();
      await server.stop();
      rmSync(store, { recursive: true, force: true });
    },
  };
}

function startLoops(client: Client, informers: Informers, { ca }: Pki) {
  const events = (component: string) => createEventRecorder({ client, component, clock, random, log });
  const parts = { client, informers, clock, random, log };
  const options = {
    ...DEFAULT_OPTIONS,
    // Nobody renews the nodes' leases.
    nodeMonitorGracePeriod_ms: 3_600_000,
    clusterSigningCert: ca.cert,
    clusterSigningKey: ca.key,
    rootCa: ca.cert,
  };
  return [startControllers(controllers, { ...parts, options, events }), startScheduler({ ...parts, events })];
}
