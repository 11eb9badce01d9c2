// runScheduler: the scheduler with its caches, in this process or beside others, for as long as it is the leader where there may be several.
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Exposition } from '../apimachinery/exposition.js';
import type { Logger } from '../apimachinery/logger.js';
import { serviceUnavailable } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import { createEventRecorder } from '../client/event-recorder.js';
import type { EventRecorder } from '../client/events.js';
import { createInformers } from '../client/informers.js';
import type { Term } from '../client/leader-election.js';
import type { PodDecider } from '../client/pod-decisions.js';
import type { SchedulerConfiguration } from '../scheduler/config.js';
import { type RunningScheduler, startScheduler } from '../scheduler/scheduler.js';
import { type LeaderElectionFlags, runElectedPart } from './elected.js';

const NAME = 'kube-scheduler';

export interface ManagedSchedulerOptions {
  readonly client: Client;
  readonly configuration: SchedulerConfiguration;
  /** Absent: it is the only one. */
  readonly election?: LeaderElectionFlags;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ManagedScheduler extends PodDecider {
  /** Whether it is at work here and knows pods and nodes, or leaves the work to another process. */
  readonly ready: boolean;
  stop(): Promise<void>;
  writeMetrics(out: Exposition): void;
}

export function runScheduler(options: ManagedSchedulerOptions): ManagedScheduler {
  const work = runElectedPart({ ...options, component: NAME }, (term) => startOnce(options, term));
  const atWork = () => {
    if (work.current) return work.current;
    throw serviceUnavailable('this scheduler is not the one at work: ask the process that holds the lease');
  };
  return {
    get ready() {
      return work.current?.ready ?? true;
    },
    decisionsOf: (pod) => atWork().decisionsOf(pod),
    tryOut: async (pod) => atWork().tryOut(pod),
    stop: () => work.stop(),
    writeMetrics: (out) => work.writeMetrics(out),
  };
}

/** With caches of its own, so that a later term does not begin with what an earlier one believed. */
function startOnce({ client: own, configuration, clock, random, log }: ManagedSchedulerOptions, term?: Term): RunningScheduler {
  const client = term?.guard(own) ?? own;
  const informers = createInformers({ client, clock, random, log });
  const recorders = new Map<string, EventRecorder>();
  const events = (component: string) => {
    let recorder = recorders.get(component);
    if (!recorder) recorders.set(component, (recorder = createEventRecorder({ client, component, clock, random, log })));
    return recorder;
  };
  const { profiles, podInitialBackoffSeconds, podMaxBackoffSeconds } = configuration;
  const backoff = { backoffInitial_ms: podInitialBackoffSeconds * 1000, backoffMax_ms: podMaxBackoffSeconds * 1000 };
  const scheduler = startScheduler({ client, informers, clock, random, log, events, profiles, ...backoff });
  return {
    get ready() {
      return scheduler.ready;
    },
    decisionsOf: (pod) => scheduler.decisionsOf(pod),
    tryOut: (pod) => scheduler.tryOut(pod),
    writeMetrics: (out) => scheduler.writeMetrics(out),
    async stop() {
      await scheduler.stop();
      informers.stop();
    },
  };
}
