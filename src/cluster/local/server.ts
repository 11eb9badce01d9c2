// The local cluster's control plane process: started under a supervisor, ready when /readyz says so.
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import type { Clock } from '../../apimachinery/clock.js';
import { PROJECT_ROOT } from '../../apimachinery/project-root.js';
import { PORT_API } from '../../kinds/wellknown.js';
import { deathOf, startSupervised, stopSupervised } from './process.js';
import type { ClusterLayout } from './state.js';
import { waitFor } from './wait.js';

/** Two seconds are the goal; a loaded machine or a large store to recover takes longer. */
const READY_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 2_000;
/** Watches are ended and the store is closed well within this. */
const STOP_GRACE_MS = 10_000;

/** Node and our own entry point: what every component is run by. */
export const portholeCommand = (...args: string[]): readonly string[] => [process.execPath, join(PROJECT_ROOT, 'dist/main.js'), ...args];

export async function startServer(layout: ClusterLayout, extraArgs: readonly string[]): Promise<void> {
  await startSupervised(
    layout.server,
    portholeCommand(
      'server',
      `--data-dir=${layout.serverDir}`,
      `--advertise-address=${layout.gateway}`,
      `--secure-port=${layout.port}`,
      ...etcdArgs(layout),
      ...extraArgs,
    ),
  );
}

/** etcd's port is the default cluster's; for another one it takes an --etcd-listen-client-urls among the server's own flags. */
const etcdArgs = ({ port }: ClusterLayout): readonly string[] => (port === PORT_API ? [] : ['--etcd-listen-client-urls=']);

/** Resolves once the API server answers /readyz with ok. */
export async function waitForServer(layout: ClusterLayout, clock: Clock): Promise<void> {
  await waitFor(async () => ((await isReady(layout)) ? true : undefined), {
    clock,
    timeout_ms: READY_TIMEOUT_MS,
    what: 'the control plane does not start',
    failure: () => deathOf(layout.server),
  });
}

export const stopServer = (layout: ClusterLayout, clock: Clock) => stopSupervised(layout.server, clock, STOP_GRACE_MS);

async function isReady(layout: ClusterLayout): Promise<boolean> {
  let ca: string;
  try {
    ca = await readFile(layout.caFile, 'utf8');
  } catch (error) {
    // The server makes its certificates at its first start.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  return new Promise((resolve) => {
    const outgoing = request(`${layout.localUrl}/readyz`, { ca, agent: false, timeout: PROBE_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    outgoing.on('timeout', () => outgoing.destroy());
    // Not listening yet, or not with this CA's certificate: asked again until the time-out.
    outgoing.on('error', () => resolve(false));
    outgoing.end();
  });
}
