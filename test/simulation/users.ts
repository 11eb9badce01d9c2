// What users do in a simulation: a plan that the seed makes before anything runs, so that it is the same with faults and without.
import { StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import { daemonSets } from '../../src/kinds/apps/daemonset.js';
import { deployments } from '../../src/kinds/apps/deployment.js';
import { replicaSets } from '../../src/kinds/apps/replicaset.js';
import { statefulSets } from '../../src/kinds/apps/statefulset.js';
import { jobs } from '../../src/kinds/batch/job.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { nodes } from '../../src/kinds/core/node.js';
import { pods } from '../../src/kinds/core/pod.js';
import { services } from '../../src/kinds/core/service.js';
import type { AnyKind } from '../../src/kinds/define.js';
import type { Seeded } from './clock.js';
import type { SimulatedNode } from './nodes.js';

/** So long users are at work, and things go wrong. */
export const BUSY_ms = 600_000;
const MERGE = 'application/merge-patch+json';

export interface World {
  readonly client: Client;
  readonly nodes: readonly SimulatedNode[];
}

export interface Action {
  readonly at_ms: number;
  readonly what: string;
  act(world: World): Promise<unknown>;
}

const template = (app: string, image: string, more: object = {}) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'main', image }], ...more },
});

/** Kinds whose objects run pods until they are told to end, and what an edit of one may be. */
const WORKLOADS: readonly {
  readonly kind: AnyKind;
  readonly spec: (random: Seeded) => object;
  readonly scales: boolean;
  readonly rolls: boolean;
}[] = [
  { kind: deployments, spec: (random) => ({ strategy: random.chance(0.3) ? { type: 'Recreate' } : undefined }), scales: true, rolls: true },
  { kind: replicaSets, spec: () => ({}), scales: true, rolls: false },
  {
    kind: statefulSets,
    spec: (random) => ({ serviceName: 'none', podManagementPolicy: random.chance(0.5) ? 'Parallel' : 'OrderedReady' }),
    scales: true,
    rolls: true,
  },
  { kind: daemonSets, spec: () => ({}), scales: false, rolls: true },
];

export function planOf(random: Seeded): readonly Action[] {
  const actions: Action[] = [];
  const add = (at_ms: number, what: string, act: Action['act']) => actions.push({ at_ms: Math.floor(at_ms), what, act });
  const between = (from_ms: number, to_ms: number) => from_ms + random.below(Math.max(1, Math.floor(to_ms - from_ms)));
  const places = ['default', ...Array.from({ length: random.below(3) }, (_, i) => `team-${i}`)];
  const doomed = new Map<string, number>();
  for (const namespace of places.slice(1)) {
    const at_ms = between(0, BUSY_ms / 4);
    add(at_ms, `make namespace ${namespace}`, ({ client }) => client.create(namespaces, { metadata: { name: namespace } }));
    add(at_ms + 1, `make configmap in ${namespace}`, ({ client }) => client.create(configMaps, { metadata: { namespace, name: 'notes' } }));
    if (!random.chance(0.6)) continue;
    const end_ms = between(BUSY_ms / 2, BUSY_ms);
    doomed.set(namespace, end_ms);
    add(end_ms, `delete namespace ${namespace}`, ({ client }) => client.delete(namespaces, { name: namespace }));
  }
  let made = 0;
  for (const namespace of places) {
    for (const workload of WORKLOADS) {
      if (random.chance(0.4)) continue;
      planWorkload(workload, { namespace, name: `${workload.kind.singular}-${made++}` });
    }
    if (random.chance(0.6)) planJob({ namespace, name: `job-${made++}` });
  }
  for (let i = random.below(6); i > 0; i--) {
    const nth = random.below(100);
    add(between(0, BUSY_ms), 'delete some pod', async ({ client }) => {
      const { items } = await client.list(pods);
      const pod = items[nth % Math.max(1, items.length)];
      if (pod) await client.delete(pods, pod.metadata);
    });
  }
  planNodes();
  return actions.sort((a, b) => a.at_ms - b.at_ms);

  function planWorkload({ kind, spec, scales, rolls }: (typeof WORKLOADS)[number], target: { namespace: string; name: string }): void {
    const { namespace, name } = target;
    const made_ms = between(BUSY_ms / 4, BUSY_ms / 2);
    const end_ms = doomed.get(namespace) ?? BUSY_ms;
    const of = `${kind.singular} ${namespace}/${name}`;
    const first = { selector: { matchLabels: { app: name } }, ...spec(random), template: template(name, 'runs:1') };
    const replicas = random.below(6);
    add(made_ms, `make ${of} of ${replicas}`, ({ client }) =>
      client.create(kind, { metadata: { namespace, name }, spec: { ...first, ...(scales && { replicas }) } } as never),
    );
    if (random.chance(0.5)) {
      const spec = { selector: { app: name }, ports: [{ port: 80 }] };
      add(made_ms + 1, `make service ${namespace}/${name}`, ({ client }) => client.create(services, { metadata: target, spec } as never));
    }
    for (let edits = random.below(4); edits > 0; edits--) {
      const at_ms = between(made_ms, end_ms);
      const change = (what: string, body: object) =>
        add(at_ms, `${what} ${of}`, ({ client }) => client.patch(kind, target, MERGE, { spec: body }));
      if (scales && (!rolls || random.chance(0.5))) {
        const to = random.below(8);
        change(`scale to ${to}`, { replicas: to });
      } else if (rolls) {
        const image = `runs:${2 + random.below(3)}`;
        change(`roll to ${image}`, { template: { spec: { containers: [{ name: 'main', image }] } } });
      }
    }
    if (random.chance(0.3)) {
      const propagationPolicy = random.chance(0.5) ? 'Foreground' : 'Background';
      add(between(made_ms + BUSY_ms / 8, end_ms), `delete ${of} ${propagationPolicy}`, ({ client }) =>
        client.delete(kind, target, { propagationPolicy }),
      );
    }
  }

  function planJob(target: { namespace: string; name: string }): void {
    const fails = random.chance(0.3);
    const [completions, parallelism] = [1 + random.below(5), 1 + random.below(3)];
    const spec = {
      completions,
      parallelism,
      ...(random.chance(0.5) && { completionMode: 'Indexed' }),
      // A node that dies must not make a job fail that would succeed.
      backoffLimit: fails ? 1 : 1000,
      template: template(target.name, fails ? 'fails' : 'succeeds', { restartPolicy: 'Never' }),
    };
    add(
      between(BUSY_ms / 4, BUSY_ms / 2),
      `make job ${target.namespace}/${target.name} (${fails ? 'fails' : `succeeds ${completions} times`})`,
      ({ client }) => client.create(jobs, { metadata: target, spec } as never),
    );
  }

  function planNodes(): void {
    for (let i = random.below(3); i > 0; i--) {
      const nth = random.below(100);
      const at_ms = between(BUSY_ms / 4, BUSY_ms);
      add(at_ms, `node ${nth} falls silent`, async ({ nodes: all }) => void (all[nth % all.length]!.alive = false));
      add(at_ms + between(10_000, BUSY_ms / 2), `node ${nth} is back`, async ({ nodes: all }) => all[nth % all.length]!.wake());
    }
    if (!random.chance(0.3)) return;
    add(between(BUSY_ms / 4, BUSY_ms), 'the last node is removed', async ({ client, nodes: all }) => {
      const last = all.at(-1)!;
      last.leave();
      await client.delete(nodes, { name: last.name });
    });
  }
}

/** What a user does to an object that its namespace has taken along is an error, which is the user's. */
export async function perform(action: Action, world: World): Promise<void> {
  try {
    await action.act(world);
  } catch (error) {
    if (!(error instanceof StatusError) || ![403, 404, 409].includes(error.code)) throw new Error(action.what, { cause: error });
  }
}
