// runElectedPart: a part of the control plane, in this process or beside others, for as long as it is the leader where there may be several.
import { hostname } from 'node:os';
import { type Clock, type Random, uuid } from '../apimachinery/clock.js';
import { type Exposition, labelText } from '../apimachinery/exposition.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Client } from '../client/client.js';
import { createEventRecorder } from '../client/event-recorder.js';
import { type ElectionTimes, runElected, type Term } from '../client/leader-election.js';

export interface LeaderElectionFlags extends ElectionTimes {
  readonly resourceName: string;
  readonly resourceNamespace: string;
}

export interface ElectedOptions {
  /** Upstream's name, under which it tells that it became the leader. */
  readonly component: string;
  readonly client: Client;
  /** Absent: it is the only one. */
  readonly election?: LeaderElectionFlags;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Part {
  writeMetrics(out: Exposition): void;
  stop(): Promise<void>;
}

export interface ElectedPart<P extends Part> {
  /** What is at work here; undefined while another process has the lease. */
  readonly current: P | undefined;
  stop(): Promise<void>;
  writeMetrics(out: Exposition): void;
}

/** `start` is called for each term; without election at once, without one. */
export function runElectedPart<P extends Part>(options: ElectedOptions, start: (term?: Term) => P): ElectedPart<P> {
  const { component, election, client, random, clock, log } = options;
  let current: P | undefined;
  const startOne = (term?: Term) => {
    const started = start(term);
    current = started;
    return {
      async stop() {
        current = undefined;
        await started.stop();
      },
    };
  };
  const candidate = ({ resourceName: name, resourceNamespace: namespace, ...times }: LeaderElectionFlags) => {
    // Upstream's: two processes on one machine are two.
    const identity = `${hostname()}_${uuid(random)}`;
    const events = createEventRecorder({ client, component, clock, random, log });
    return runElected({ ...times, namespace, name, identity, client, clock, random, log, events }, startOne);
  };
  const work = election ? candidate(election) : startOne();
  return {
    get current() {
      return current;
    },
    stop: () => work.stop(),
    writeMetrics(out) {
      if (election) {
        out.metric('leader_election_master_status', 'gauge', 'Whether this process is the leader.');
        out.sample('leader_election_master_status', labelText({ name: election.resourceName }), current ? 1 : 0);
      }
      current?.writeMetrics(out);
    },
  };
}
