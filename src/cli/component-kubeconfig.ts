// The credentials of a component that is a process of its own: those that the server made for it, or another kubeconfig's.

import { UserError } from '../cluster/local/user-error.js';
import { type KubeconfigContext, readKubeconfig } from '../cluster/read-kubeconfig.js';

/** Says what to do where there is none, or where it cannot be read. */
export async function componentCredentials(path: string): Promise<KubeconfigContext> {
  try {
    return await readKubeconfig(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new UserError(`there is no ${path}: run this on the server, or give its --data-dir or a --kubeconfig`, { cause: error });
    if (error instanceof Error && error.message.startsWith(path)) throw new UserError(error.message, { cause: error });
    throw error;
  }
}
