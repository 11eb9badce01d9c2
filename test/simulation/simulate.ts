// simulate: a cluster in one process on a simulated clock: API server, scheduler, two controller managers and nodes, users at work, and
// faults by a seed. Whatever went wrong, it must end as it does where nothing did.
import { silentLogger } from '../../src/apimachinery/logger.js';
import { reconcileDefaultPolicy } from '../../src/apiserver/authorization/default-policy.js';
import { type ApiServer, createApiServer } from '../../src/apiserver/index.js';
import { ApiClient } from '../../src/client/api-client.js';
import { createEventRecorder } from '../../src/client/event-recorder.js';
import { createInformers } from '../../src/client/informers.js';
import { serviceAccountGroups, serviceAccountUser } from '../../src/client/jwt.js';
import { CONTROLLER_MANAGER, componentClient, SCHEDULER } from '../../src/cluster/component-clients.js';
import { ELECTION_LEASE, runControllers } from '../../src/cluster/managed-controllers.js';
import { controllers } from '../../src/controllers/index.js';
import { createMemoryBackend } from '../../src/etcd/memory.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { GROUP_MASTERS, NAMESPACE_NODE_LEASE, NAMESPACE_SYSTEM } from '../../src/kinds/wellknown.js';
import { startScheduler } from '../../src/scheduler/scheduler.js';
import { type Seeded, SimulatedClock, SimulatedProcess, seeded } from './clock.js';
import { Faults, faultyTransport } from './faults.js';
import { Invariants } from './invariants.js';
import { SimulatedNode } from './nodes.js';
import { difference, OBSERVED, stateOf } from './state.js';
import { BUSY_ms, perform, planOf } from './users.js';

const NODES = 4;
const NAMESPACES = ['default', NAMESPACE_SYSTEM, 'kube-public', NAMESPACE_NODE_LEASE];
const STEP_ms = 1_000;
/** The longest back-off of a work queue, half as much again, and pods that a lost node keeps for five minutes. */
const CONVERGED_WITHIN_ms = 1_800_000;
/** The state must stay what it is for so long to count as the end. */
const CALM_ms = 60_000;
/** Longer than upstream's, so that a simulation is not mostly about renewing the lease. */
const ELECTION = { ...ELECTION_LEASE, leaseDuration_ms: 30_000, renewDeadline_ms: 20_000, retryPeriod_ms: 5_000 };
/** Of each second of a run with faults. */
const CHANCE = { kill: 0.01, pause: 0.005, partition: 0.005, clockStep: 0.01, restart: 0.2 } as const;

export interface Outcome {
  /** Why it is not as it must be; empty: it is. */
  readonly failures: readonly string[];
  readonly actions: readonly string[];
  readonly simulated_ms: number;
  readonly faults: { readonly kills: number; readonly ambiguous: number; readonly stale: number };
}

/** The same for the same seed. */
export async function simulate(seed: number): Promise<Outcome> {
  const calm = await run(seed, undefined);
  if (calm.broken.length > 0) return { ...calm.outcome, failures: calm.broken.map((each) => `without any fault: ${each}`) };
  const { outcome, broken, state, undeclared } = await run(seed, calm.state);
  const failures = [...new Set([...broken, ...undeclared])];
  if (failures.length === 0) failures.push(...difference(calm.state, state));
  return { ...outcome, failures };
}

interface Ended {
  readonly state: readonly string[];
  readonly broken: readonly string[];
  readonly undeclared: readonly string[];
  readonly outcome: Omit<Outcome, 'failures'>;
}

/** `expected`: the end without faults; absent: this run has none. */
async function run(seed: number, expected: readonly string[] | undefined): Promise<Ended> {
  const clock = new SimulatedClock();
  const random = (part: string) => seeded(seed, part);
  const backend = await createMemoryBackend({ clock, random: random('store') });
  const server = await serverOver(backend, clock, random('server'));
  const log = silentLogger;
  const client = new ApiClient(server.transport({ name: 'admin', groups: [GROUP_MASTERS] }));
  for (const name of NAMESPACES) await client.create(namespaces, { metadata: { name } });
  await reconcileDefaultPolicy(client);
  const informers = createInformers({ client, clock, random: random('informers'), log });
  for (const kind of OBSERVED) informers.of(kind);
  const faults = new Faults(random('faults'), clock);
  const invariants = new Invariants(client, informers, faults);
  const nodes = Array.from(
    { length: NODES },
    (_, i) => new SimulatedNode(`node-${i}`, i, { client, informers, clock, random: random(`node ${i}`) }),
  );
  for (const node of nodes) await node.join();
  const undeclared: string[] = [];
  const managers = [0, 1].map((i) => new ManagerSlot({ server, clock, faults, invariants, undeclared, random: random(`manager ${i}`) }));
  const scheduling = { client: componentClient(server, SCHEDULER), clock, random: random('scheduler'), log };
  const scheduled = createInformers(scheduling);
  const scheduler = startScheduler({
    ...scheduling,
    informers: scheduled,
    events: (component) => createEventRecorder({ ...scheduling, component }),
  });

  const actions = [...planOf(random('users'))];
  const plan = actions.map(({ at_ms, what }) => `${at_ms / 1000} s: ${what}`);
  faults.on = expected !== undefined;
  while (clock.monotonic() < BUSY_ms) {
    while (actions[0] && actions[0].at_ms <= clock.monotonic()) await perform(actions.shift()!, { client, nodes });
    if (faults.on) for (const manager of managers) manager.chance();
    if (clock.monotonic() % 30_000 === 0) faults.remember(String((await backend.status()).revision));
    await clock.advance(STEP_ms);
  }
  faults.stop();
  for (const node of nodes) await node.wake();
  for (const manager of managers) manager.ensure();
  const state = await settled(clock, () => stateOf(informers), expected);
  const outcome = {
    actions: plan,
    simulated_ms: clock.monotonic(),
    faults: { kills: managers.reduce((sum, { kills }) => sum + kills, 0), ambiguous: faults.ambiguous, stale: faults.stale },
  };
  // What waits for its turn in a process that was killed never ends, so that nothing here may wait for it.
  for (const manager of managers) manager.kill();
  informers.stop();
  scheduled.stop();
  void scheduler.stop();
  await server.close();
  await backend.close();
  return { state, broken: invariants.broken, undeclared, outcome };
}

/** The state once it is as expected, or, where nothing is expected, once it no longer changes; the last one where that never happens. */
async function settled(clock: SimulatedClock, look: () => readonly string[], expected?: readonly string[]): Promise<readonly string[]> {
  const wanted = expected?.join('\n');
  const until_ms = clock.monotonic() + CONVERGED_WITHIN_ms;
  let [since_ms, before] = [clock.monotonic(), ''];
  for (;;) {
    const state = look();
    const text = state.join('\n');
    if (text !== before) [since_ms, before] = [clock.monotonic(), text];
    const calm_ms = clock.monotonic() - since_ms;
    // Without anything to compare with, a silent node's pods may yet be replaced, and a back-off may yet end.
    if (wanted === undefined ? calm_ms >= 8 * CALM_ms : text === wanted && calm_ms >= CALM_ms) return state;
    if (clock.monotonic() >= until_ms) return state;
    await clock.advance(5 * STEP_ms);
  }
}

interface SlotOptions {
  readonly server: ApiServer;
  readonly clock: SimulatedClock;
  readonly faults: Faults;
  readonly invariants: Invariants;
  readonly undeclared: string[];
  readonly random: Seeded;
}

/** Where one of the two managers runs: after it was killed another comes in its place, with nothing in its caches. */
class ManagerSlot {
  kills = 0;
  #process: SimulatedProcess | undefined;
  #partitionedUntil_ms = 0;

  constructor(private readonly options: SlotOptions) {
    this.ensure();
  }

  /** What happens to it in this second. */
  chance(): void {
    const { random, clock } = this.options;
    if (!this.#process && random.chance(CHANCE.restart)) this.ensure();
    if (random.chance(CHANCE.kill)) this.kill();
    if (random.chance(CHANCE.pause)) this.#process?.pause(1_000 + random.below(120_000));
    if (random.chance(CHANCE.partition)) this.#partitionedUntil_ms = clock.monotonic() + random.below(120_000);
    if (this.#process && random.chance(CHANCE.clockStep)) this.#process.skew_ms = (random.below(3) - 1) * random.below(7_200_000);
  }

  kill(): void {
    if (!this.#process) return;
    this.kills++;
    this.#process.kill();
    this.#process = undefined;
  }

  /** Nothing is wrong with it from now on. */
  ensure(): void {
    this.#partitionedUntil_ms = 0;
    if (this.#process) this.#process.skew_ms = 0;
    else this.#start();
  }

  #start(): void {
    const { server, clock, faults, invariants, random } = this.options;
    const process = new SimulatedProcess(clock);
    const partitioned = () => faults.on && clock.monotonic() < this.#partitionedUntil_ms;
    const clientOf = (name: string | undefined) => {
      const user = name
        ? { name: serviceAccountUser(NAMESPACE_SYSTEM, name), groups: serviceAccountGroups(NAMESPACE_SYSTEM) }
        : CONTROLLER_MANAGER;
      return new ApiClient(faultyTransport(invariants.watching(name, server.transport(user)), process, faults, partitioned));
    };
    this.#process = process;
    runControllers({
      client: clientOf(undefined),
      clientOf,
      controllers,
      settings: SETTINGS,
      election: ELECTION,
      clock: process.clock,
      random,
      log: this.#log(),
    });
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

const SETTINGS = {
  nodeMonitorPeriod_ms: 10_000,
  nodeMonitorGracePeriod_ms: 50_000,
  clusterCidr: '10.244.0.0/16',
  nodeCidrMaskSize: 24,
  clusterSigningCert: '',
  clusterSigningKey: '',
  rootCa: 'the authority',
};

function serverOver(backend: Awaited<ReturnType<typeof createMemoryBackend>>, clock: SimulatedClock, random: Seeded): Promise<ApiServer> {
  return createApiServer({
    backend,
    clock,
    random,
    log: silentLogger,
    tls: { cert: '', key: '', clientCa: '' },
    bind: { address: '127.0.0.1', port: 0 },
    serviceCidr: '10.96.0.0/12',
    nodePorts: { min: 30000, max: 32767 },
    advertiseAddress: '127.0.0.1',
    kubeletClient: { cert: '', key: '', ca: '' },
  });
}
