// The administrator's connection to a local cluster: what `up` watches nodes and pods by.
import type { Clock, Random } from '../../apimachinery/clock.js';
import type { Logger } from '../../apimachinery/logger.js';
import { ApiClient } from '../../client/api-client.js';
import type { Client } from '../../client/client.js';
import { writePrivateFile } from '../../client/files.js';
import { httpsTransport } from '../../client/https.js';
import type { Informers } from '../../client/informer.js';
import { createInformers } from '../../client/informers.js';
import { type Credentials, makeKubeconfig } from '../admin-kubeconfig.js';
import { readKubeconfig } from '../read-kubeconfig.js';
import type { ClusterLayout } from './state.js';

export interface Admin {
  readonly credentials: Credentials;
  readonly client: Client;
  readonly informers: Informers;
  close(): void;
}

export interface AdminOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Needs a control plane that answers, as it is what makes the credentials. Writes the cluster's kubeconfig. */
export async function connectAdmin(layout: ClusterLayout, options: AdminOptions): Promise<Admin> {
  const { ca, cert, key } = await readKubeconfig(layout.adminKubeconfig);
  if (!cert || !key) throw new Error(`${layout.adminKubeconfig} has no client certificate: it is not the control plane's own`);
  const credentials = { server: layout.localUrl, ca, cert, key };
  await writePrivateFile(layout.kubeconfig, makeKubeconfig(layout.name, credentials));
  const transport = httpsTransport({ ...credentials, clock: options.clock });
  const client = new ApiClient(transport);
  const informers = createInformers({ client, ...options });
  return {
    credentials,
    client,
    informers,
    close() {
      informers.stop();
      transport.close();
    },
  };
}
