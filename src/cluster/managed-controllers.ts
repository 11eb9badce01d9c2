// runControllers: the controller manager, in this process or beside others, for as long as it is the leader where there may be several.
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Exposition } from '../apimachinery/exposition.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Client } from '../client/client.js';
import { createEventRecorder } from '../client/event-recorder.js';
import { createInformers } from '../client/informers.js';
import type { Term } from '../client/leader-election.js';
import type { ControllerDefinition, ControllerOptions } from '../controllers/define.js';
import { type RunningControllers, startControllers } from '../controllers/manager.js';
import { NAMESPACE_SYSTEM } from '../kinds/wellknown.js';
import { type LeaderElectionFlags, runElectedPart } from './elected.js';

const NAME = 'kube-controller-manager';

export const ELECTION_LEASE = { resourceName: NAME, resourceNamespace: NAMESPACE_SYSTEM } as const;

export interface ManagerOptions {
  /** The controller manager's own: it reads with it, and tells events. */
  readonly client: Client;
  /** What each controller writes with. */
  readonly clientOf: (serviceAccount: string | undefined) => Client;
  readonly controllers: readonly ControllerDefinition[];
  readonly settings: ControllerOptions;
  /** Absent: it is the only one. */
  readonly election?: LeaderElectionFlags;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface RunningManager {
  /** Whether its controllers are at work here, and not elsewhere. */
  readonly leading: boolean;
  stop(): Promise<void>;
  writeMetrics(out: Exposition): void;
}

export function runControllers(options: ManagerOptions): RunningManager {
  const work = runElectedPart({ ...options, component: NAME }, (term) => startOnce(options, term));
  return {
    get leading() {
      return work.current !== undefined;
    },
    stop: () => work.stop(),
    writeMetrics: (out) => work.writeMetrics(out),
  };
}

/** With caches of its own, so that a later term does not begin with what an earlier one believed. */
function startOnce({ client, clientOf, controllers, settings, clock, random, log }: ManagerOptions, term?: Term): RunningControllers {
  const guarded = (each: Client) => term?.guard(each) ?? each;
  const informers = createInformers({ client, clock, random, log });
  const running = startControllers(controllers, {
    client: (serviceAccount) => guarded(clientOf(serviceAccount)),
    informers,
    clock,
    random,
    log,
    options: { ...settings },
    events: (component) => createEventRecorder({ client: guarded(client), component, clock, random, log }),
  });
  return {
    writeMetrics: (out) => running.writeMetrics(out),
    async stop() {
      await running.stop();
      informers.stop();
    },
  };
}
