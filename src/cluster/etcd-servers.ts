// connectEtcd: a real etcd cluster as the control plane's store, named and trusted by the --etcd flags.
import type { Clock } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Backend } from '../etcd/backend.js';
import { flagFile } from './certificate-files.js';
import { UserError } from './local/user-error.js';

export interface EtcdServers {
  readonly endpoints: readonly string[];
  /** Paths of PEM files. */
  readonly cafile?: string;
  readonly certfile?: string;
  readonly keyfile?: string;
}

/** Rejects with a UserError where a file cannot be read or no server answers. */
export async function connectEtcd(servers: EtcdServers, clock: Clock, log: Logger): Promise<Backend> {
  const [ca, cert, key] = await Promise.all([
    pemIfGiven('--etcd-cafile', servers.cafile),
    pemIfGiven('--etcd-certfile', servers.certfile),
    pemIfGiven('--etcd-keyfile', servers.keyfile),
  ]);
  if ((cert === undefined) !== (key === undefined)) throw new UserError('--etcd-certfile and --etcd-keyfile go together: give both');
  // Only who has an etcd cluster needs gRPC's client in memory.
  const { openRemoteBackend } = await import('../etcd/remote.js');
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  try {
    return await openRemoteBackend({ endpoints: servers.endpoints, ...tls, clock, log });
  } catch (error) {
    const hint = 'check --etcd-servers, --etcd-cafile, --etcd-certfile and --etcd-keyfile, and that etcd runs';
    throw new UserError(`${(error as Error).message}: ${hint}`, { cause: error });
  }
}

const pemIfGiven = async (flag: string, path: string | undefined) => (path === undefined ? undefined : flagFile(flag, path));
