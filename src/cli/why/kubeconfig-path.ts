// Which kubeconfig a command means that is about any cluster: the one that is named, or the nearest.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { personalKubeconfig } from '../../cluster/kubeconfig.js';
import { DEFAULT_CLUSTER, existingLayout } from '../../cluster/local/state.js';

export async function kubeconfigPath(named: string | undefined): Promise<string> {
  const chosen = named ?? process.env['KUBECONFIG']?.split(delimiter).find((path) => path !== '');
  if (chosen) return chosen;
  const local = await existingLayout(DEFAULT_CLUSTER).then(
    ({ kubeconfig }) => kubeconfig,
    () => undefined,
  );
  return local && (await isReadable(local)) ? local : (await personalKubeconfig(process.env)).path;
}

const isReadable = (path: string) =>
  access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
