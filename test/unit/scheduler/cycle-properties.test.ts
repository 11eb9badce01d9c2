// The pure cycle against a plain reading of the rules: clusters, pods and changes by lot, each pod's nodes compared with those that the rules allow.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Random } from '../../../src/apimachinery/clock.js';
import type { Node, Pod } from '../../../src/kinds/types/core_v1.js';
import { schedule } from '../../../src/scheduler/cycle.js';
import type { Decision, Profile, Snapshot } from '../../../src/scheduler/define.js';
import { preFilter, refusalOf, withoutPod, withPod } from '../../../src/scheduler/filters.js';
import { Nominator } from '../../../src/scheduler/nominator.js';
import { defaultProfile } from '../../../src/scheduler/profile.js';
import { nodeInfoWith, nodeInfoWithout } from '../../../src/scheduler/resources.js';
import { SchedulerCache } from '../../../src/scheduler/snapshot.js';
import { node, pod } from '../controllers/objects.js';
import { storageOf } from './plugins/lab.js';

const HOST = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';

const appOf = fc.constantFrom('a', 'b');
const keyOf = fc.constantFrom(HOST, ZONE);
const sometimes = <T>(what: fc.Arbitrary<T>) => fc.option(what, { nil: undefined, freq: 3 });

const nodeSpec = fc.record({
  cpu: fc.integer({ min: 0, max: 4 }),
  pods: fc.integer({ min: 1, max: 4 }),
  zone: fc.constantFrom('z1', 'z2', undefined),
  taint: sometimes(fc.constantFrom('NoSchedule', 'NoExecute', 'PreferNoSchedule')),
  cordoned: fc.boolean(),
  disk: fc.constantFrom('ssd', 'hdd'),
});

const podSpec = fc.record({
  cpu: fc.integer({ min: 0, max: 3 }),
  app: appOf,
  disk: sometimes(fc.constantFrom('ssd', 'hdd')),
  tolerates: fc.boolean(),
  port: sometimes(fc.constantFrom(80, 81)),
  near: sometimes(fc.record({ app: appOf, key: keyOf })),
  away: sometimes(fc.record({ app: appOf, key: keyOf })),
  spread: sometimes(fc.record({ key: keyOf, maxSkew: fc.integer({ min: 1, max: 2 }) })),
});

type NodeSpec = typeof nodeSpec extends fc.Arbitrary<infer T> ? T : never;
type PodSpec = typeof podSpec extends fc.Arbitrary<infer T> ? T : never;

function nodeOf(name: string, { cpu, pods, zone, taint, cordoned, disk }: NodeSpec): Node {
  return node(name, {
    metadata: { labels: { [HOST]: name, disk, ...(zone ? { [ZONE]: zone } : {}) } },
    spec: { unschedulable: cordoned, taints: taint ? [{ key: 'dedicated', value: 'db', effect: taint }] : [] },
    status: { allocatable: { cpu: String(cpu), memory: '8Gi', pods: String(pods) } },
  });
}

function podOf(name: string, { cpu, app, disk, tolerates, port, near, away, spread }: PodSpec): Pod {
  const term = ({ app, key }: { app: string; key: string }) => ({
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: key, labelSelector: { matchLabels: { app } } }],
  });
  const constraint = { topologyKey: spread?.key, maxSkew: spread?.maxSkew, whenUnsatisfiable: 'DoNotSchedule' };
  return pod(name, {
    metadata: { labels: { app } },
    spec: {
      containers: [
        { name: 'c', resources: { requests: { cpu: String(cpu) } }, ports: port ? [{ hostPort: port, containerPort: port }] : [] },
      ],
      ...(disk ? { nodeSelector: { disk } } : {}),
      tolerations: tolerates ? [{ key: 'dedicated', operator: 'Exists' }] : [],
      affinity: { ...(near ? { podAffinity: term(near) } : {}), ...(away ? { podAntiAffinity: term(away) } : {}) },
      topologySpreadConstraints: spread ? [{ ...constraint, labelSelector: { matchLabels: { app } } }] : [],
    },
  });
}

interface Placed {
  readonly name: string;
  readonly spec: PodSpec;
  readonly on: string;
}

/** The rules, read plainly: what a cluster's nodes and placed pods allow. */
class Rules {
  constructor(
    private readonly nodes: ReadonlyMap<string, NodeSpec>,
    private readonly placed: readonly Placed[],
  ) {}

  allowed(pod: PodSpec): readonly string[] {
    return [...this.nodes.keys()].filter((name) => this.#fits(pod, name));
  }

  #fits(pod: PodSpec, name: string): boolean {
    const { cpu, pods, taint, cordoned, disk } = this.nodes.get(name)!;
    const here = this.placed.filter(({ on }) => on === name);
    if (cordoned || (taint && taint !== 'PreferNoSchedule' && !pod.tolerates) || (pod.disk && pod.disk !== disk)) return false;
    if (here.length >= pods || (pod.cpu > 0 && here.reduce((sum, { spec }) => sum + spec.cpu, pod.cpu) > cpu)) return false;
    if (pod.port && here.some(({ spec }) => spec.port === pod.port)) return false;
    return this.#company(pod, name) && this.#spread(pod, name);
  }

  #domain(name: string, key: string): string | undefined {
    return key === HOST ? name : this.nodes.get(name)?.zone;
  }

  #together(one: string, other: string, key: string): boolean {
    const domain = this.#domain(one, key);
    return domain !== undefined && domain === this.#domain(other, key);
  }

  #company({ app, near, away }: PodSpec, name: string): boolean {
    if (near) {
      const company = this.placed.filter(({ spec, on }) => spec.app === near.app && this.#domain(on, near.key) !== undefined);
      const first = company.length === 0 && app === near.app && this.#domain(name, near.key) !== undefined;
      if (!first && !company.some(({ on }) => this.#together(on, name, near.key))) return false;
    }
    if (away && this.placed.some(({ spec, on }) => spec.app === away.app && this.#together(on, name, away.key))) return false;
    return !this.placed.some(({ spec, on }) => spec.away?.app === app && this.#together(on, name, spec.away.key));
  }

  #spread({ app, spread, disk }: PodSpec, name: string): boolean {
    if (!spread) return true;
    const domain = this.#domain(name, spread.key);
    if (domain === undefined) return false;
    const counts = new Map<string, number>();
    for (const [other, { disk: its }] of this.nodes) {
      const domain = this.#domain(other, spread.key);
      if (domain === undefined || (disk && disk !== its)) continue;
      const likes = this.placed.filter(({ spec, on }) => on === other && spec.app === app).length;
      counts.set(domain, (counts.get(domain) ?? 0) + likes);
    }
    return (counts.get(domain) ?? 0) + 1 - Math.min(...counts.values()) <= spread.maxSkew;
  }
}

const snapshotOf = (cache: SchedulerCache, nominated: Snapshot['nominated'] = new Nominator()): Snapshot => ({
  ...cache.nodes(),
  nominated,
  services: [],
  namespaceLabels: () => ({}),
  storage: storageOf([]),
});

const randomOf = (draw: number): Random => ({ next: () => draw, bytes: (length) => new Uint8Array(length) });

/** A pod comes; or one that was placed goes; or a node is another from now on. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ pod: podSpec }) },
  { weight: 1, arbitrary: fc.record({ gone: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ node: fc.nat({ max: 4 }), spec: nodeSpec }) },
);

const input = fc.record({
  nodes: fc.array(nodeSpec, { minLength: 1, maxLength: 5 }),
  steps: fc.array(step, { minLength: 1, maxLength: 14 }),
  draw: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

type Input = typeof input extends fc.Arbitrary<infer T> ? T : never;

/** Plays it all through one cache; `profileOf` gives the profile for each cycle. */
function play(
  { nodes, steps, draw }: Input,
  profileOf: () => Profile,
  see: (decision: Decision, spec: PodSpec, rules: Rules) => void,
): void {
  const cache = new SchedulerCache();
  const known = new Map(nodes.map((spec, i) => [`n${i}`, spec]));
  let placed: Placed[] = [];
  for (const [name, spec] of known) cache.setNode(nodeOf(name, spec));
  let start = 0;
  steps.forEach((step, i) => {
    if ('gone' in step) {
      const gone = placed[step.gone % Math.max(1, placed.length)];
      if (gone) cache.removePod(`default/${gone.name}`);
      placed = placed.filter((one) => one !== gone);
    } else if ('node' in step) {
      const name = `n${step.node % nodes.length}`;
      known.set(name, step.spec);
      cache.setNode(nodeOf(name, step.spec));
    } else {
      const what = podOf(`p${i}`, step.pod);
      const decision = schedule(what, snapshotOf(cache), profileOf(), randomOf(draw), start);
      start = decision.nextStart;
      see(decision, step.pod, new Rules(known, placed));
      if (!decision.node) return;
      cache.assume(what, decision.node.name);
      placed.push({ name: `p${i}`, spec: step.pod, on: decision.node.name });
    }
  });
}

test('exactly the nodes that the rules allow are found to fit; a pod gets one of them wherever there is one', () => {
  fc.assert(
    fc.property(input, (given) => {
      const profile = defaultProfile();
      play(
        given,
        () => profile,
        (decision, spec, rules) => {
          const allowed = rules.allowed(spec);
          expect(decision.feasible.map(({ name }) => name).sort()).toEqual([...allowed].sort());
          if (allowed.length === 0) expect(decision.node).toBeUndefined();
          else expect(allowed).toContain(decision.node?.name);
          expect(decision.feasible.length + decision.refused.length).toBe(decision.total);
        },
      );
    }),
    { numRuns: 150 },
  );
});

test('what is remembered of earlier cycles changes no answer, and the same seed gives the same', () => {
  const told = ({ node, totals, message, scores }: Decision) => ({
    node: node?.name,
    totals,
    message,
    scores: scores.map(({ plugin, raw, normalized }) => [plugin.name, raw, normalized]),
  });
  fc.assert(
    fc.property(input, (given) => {
      const [kept, fresh]: [unknown[], unknown[]] = [[], []];
      const profile = defaultProfile();
      play(
        given,
        () => profile,
        (decision) => kept.push(told(decision)),
      );
      play(given, defaultProfile, (decision) => fresh.push(told(decision)));
      expect(kept).toEqual(fresh);
    }),
    { numRuns: 60 },
  );
});

test('what if a pod came or went is answered as if it had', () => {
  fc.assert(
    fc.property(
      fc.array(nodeSpec, { minLength: 2, maxLength: 4 }),
      fc.array(podSpec, { minLength: 2, maxLength: 6 }),
      podSpec,
      (nodes, there, spec) => {
        const what = podOf('new', spec);
        const loner = podOf('loner', { ...spec, away: { app: 'a', key: HOST } });
        const others = there.map((each, i) => podOf(`p${i}`, each));
        const cacheWith = (pods: readonly Pod[]) => {
          const cache = new SchedulerCache();
          for (const [i, each] of nodes.entries()) cache.setNode(nodeOf(`n${i}`, each));
          for (const [i, one] of pods.entries()) cache.assume(one, `n${i % nodes.length}`);
          return cache;
        };
        // Somebody is nominated elsewhere, so that nobody leaves out what may yet come. What filters hold is good for one cycle: each has a profile.
        const filtersOf = (pods: readonly Pod[]) => {
          const nominated = new Nominator();
          nominated.nominate(loner, 'elsewhere');
          const prepared = preFilter(what, snapshotOf(cacheWith(pods), nominated), defaultProfile());
          if ('refusedAll' in prepared) throw new Error(prepared.refusedAll.refused);
          return prepared.filters;
        };
        const [all, last] = [filtersOf(others), others.at(-1)!];
        const fewer = filtersOf(others.slice(0, -1));
        const place = `n${(others.length - 1) % nodes.length}`;
        const [from, to] = [all.snapshot.byName.get(place)!, fewer.snapshot.byName.get(place)!];
        const less = withoutPod(all, last, from);
        const more = withPod(fewer, last, to);
        for (const [name, full] of all.snapshot.byName) {
          const lean = fewer.snapshot.byName.get(name)!;
          const isChanged = name === place;
          expect(refusalOf(less, isChanged ? nodeInfoWithout(from, last) : full)?.refusal).toEqual(refusalOf(fewer, lean)?.refusal);
          expect(refusalOf(more, isChanged ? nodeInfoWith(to, last) : lean)?.refusal).toEqual(refusalOf(all, full)?.refusal);
        }
      },
    ),
    { numRuns: 150 },
  );
});
