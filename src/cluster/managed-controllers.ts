// runControllers: the controller manager, in this process or beside others, for as long as it is the leader where there may be several.
import { hostname } from 'node:os';
import { type Clock, type Random, uuid } from '../apimachinery/clock.js';
import { type Exposition, labelText } from '../apimachinery/exposition.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Client } from '../client/client.js';
import { createEventRecorder } from '../client/event-recorder.js';
import { createInformers } from '../client/informers.js';
import { type ElectionTimes, runElected, type Term } from '../client/leader-election.js';
import type { ControllerDefinition, ControllerOptions } from '../controllers/define.js';
import { type RunningControllers, startControllers } from '../controllers/manager.js';
import { NAMESPACE_SYSTEM } from '../kinds/wellknown.js';

const NAME = 'kube-controller-manager';

export interface LeaderElectionFlags extends ElectionTimes {
  readonly resourceName: string;
  readonly resourceNamespace: string;
}

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
  const { election, client, random, clock, log } = options;
  let running: (RunningControllers & { stop(): Promise<void> }) | undefined;
  const start = (term?: Term) => {
    const started = startOnce(options, term);
    running = started;
    return {
      async stop() {
        running = undefined;
        await started.stop();
      },
    };
  };
  const candidate = () => {
    const { resourceName: name, resourceNamespace: namespace, ...times } = election!;
    // Upstream's: two processes on one machine are two.
    const identity = `${hostname()}_${uuid(random)}`;
    const events = createEventRecorder({ client, component: NAME, clock, random, log });
    return runElected({ ...times, namespace, name, identity, client, clock, random, log, events }, start);
  };
  const work = election ? candidate() : start();
  return {
    get leading() {
      return running !== undefined;
    },
    stop: () => work.stop(),
    writeMetrics(out) {
      if (election) {
        out.metric('leader_election_master_status', 'gauge', 'Whether this process is the leader.');
        out.sample('leader_election_master_status', labelText({ name: election.resourceName }), running ? 1 : 0);
      }
      running?.writeMetrics(out);
    },
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
