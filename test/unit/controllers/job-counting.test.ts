// A Job's counts under faults: watches that lag, managers that are killed and ones that act at once. No pod is counted twice or lost.
import { expect, test } from 'vitest';
import { sleep } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { isBeingDeleted } from '../../../src/apimachinery/object.js';
import type { Client } from '../../../src/client/client.js';
import { createInformers } from '../../../src/client/informers.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { job as jobController } from '../../../src/controllers/job.js';
import { isFinished } from '../../../src/controllers/job-outcome.js';
import { startControllers } from '../../../src/controllers/manager.js';
import { jobs } from '../../../src/kinds/batch/job.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Job, JobSpec } from '../../../src/kinds/types/batch_v1.js';
import { fixedRandom, ManualClock, settle } from '../client/fakes.js';
import { one } from './control-plane.js';
import { at } from './objects.js';
import { PatchingApi } from './patching-api.js';

const RUNS = 25;
const COMPLETIONS = 6;
const STEPS_MAX = 400;

/** Small and seeded: a failing run can be repeated. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

class Trial {
  readonly api = new PatchingApi();
  readonly clock = new ManualClock();
  readonly draw: (below: number) => number;
  readonly succeeded = new Set<string>();
  readonly failed = new Set<string>();
  readonly #managers: { stop(): Promise<void> }[] = [];

  constructor(seed: number) {
    this.draw = randomOf(seed);
  }

  startManager(lag_ms: number): void {
    const client = lagging(this.api, this.clock, lag_ms);
    const deps = { client, clock: this.clock, random: fixedRandom, log: silentLogger };
    const informers = createInformers(deps);
    const options = {
      ...DEFAULT_OPTIONS,
      clusterSigningCert: '',
      clusterSigningKey: '',
      rootCa: '',
    };
    const running = startControllers([jobController], { ...deps, informers, options, events: { event: () => {} } });
    this.#managers.push({
      async stop() {
        informers.stop();
        await running.stop();
      },
    });
  }

  /** As kill -9 does, but for what is under way in this process. */
  async stopManager(): Promise<void> {
    await this.#managers.shift()?.stop();
  }

  async stop(): Promise<void> {
    while (this.#managers.length > 0) await this.stopManager();
  }

  get job(): Job {
    return one(this.api.objects(jobs));
  }

  /** One of the pods that are under way ends, well or badly. */
  async endOne(): Promise<void> {
    const under = this.api.objects(pods).filter((pod) => pod.status.phase === 'Pending' && !isBeingDeleted(pod));
    const pod = under[this.draw(under.length)];
    if (!pod) return;
    const phase = this.draw(4) === 0 ? 'Failed' : 'Succeeded';
    (phase === 'Failed' ? this.failed : this.succeeded).add(pod.metadata.uid);
    await this.api.update(pods, { ...pod, status: { ...pod.status, phase } }, 'status');
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await settle();
  }
}

/** A client to which changes of pods come late. */
function lagging(api: PatchingApi, clock: ManualClock, lag_ms: number): Client {
  return new Proxy(api as Client, {
    get(target, name) {
      if (name === 'watch') {
        return async function* (...args: Parameters<Client['watch']>) {
          for await (const event of api.watch(...args)) {
            if (args[0] === (pods as unknown) && lag_ms > 0) await sleep(clock, lag_ms);
            yield event;
          }
        };
      }
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function trial(seed: number, spec: Partial<JobSpec>, two: boolean): Promise<Trial> {
  const it = new Trial(seed);
  const template = { metadata: { labels: { uid: 'u' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox' }] } };
  const base = {
    completions: COMPLETIONS,
    parallelism: 3,
    backoffLimit: 1000,
    completionMode: 'NonIndexed',
    podReplacementPolicy: 'TerminatingOrFailed',
  };
  await it.api.create(jobs, {
    metadata: { namespace: 'default', name: 'work', creationTimestamp: at(0) },
    spec: { ...base, selector: { matchLabels: { uid: 'u' } }, template, ...spec },
  } as never);
  it.startManager(0);
  if (two) it.startManager(5_000);
  for (let step = 0; step < STEPS_MAX && !isFinished(it.job); step++) {
    const what = it.draw(12);
    if (what < 7) await it.endOne();
    else if (what === 7) it.api.hold();
    else if (what === 8) it.api.release();
    else if (what === 9) {
      await it.stopManager();
      it.startManager(two ? it.draw(2) * 5_000 : 0);
    }
    await it.pass(it.draw(3) * 4_000 + 10);
    if (step % 3 === 0) it.api.release();
  }
  it.api.release();
  await it.pass(700_000);
  return it;
}

const seeds = Array.from({ length: RUNS }, (_, i) => i + 1);
const check = async (seed: number, spec: Partial<JobSpec>, two: boolean) => {
  const it = await trial(seed, spec, two);
  try {
    const { status } = it.job;
    const said = `seed ${seed}: ${JSON.stringify(status)}, ended ${it.succeeded.size} well, ${it.failed.size} badly`;
    expect(isFinished(it.job), said).toBe(true);
    expect(
      it.api.objects(pods).filter(({ metadata }) => metadata.finalizers?.length),
      said,
    ).toEqual([]);
    const counts = [status.succeeded ?? 0, status.failed ?? 0];
    if (spec.completionMode === 'Indexed')
      expect([status.succeeded, status.completedIndexes], said).toEqual([COMPLETIONS, `0-${COMPLETIONS - 1}`]);
    else expect(counts[0], said).toBeLessThanOrEqual(it.succeeded.size);
    expect(counts[0], said).toBeGreaterThanOrEqual(COMPLETIONS);
    expect(counts[1], said).toBeLessThanOrEqual(it.failed.size);
    // One manager alone loses none, either.
    if (!two) expect(counts[1], said).toBe(it.failed.size);
  } finally {
    await it.stop();
  }
};

test('by one manager that is killed and begins anew', async () => {
  for (const seed of seeds) await check(seed, {}, false);
});

test('of an indexed job', async () => {
  for (const seed of seeds) await check(seed, { completionMode: 'Indexed' }, false);
});

test('by two managers at once, of which one sees pods late', async () => {
  for (const seed of seeds) await check(seed, {}, true);
});
