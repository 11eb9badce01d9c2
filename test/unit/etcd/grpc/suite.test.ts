// The gRPC server of the embedded store, seen through our client of a real etcd: together they are a Backend like any other.
import { systemClock } from '../../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import { serveEtcd } from '../../../../src/etcd/grpc/server.js';
import { createMemoryBackend } from '../../../../src/etcd/memory.js';
import { openRemoteBackend } from '../../../../src/etcd/remote.js';
import { backendSuite } from '../../../suites/backend.js';

backendSuite('the embedded store over gRPC', async () => {
  const clock = systemClock;
  const log = silentLogger;
  const store = await createMemoryBackend({ clock });
  const server = await serveEtcd({ backend: store, name: 'default', listen: [{ secure: false, host: '127.0.0.1', port: 0 }], clock, log });
  const backend = await openRemoteBackend({ endpoints: server.urls, clock, log });
  return {
    backend,
    async dispose() {
      await backend.close();
      await server.close();
      await store.close();
    },
  };
});
