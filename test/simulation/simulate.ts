// simulate: a cluster in one process on a simulated clock: API server, scheduler, two controller managers and nodes, users at work, and
// faults by a seed. Whatever went wrong, it must end as it does where nothing did.
import { silentLogger as log } from '../../src/apimachinery/logger.js';
import type { UserInfo } from '../../src/apiserver/options.js';
import { ApiClient } from '../../src/client/api-client.js';
import { createInformers } from '../../src/client/informers.js';
import { SimulatedClock, seeded } from './clock.js';
import { openCluster, startSimulatedScheduler, userOf } from './cluster.js';
import { Faults } from './faults.js';
import { History } from './history.js';
import { Invariants } from './invariants.js';
import { ManagerSlot } from './manager-slot.js';
import { withMetrics } from './metrics.js';
import { SimulatedNode } from './nodes.js';
import { OneLeader } from './one-leader.js';
import { difference, OBSERVED, stateOf } from './state.js';
import { stateBeside } from './state-beside.js';
import { planOf, Users } from './users.js';

const NODES = 3;
const STEP_ms = 1_000;
/** The longest back-off of a work queue, half as much again, and pods that a lost node keeps for five minutes. */
const CONVERGED_WITHIN_ms = 1_800_000;
/** The state must stay what it is for so long to count as the end. */
const CALM_ms = 60_000;
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
  const cluster = await openCluster(clock, random);
  const { server, client, backend, settings } = cluster;
  const informers = createInformers({ client, clock, random: random('informers'), log });
  for (const kind of OBSERVED) informers.of(kind);
  const faults = new Faults(random('faults'), clock);
  const invariants = new Invariants(client, informers, faults, new History(informers, clock));
  const nodeOf = (i: number) => new SimulatedNode(`node-${i}`, i, { client, informers, clock, random: random(`node ${i}`) });
  const nodes = Array.from({ length: NODES }, (_, i) => nodeOf(i));
  for (const node of nodes) await node.join();
  const undeclared: string[] = [];
  const transportOf = (name: string | undefined) =>
    withMetrics(invariants.watching(name, server.transport(userOf(name))), informers, clock);
  const leader = new OneLeader(clock, invariants.broken);
  const stepsClock = random('clocks').chance(0.5);
  const managers = (expected ? [0, 1] : [0]).map(
    (i) => new ManagerSlot({ transportOf, settings, clock, stepsClock, faults, leader, undeclared, random: random(`manager ${i}`) }),
  );
  const scheduler = startSimulatedScheduler(cluster, clock, random('scheduler'));

  const clientOf = (user: UserInfo) => new ApiClient(server.transport(user));
  const { busy_ms, actions: planned } = planOf(random('users'));
  const plan = planned.map(({ at_ms, what }) => `${at_ms / 1000} s: ${what}`);
  const users = new Users([...planned], { client, clientOf, nodes, newNode: nodeOf(NODES) }, invariants.broken);
  faults.on = expected !== undefined;
  while (clock.monotonic() < busy_ms) {
    users.act(clock.monotonic());
    if (faults.on) for (const manager of managers) manager.chance();
    if (clock.monotonic() % 30_000 === 0) faults.remember(String((await backend.status()).revision));
    await clock.advance(STEP_ms);
  }
  faults.stop();
  for (const node of nodes) await node.wake();
  for (const manager of managers) manager.ensure();
  const state = await settled(
    { clock, users, look: () => [...stateOf(informers), ...stateBeside(informers, !stepsClock)].sort() },
    expected,
  );
  const outcome = {
    actions: plan,
    simulated_ms: clock.monotonic(),
    faults: { kills: managers.reduce((sum, { kills }) => sum + kills, 0), ambiguous: faults.ambiguous, stale: faults.stale },
  };
  // What waits for its turn in a process that was killed never ends, so that nothing here may wait for it.
  for (const manager of managers) manager.kill();
  informers.stop();
  void scheduler.stop();
  await cluster.close();
  return { state, broken: invariants.broken, undeclared, outcome };
}

interface Settling {
  readonly clock: SimulatedClock;
  readonly users: Users;
  look(): readonly string[];
}

/** The state once it is as expected, or, where nothing is expected, once it no longer changes; the last one where that never happens. */
async function settled({ clock, users, look }: Settling, expected?: readonly string[]): Promise<readonly string[]> {
  const wanted = expected?.join('\n');
  const until_ms = clock.monotonic() + CONVERGED_WITHIN_ms;
  let [since_ms, before] = [clock.monotonic(), ''];
  for (;;) {
    users.act(clock.monotonic());
    const state = look();
    const text = state.join('\n');
    if (text !== before || !users.areDone) [since_ms, before] = [clock.monotonic(), text];
    const calm_ms = clock.monotonic() - since_ms;
    // Without anything to compare with, a silent node's pods may yet be replaced, and a back-off may yet end.
    if (wanted === undefined ? calm_ms >= 8 * CALM_ms : text === wanted && calm_ms >= CALM_ms) return state;
    if (clock.monotonic() >= until_ms) return state;
    await clock.advance(5 * STEP_ms);
  }
}
