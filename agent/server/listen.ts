// Listening on a port that somebody else may have.
import type { Server } from 'node:net';

/** Rejects where the port cannot be had; `flag` chooses another. */
export function listen(server: Server, port: number, address: string, flag: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        new Error(taken ? `port ${port} of ${address} is already in use: another kubelet runs there, or choose ${flag}` : error.message),
      );
    });
    server.listen(port, address, () => resolve());
  });
}
