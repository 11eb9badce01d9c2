// A scheduler with its own caches over a client, and what it cost: for the process that it is to be measured in.
import { systemClock as clock, systemRandom as random } from '../../src/apimachinery/clock.js';
import { silentLogger as log } from '../../src/apimachinery/logger.js';
import type { Client } from '../../src/client/client.js';
import { createEventRecorder } from '../../src/client/event-recorder.js';
import { createInformers } from '../../src/client/informers.js';
import type { Decision } from '../../src/scheduler/define.js';
import { startScheduler } from '../../src/scheduler/scheduler.js';

export interface Cost {
  /** Of this process since the start. */
  readonly cpu_ms: number;
  readonly cycles_ms: { readonly p50: number; readonly p99: number };
}

export interface Started {
  stop(): Promise<Cost>;
}

export function startLoop(client: Client): Started {
  const before = process.cpuUsage();
  const common = { client, clock, random, log };
  const informers = createInformers(common);
  const events = createEventRecorder({ ...common, component: 'default-scheduler' });
  const cycles_ms: number[] = [];
  const observe = (_: Decision, duration_ms: number) => {
    cycles_ms.push(duration_ms);
  };
  const scheduler = startScheduler({
    ...common,
    informers,
    events: () => events,
    observe,
  });
  return {
    async stop() {
      const { user, system } = process.cpuUsage(before);
      await scheduler.stop();
      informers.stop();
      cycles_ms.sort((a, b) => a - b);
      const at = (part: number) => cycles_ms[Math.min(cycles_ms.length - 1, Math.floor(cycles_ms.length * part))] ?? 0;
      return {
        cpu_ms: (user + system) / 1000,
        cycles_ms: { p50: at(0.5), p99: at(0.99) },
      };
    },
  };
}
