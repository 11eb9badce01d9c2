// All controllers together over a cluster that is as it should be, where nothing may be done; and over one with objects that no reconcile
// gets done, where all others are, and tries come ever more seldom.
import { expect, test, vi } from 'vitest';
import { expired, StatusError } from '../../src/apimachinery/status.js';
import type { Transport } from '../../src/client/client.js';
import type { ControllerDefinition } from '../../src/controllers/define.js';
import { controllers } from '../../src/controllers/index.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { fill, type Lab, type LabOptions, openLab } from './lab.js';
import { stateOf } from './state.js';

// Seconds of work, which a busy machine may take minutes for.
vi.setConfig({ testTimeout: 300_000 });
const SETTLED_ms = 200_000;
const HOUR_ms = 3_600_000;
const RESYNC_ms = HOUR_ms / 3;

/** Who looks again although nothing has changed: autoscalers at metrics, quotas as upstream's do, Deployments once at their progress deadline. */
const AT_INTERVALS = ['deployment', 'horizontal-pod-autoscaler', 'resourcequota'];
/** The longest wait of a queue between tries, and how often its waits double from 5 ms until then. */
const RETRY_MAX_ms = 1_000_000;
const DOUBLED = 18;

async function inLab(options: LabOptions, act: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await openLab(options);
  try {
    await act(lab);
  } finally {
    await lab.stop();
  }
}

test('at rest nothing is written and nothing reconciled, whatever watches end and lists are made anew', async () => {
  const rest = new Rest();
  await inLab({ instead: (definition) => rest.counted(definition), through: (transport) => rest.watched(transport) }, async (lab) => {
    await fill(lab.client, 'crowded');
    await lab.clock.advance(SETTLED_ms);
    lab.stopNodes();
    await lab.clock.advance(SETTLED_ms);
    expect(stateOf(lab.informers).filter((line) => line.startsWith('pods of crowded'))).toHaveLength(8);
    rest.begin();
    for (let past_ms = 0; past_ms < HOUR_ms; past_ms += RESYNC_ms) {
      rest.forget();
      await lab.clock.advance(RESYNC_ms);
    }
  });
  expect(rest.writes).toEqual([]);
  expect(rest.unasked).toEqual([]);
  expect([...rest.timers].sort()).toEqual(AT_INTERVALS);
  expect(rest.begun).toBeGreaterThan(100);
});

test('every controller goes on past a key that always throws, and tries it ever more seldom', async () => {
  const [bad, good] = ['never-works', 'works'];
  const tried = new Map(controllers.map(({ name }) => [name, { bad: [] as number[], good: 0 }]));
  let now_ms = () => 0;
  const instead = (definition: ControllerDefinition): ControllerDefinition => ({
    ...definition,
    inputs: [...definition.inputs, configMaps.mapped(({ metadata }) => (metadata.namespace === 'poison' ? [metadata.name] : []))],
    reconcile: async (key, context) => {
      const { name } = definition;
      if (key === good) tried.get(name)!.good++;
      else if (key !== bad) return definition.reconcile(key, context);
      else {
        tried.get(name)!.bad.push(now_ms());
        throw new Error('poison');
      }
    },
  });
  await inLab({ instead }, async ({ client, clock }) => {
    now_ms = () => clock.monotonic();
    await client.create(namespaces, { metadata: { name: 'poison' } });
    await client.create(configMaps, { metadata: { namespace: 'poison', name: bad } });
    await client.create(configMaps, { metadata: { namespace: 'poison', name: good } });
    await clock.advance(HOUR_ms);
    await client.patch(configMaps, { namespace: 'poison', name: good }, 'application/merge-patch+json', { data: { changed: 'yes' } });
    await clock.advance(1_000);
  });
  for (const [name, { bad: at_ms, good: times }] of tried) {
    expect(times, `${name} goes on`).toBe(2);
    const waits = at_ms.slice(1).map((each, i) => each - at_ms[i]!);
    expect(waits, `${name} waits longer and longer`).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1), `${name} waits no longer than that`).toBe(RETRY_MAX_ms);
    expect(at_ms.length, `${name} tries`).toBeLessThan(DOUBLED + HOUR_ms / RETRY_MAX_ms);
  }
});

test('where nothing can be written in a namespace, others do not suffer, and few writes are tried', async () => {
  const tries = new Map<string, number>();
  const through = (inner: Transport): Transport => ({
    watch: (request, signal) => inner.watch(request, signal),
    async request(request) {
      if (request.method === 'GET' || !request.path.includes('/namespaces/poisoned/')) return inner.request(request);
      const what = `${request.method} ${request.path}`;
      tries.set(what, (tries.get(what) ?? 0) + 1);
      throw new StatusError(500, 'InternalError', 'poison');
    },
  });
  await inLab({ through }, async (lab) => {
    await fill(lab.client, 'poisoned');
    await fill(lab.client, 'well');
    await lab.clock.advance(SETTLED_ms);
    expect(stateOf(lab.informers).filter((line) => line.startsWith('pods of well'))).toHaveLength(8);
    lab.stopNodes();
    tries.clear();
    await lab.clock.advance(HOUR_ms);
  });
  // Each failure may be told of by an event, which is tried for a while: the recorder bounds those.
  for (const [what, count] of tries) if (!what.endsWith('/events')) expect(count, what).toBeLessThan(3 * DOUBLED);
  expect(tries.size).toBeGreaterThan(10);
});

/** What happens from `begin` on. */
class Rest {
  #on = false;
  readonly writes: string[] = [];
  /** Reconciles that no earlier one had asked for. */
  readonly unasked: string[] = [];
  /** Controllers that ran because an earlier reconcile had asked for it. */
  readonly timers = new Set<string>();
  /** Watches. */
  begun = 0;
  readonly #due = new Map<string, number>();
  readonly #watches = new Set<AbortController>();

  begin(): void {
    this.#on = true;
  }

  counted(definition: ControllerDefinition): ControllerDefinition {
    return {
      ...definition,
      reconcile: async (key, context) => {
        const { clock } = context;
        const id = `${definition.name} ${key}`;
        const due_ms = this.#due.get(id);
        const wasAsked = due_ms !== undefined && clock.monotonic() >= due_ms;
        if (wasAsked) this.#due.delete(id);
        if (this.#on && wasAsked) this.timers.add(definition.name);
        if (this.#on && !wasAsked) this.unasked.push(id);
        const result = await definition.reconcile(key, context);
        const after_ms = result?.requeueAfter_ms;
        if (after_ms !== undefined)
          this.#due.set(id, Math.min(clock.monotonic() + after_ms, this.#due.get(id) ?? Number.POSITIVE_INFINITY));
        return result;
      },
    };
  }

  /** `inner`, whose watches `forget` ends, so that whoever watches lists again. */
  watched(inner: Transport): Transport {
    const rest = this;
    return {
      request(request) {
        if (rest.#on && request.method !== 'GET') rest.writes.push(`${request.method} ${request.path}`);
        return inner.request(request);
      },
      async *watch(request, signal) {
        if (rest.#on) rest.begun++;
        const ended = new AbortController();
        rest.#watches.add(ended);
        signal.addEventListener('abort', () => ended.abort(), { once: true });
        yield* inner.watch(request, ended.signal);
        if (!signal.aborted) throw expired('too old resource version');
      },
    };
  }

  forget(): void {
    for (const watch of this.#watches) watch.abort();
    this.#watches.clear();
  }
}
