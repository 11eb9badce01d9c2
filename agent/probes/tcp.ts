// One TCP connection as probes make it: open, and close again.
import { connect } from 'node:net';
import { goError, hostPort } from './go-errors.js';

/** Rejects, in Go's words, where the port does not accept within the time. */
export function tcpConnect(host: string, port: number, timeout_ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: timeout_ms });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => socket.destroy(new Error(`dial tcp ${hostPort(host, port)}: i/o timeout`)));
    socket.once('error', (error) => reject(new Error(goError(error, host, port))));
  });
}
