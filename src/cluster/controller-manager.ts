// startControllerManager: the controllers as a process of their own, a client of an API server elsewhere.
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { ApiClient } from '../client/api-client.js';
import { httpsTransport } from '../client/https.js';
import type { ControllerOptions } from '../controllers/define.js';
import { controllers } from '../controllers/index.js';
import { enabledControllers } from '../controllers/switches.js';
import { type ComponentListen, serveComponent } from './component-server.js';
import type { LeaderElectionFlags } from './elected.js';
import { runControllers } from './managed-controllers.js';
import type { KubeconfigContext } from './read-kubeconfig.js';
import { serviceAccountClients } from './service-account-clients.js';

const USER_AGENT = 'kube-controller-manager';

export interface ControllerManagerOptions {
  readonly credentials: KubeconfigContext;
  /** `--controllers`. */
  readonly enabled: readonly string[];
  readonly settings: ControllerOptions;
  /** False: all controllers write as the manager itself. */
  readonly useServiceAccountCredentials: boolean;
  readonly election?: LeaderElectionFlags;
  /** Absent: nowhere. */
  readonly listen?: ComponentListen;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Resolves once its port is served; its controllers begin when the API server can be reached and the lease is had. */
export async function startControllerManager(options: ControllerManagerOptions): Promise<{ stop(): Promise<void> }> {
  const { credentials, settings, election, listen, clock, random, log } = options;
  const enabled = enabledControllers(controllers, options.enabled);
  const transport = httpsTransport({ ...credentials, userAgent: USER_AGENT, clock });
  const client = new ApiClient(transport);
  const { server, ca } = credentials;
  const accounts = serviceAccountClients({ client, server, ca, userAgent: USER_AGENT, clock });
  const clientOf = (name: string | undefined) => (name && options.useServiceAccountCredentials ? accounts.of(name) : client);
  const manager = runControllers({ client, clientOf, controllers: enabled, settings, ...(election && { election }), clock, random, log });
  const close = async () => {
    await manager.stop();
    accounts.close();
    transport.close();
  };
  try {
    const writeMetrics = manager.writeMetrics.bind(manager);
    const port = listen && (await serveComponent({ ...listen, clientCa: ca, client, writeMetrics, clock, random }));
    return {
      async stop() {
        await port?.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
