// Stopping a local cluster: nothing of it runs any more, its data stays.
import { systemClock } from '../../apimachinery/clock.js';
import { stopCluster } from './cluster.js';
import { lockCluster } from './lock.js';
import { requireRoot } from './preflight.js';
import { existingLayout, readSpec } from './state.js';

/** Resolves to what to tell the person. */
export async function down(name: string): Promise<string> {
  requireRoot('stop a cluster');
  const layout = await existingLayout(name);
  const lock = await lockCluster(name);
  try {
    await stopCluster(layout, systemClock);
    if ((await readSpec(name)) === undefined) return `there is no cluster ${name} to stop`;
    return `cluster ${name} is stopped; its data stays in ${layout.dataDir}`;
  } finally {
    lock.release();
  }
}
