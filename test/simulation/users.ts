// What users do in a simulation: a plan that the seed makes before anything runs, so that it is the same with faults and without.
import { controllerOf } from '../../src/apimachinery/object.js';
import { StatusError } from '../../src/apimachinery/status.js';
import type { UserInfo } from '../../src/apiserver/options.js';
import type { Client } from '../../src/client/client.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { pods } from '../../src/kinds/core/pod.js';
import type { Seeded } from './clock.js';
import type { SimulatedNode } from './nodes.js';
import { planBootstrap, planRequest, planRoles, planToken } from './users-access.js';
import { planCronJob, planJob } from './users-jobs.js';
import { planNodes } from './users-nodes.js';
import { planBalanced, planOwners, planPublished, planQuota, planRemote, planVolume } from './users-objects.js';
import { planWorkload, WORKLOADS } from './users-workloads.js';

/** So long users are at work and things go wrong; in a few simulations an hour and more, which caches can be behind. */
const BUSY_ms = 240_000;
const LONG_ms = 3_900_000;
/** What could not be done is tried again so much later. */
const AGAIN_ms = 5_000;
/** Said of a pod that is a user's own. */
export const LABEL_OWN = 'simulation/own';

export interface World {
  readonly client: Client;
  /** Somebody else's than the administrator's. */
  clientOf(user: UserInfo): Client;
  readonly nodes: readonly SimulatedNode[];
  /** One that has not joined yet. */
  readonly newNode: SimulatedNode;
}

export interface Action {
  readonly at_ms: number;
  readonly what: string;
  /** 'again': it could not be done yet. */
  act(world: World): Promise<unknown>;
}

export interface Plan {
  readonly busy_ms: number;
  readonly actions: readonly Action[];
}

/** What makes a part of a plan. */
export interface Planner {
  readonly random: Seeded;
  readonly busy_ms: number;
  add(at_ms: number, what: string, act: Action['act']): void;
  between(from_ms: number, to_ms: number): number;
  /** When its namespace goes, or all is over. */
  endOf(namespace: string): number;
}

export interface Target {
  readonly namespace: string;
  readonly name: string;
}

/** What users have beside workloads; by the name of its object. */
const BESIDE: readonly (readonly [string, (planner: Planner, target: Target) => void])[] = [
  ['owner', planOwners],
  ['disk', planVolume],
  ['quota', planQuota],
  ['remote', planRemote],
  ['balanced', planBalanced],
  ['gathered', planRoles],
  ['robot', planToken],
  ['request', planRequest],
  ['bootstrap', planBootstrap],
  ['published', planPublished],
];

export function planOf(random: Seeded): Plan {
  const actions: Action[] = [];
  const busy_ms = random.chance(0.03) ? LONG_ms : BUSY_ms;
  const doomed = new Map<string, number>();
  const planner: Planner = {
    random,
    busy_ms,
    add: (at_ms, what, act) => actions.push({ at_ms: Math.floor(at_ms), what, act }),
    between: (from_ms, to_ms) => from_ms + random.below(Math.max(1, Math.floor(to_ms - from_ms))),
    endOf: (namespace) => doomed.get(namespace) ?? busy_ms,
  };
  const places = ['default', ...(random.chance(0.5) ? ['team'] : [])];
  if (places.length > 1) planNamespace(planner, places[1]!, doomed);
  let hasClaims = false;
  for (let i = 1 + random.below(4); i > 0; i--) {
    const namespace = places[random.below(places.length)]!;
    const which = random.below(WORKLOADS.length + 2);
    const target = { namespace, name: `${WORKLOADS[which]?.kind.singular ?? 'job'}-${i}` };
    if (which < WORKLOADS.length) hasClaims = planWorkload(planner, WORKLOADS[which]!, target) || hasClaims;
    else if (which === WORKLOADS.length) planJob(planner, target);
    else planCronJob(planner, target);
  }
  const target = (name: string) => ({ namespace: places[random.below(places.length)]!, name });
  for (const [name, plan] of BESIDE) if (random.chance(0.2)) plan(planner, target(name));
  for (let i = random.below(4); i > 0; i--) planLoss(planner);
  // A volume stays on its node, and which that is depends on what happened.
  planNodes(planner, !hasClaims);
  return { busy_ms, actions: actions.sort((a, b) => a.at_ms - b.at_ms) };
}

function planNamespace({ random, busy_ms, add, between }: Planner, name: string, doomed: Map<string, number>): void {
  const at_ms = between(0, busy_ms / 4);
  add(at_ms, `make namespace ${name}`, ({ client }) => client.create(namespaces, { metadata: { name } }));
  add(at_ms + 1, `make configmap in ${name}`, ({ client }) => client.create(configMaps, { metadata: { namespace: name, name: 'notes' } }));
  if (!random.chance(0.6)) return;
  const end_ms = between(busy_ms / 2, busy_ms);
  doomed.set(name, end_ms);
  add(end_ms, `delete namespace ${name}`, ({ client }) => client.delete(namespaces, { name }));
}

/** Of those that are made anew. */
function planLoss({ random, busy_ms, add, between }: Planner): void {
  const nth = random.below(100);
  add(between(0, busy_ms), 'delete some pod', async ({ client }) => {
    const owned = (await client.list(pods)).items.filter((pod) => controllerOf(pod) && !pod.metadata.labels?.[LABEL_OWN]);
    const pod = owned[nth % Math.max(1, owned.length)];
    if (pod) await client.delete(pods, pod.metadata);
  });
}

/** They do one thing after the other, each when it is due. What they do to an object that has gone meanwhile is an error, which is theirs. */
export class Users {
  #isBusy = false;

  constructor(
    private readonly actions: Action[],
    private readonly world: World,
    /** Told of what no user expects. */
    private readonly broken: string[],
  ) {}

  get areDone(): boolean {
    return this.actions.length === 0 && !this.#isBusy;
  }

  /** Does what is due; some of it may take simulated time, so nobody waits for it. */
  act(now_ms: number): void {
    if (!this.#isBusy) void this.#act(now_ms);
  }

  async #act(now_ms: number): Promise<void> {
    this.#isBusy = true;
    const { actions } = this;
    while (actions[0] && actions[0].at_ms <= now_ms) {
      const action = actions.shift()!;
      try {
        if ((await action.act(this.world)) !== 'again') continue;
        const at_ms = now_ms + AGAIN_ms;
        const before = actions.findIndex((each) => each.at_ms > at_ms);
        actions.splice(before < 0 ? actions.length : before, 0, { ...action, at_ms });
      } catch (error) {
        if (!(error instanceof StatusError) || ![403, 404, 409].includes(error.code))
          this.broken.push(`a user cannot ${action.what}: ${error}`);
      }
    }
    this.#isBusy = false;
  }
}
