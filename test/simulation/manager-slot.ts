// Where one of the controller managers of a simulation runs: after it was killed another comes in its place, with nothing in its caches.
import { silentLogger } from '../../src/apimachinery/logger.js';
import { ApiClient } from '../../src/client/api-client.js';
import type { Transport } from '../../src/client/client.js';
import { ELECTION_LEASE, runControllers } from '../../src/cluster/managed-controllers.js';
import { controllers } from '../../src/controllers/index.js';
import { type Seeded, type SimulatedClock, SimulatedProcess } from './clock.js';
import type { Cluster } from './cluster.js';
import { type Faults, faultyTransport } from './faults.js';
import type { OneLeader } from './one-leader.js';

/** Longer than upstream's, so that a simulation is not mostly about renewing the lease. */
const ELECTION = { ...ELECTION_LEASE, leaseDuration_ms: 30_000, renewDeadline_ms: 20_000, retryPeriod_ms: 5_000 };
/** Of each second of a run with faults. */
const CHANCE = { kill: 0.003, pause: 0.005, partition: 0.005, clockStep: 0.01, restart: 0.2 } as const;

interface SlotOptions {
  /** How a controller reaches the API server where nothing goes wrong. */
  readonly transportOf: (serviceAccount: string | undefined) => Transport;
  readonly settings: Cluster['settings'];
  readonly clock: SimulatedClock;
  /** False: nobody sets the clock of the machine. */
  readonly stepsClock: boolean;
  readonly faults: Faults;
  readonly leader: OneLeader;
  /** What a controller did that it must never do. */
  readonly undeclared: string[];
  readonly random: Seeded;
}

export class ManagerSlot {
  kills = 0;
  #process: SimulatedProcess;
  #partitionedUntil_ms = 0;

  constructor(private readonly options: SlotOptions) {
    this.#process = this.#start();
  }

  /** What happens to it in this second. */
  chance(): void {
    const { random, clock, stepsClock } = this.options;
    if (this.#process.dead && random.chance(CHANCE.restart)) this.ensure();
    if (random.chance(CHANCE.kill)) this.#process.kill();
    if (random.chance(CHANCE.pause)) this.#process.pause(1_000 + random.below(120_000));
    if (random.chance(CHANCE.partition)) this.#partitionedUntil_ms = clock.monotonic() + random.below(120_000);
    if (stepsClock && random.chance(CHANCE.clockStep)) this.#process.skew_ms = (random.below(3) - 1) * random.below(7_200_000);
  }

  kill(): void {
    this.#process.kill();
  }

  /** Nothing is wrong with it from now on. */
  ensure(): void {
    this.#partitionedUntil_ms = 0;
    this.#process.skew_ms = 0;
    if (!this.#process.dead) return;
    this.kills++;
    this.#process = this.#start();
  }

  #start(): SimulatedProcess {
    const { transportOf, settings, clock, faults, leader, random } = this.options;
    const process = new SimulatedProcess(clock);
    const partitioned = () => faults.on && clock.monotonic() < this.#partitionedUntil_ms;
    const clientOf = (name: string | undefined) =>
      new ApiClient(faultyTransport(leader.watching(process, transportOf(name)), process, faults, partitioned));
    runControllers({
      client: clientOf(undefined),
      clientOf,
      controllers,
      settings,
      election: ELECTION,
      clock: process.clock,
      random,
      log: this.#log(),
    });
    return process;
  }

  /** A defect of a controller, as told from what the API server refused it. */
  #log() {
    const { undeclared } = this.options;
    const log = {
      ...silentLogger,
      error: (fields: object, message: string) => {
        const { err } = fields as { readonly err?: Error };
        undeclared.push(`a controller failed: ${JSON.stringify({ ...fields, err: undefined })} ${err?.stack ?? message}`);
      },
      warn: (fields: object, message: string) => {
        if (/forbidden: User/.test(message)) undeclared.push(`a controller was refused: ${JSON.stringify(fields)} ${message}`);
      },
      child: () => log,
    };
    return log;
  }
}
