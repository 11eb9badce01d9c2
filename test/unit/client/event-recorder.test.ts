// Events as `kubectl describe` shows them: repeats are counted, floods cut, and a server that is away costs none but the oldest bound.
import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { createEventRecorder } from '../../../src/client/event-recorder.js';
import type { EventRecorder } from '../../../src/client/events.js';
import { events } from '../../../src/kinds/core/event.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { fixedRandom, ManualClock, MemoryApi, settle } from './fakes.js';

const pod = (name: string) =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'dev', uid: `uid-${name}`, resourceVersion: '7' } }) as Pod;

let api: MemoryApi;
let clock: ManualClock;
let recorder: EventRecorder;
beforeEach(() => {
  api = new MemoryApi();
  clock = new ManualClock();
  recorder = createEventRecorder({ client: api, component: 'kubelet', host: 'node-1', clock, random: fixedRandom, log: silentLogger });
});

test('an event names its object, source and time', async () => {
  recorder.event(pod('web'), 'Normal', 'Started', 'Started container nginx');
  await settle();
  expect(api.objects(events)).toMatchObject([
    {
      metadata: { namespace: 'dev', name: expect.stringMatching(/^web\.[0-9a-f]+$/) },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'dev', name: 'web', uid: 'uid-web' },
      type: 'Normal',
      reason: 'Started',
      message: 'Started container nginx',
      source: { component: 'kubelet', host: 'node-1' },
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
    },
  ]);
});

test('repeats raise the count and the last time of the first', async () => {
  recorder.event(pod('web'), 'Warning', 'BackOff', 'again');
  await clock.advance(10_000);
  recorder.event(pod('web'), 'Warning', 'BackOff', 'again');
  recorder.event(pod('web'), 'Warning', 'BackOff', 'again');
  recorder.event(pod('db'), 'Warning', 'BackOff', 'again');
  await settle();
  const stored = api.objects(events);
  expect(stored.map((event) => event.count)).toEqual([3, 1]);
  expect(stored[0]).toMatchObject({ firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:10Z' });
});

test('a repeat of an event that is gone becomes a new one', async () => {
  recorder.event(pod('web'), 'Normal', 'Pulled', 'x');
  await settle();
  await api.delete(events, { namespace: 'dev', name: api.objects(events)[0]!.metadata.name });
  await clock.advance(1000);
  recorder.event(pod('web'), 'Normal', 'Pulled', 'x');
  await settle();
  expect(api.objects(events).map((event) => event.count)).toEqual([1]);
});

test('one object cannot flood the store, and may speak again later', async () => {
  for (let i = 0; i < 100; i++) recorder.event(pod('web'), 'Warning', 'Failed', `try ${i}`);
  await clock.advance(100);
  expect(api.objects(events)).toHaveLength(25);
  await clock.advance(300_000);
  recorder.event(pod('web'), 'Warning', 'Failed', 'later');
  await settle();
  expect(api.objects(events)).toHaveLength(26);
});

test('events wait for a server that is away; an object that it refuses is dropped and the rest go on', async () => {
  api.down = true;
  recorder.event(pod('web'), 'Normal', 'Pulled', 'x');
  recorder.event(pod('db'), 'Normal', 'Pulled', 'x');
  await clock.advance(20_000);
  expect(api.objects(events)).toHaveLength(0);
  api.down = false;
  await clock.advance(20_000);
  expect(api.objects(events)).toHaveLength(2);
});
