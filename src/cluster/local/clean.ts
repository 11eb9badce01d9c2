// Removing a local cluster: every trace of it, whether it runs, was stopped or was killed.
import { systemClock } from '../../apimachinery/clock.js';
import { personalKubeconfig, removeContext } from '../kubeconfig.js';
import { cleanCluster } from './cluster.js';
import { lockCluster } from './lock.js';
import { requireRoot } from './preflight.js';
import { existingLayout } from './state.js';
import { UserError } from './user-error.js';

/** Resolves to what to tell the person. */
export async function clean(name: string): Promise<string> {
  requireRoot('remove a cluster');
  const layout = await existingLayout(name);
  const lock = await lockCluster(name);
  try {
    await cleanCluster(layout, systemClock);
    const { path } = await personalKubeconfig(process.env);
    await removeContext(path, name).catch((error: Error) => {
      throw new UserError(`cluster ${name} is gone, but not its kubectl context: ${error.message}`);
    });
    return `cluster ${name} is gone: processes, namespaces, links, iptables chains, containers, data and kubectl context`;
  } finally {
    lock.release();
  }
}
