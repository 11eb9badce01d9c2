// One command at a time works on a cluster: a lock that the kernel lets go of with its holder, however that ends.
import { createServer } from 'node:net';
import { UserError } from './user-error.js';

export interface Lock {
  release(): void;
}

/** Holds the process alive while held. Rejects with a UserError where another command works on the cluster. */
export function lockCluster(name: string): Promise<Lock> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      reject(new UserError(`another porthole command is working on cluster ${name}: wait for it to end, then try again`));
    });
    // An abstract socket: no file that a killed holder could leave.
    server.listen(`\0porthole/${name}/lock`, () => resolve({ release: () => server.close() }));
  });
}
