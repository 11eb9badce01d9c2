// startSchedulerProcess: the scheduler as a process of its own, a client of an API server elsewhere.
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { ApiClient } from '../client/api-client.js';
import { httpsTransport } from '../client/https.js';
import type { SchedulerConfiguration } from '../scheduler/config.js';
import { type ComponentListen, serveComponent } from './component-server.js';
import { decisionsPath } from './decisions-path.js';
import type { LeaderElectionFlags } from './elected.js';
import { runScheduler } from './managed-scheduler.js';
import type { KubeconfigContext } from './read-kubeconfig.js';

const USER_AGENT = 'kube-scheduler';

export interface SchedulerProcessOptions {
  readonly credentials: KubeconfigContext;
  readonly configuration: SchedulerConfiguration;
  /** Absent: it is the only one. */
  readonly election?: LeaderElectionFlags;
  readonly listen: ComponentListen;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Resolves once its port is served; it begins when the API server can be reached and the lease is had. */
export async function startSchedulerProcess(options: SchedulerProcessOptions): Promise<{ stop(): Promise<void> }> {
  const { credentials, listen, clock, random } = options;
  const transport = httpsTransport({ ...credentials, userAgent: USER_AGENT, clock });
  const client = new ApiClient(transport);
  const scheduler = runScheduler({ ...options, client });
  const close = async () => {
    await scheduler.stop();
    transport.close();
  };
  try {
    const writeMetrics = scheduler.writeMetrics.bind(scheduler);
    const more = decisionsPath(client, scheduler);
    const port = await serveComponent({ ...listen, clientCa: credentials.ca, client, writeMetrics, more, clock, random });
    return {
      async stop() {
        await port.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
