// How statuses get to the API: at once, again when it fails, and slowly when somebody else insists on another.
import { expect, it } from 'vitest';
import { StatusManager } from '../../../../agent/kubelet/status-manager.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import { notFound, serviceUnavailable } from '../../../../src/apimachinery/status.js';
import type { Client } from '../../../../src/client/client.js';
import type { Pod, PodStatus } from '../../../../src/kinds/types/core_v1.js';
import { fixedRandom, ManualClock, settle } from '../../client/fakes.js';
import { pod } from './fixtures.js';

/** An API that stores what it is sent, or does with it what `then` says. */
function setUp(then: (stored: Pod) => Pod = (stored) => stored) {
  const clock = new ManualClock();
  const patches: PodStatus[] = [];
  let version = 100;
  let stored = pod();
  const client = {
    async patch(_kind: unknown, _name: unknown, _type: unknown, patch: { status: PodStatus }) {
      patches.push(patch.status);
      const metadata = { ...stored.metadata, resourceVersion: String(++version) };
      stored = then({ ...stored, metadata, status: { ...stored.status, ...patch.status } });
      return stored;
    },
  } as unknown as Client;
  const stopping = new AbortController();
  const manager = new StatusManager({ client, clock, random: fixedRandom, log: silentLogger, stopping: stopping.signal });
  return {
    clock,
    patches,
    manager,
    stopping,
    foreign: (status: PodStatus) =>
      manager.observed({ ...stored, metadata: { ...stored.metadata, resourceVersion: String(++version) }, status }),
  };
}

it('are sent once, and only what is new', async () => {
  const { manager, patches } = setUp();
  manager.set(pod(), { phase: 'Pending' });
  manager.set(pod(), { phase: 'Running' });
  await manager.flush('uid-1');
  manager.set(pod(), { phase: 'Running' });
  await settle();
  expect(patches).toEqual([{ phase: 'Pending' }, { phase: 'Running' }]);
  expect(manager.newest(pod()).status.phase).toBe('Running');
});

it('are sent again after a failure, and not to a pod that is gone', async () => {
  const errors = [serviceUnavailable('away'), serviceUnavailable('away')];
  const { manager, patches, clock } = setUp((stored) => {
    const error = errors.pop();
    if (error) throw error;
    return stored;
  });
  manager.set(pod(), { phase: 'Running' });
  await clock.advance(5_000);
  expect(patches).toHaveLength(3);

  const gone = setUp(() => {
    throw notFound({ group: '', resource: 'pods' }, 'web');
  });
  gone.manager.set(pod(), { phase: 'Running' });
  await gone.clock.advance(60_000);
  expect(gone.patches).toHaveLength(1);
});

it('put right what someone else wrote, after a moment', async () => {
  const { manager, patches, clock, foreign } = setUp();
  manager.set(pod(), { phase: 'Running' });
  await settle();
  foreign({ phase: 'Failed' });
  await settle();
  expect(patches).toHaveLength(1);
  await clock.advance(1_000);
  expect(patches).toEqual([{ phase: 'Running' }, { phase: 'Running' }]);
});

it('are not fought over as fast as two can write', async () => {
  const { manager, patches, clock } = setUp((stored) => ({ ...stored, status: { phase: 'Failed' } }));
  manager.set(pod(), { phase: 'Running' });
  await clock.advance(600_000);
  expect(patches.length).toBeLessThan(20);
});

it('stay where they are when the agent stops', async () => {
  const { manager, patches, clock, foreign, stopping } = setUp();
  manager.set(pod(), { phase: 'Running' });
  await settle();
  stopping.abort();
  foreign({ phase: 'Failed' });
  manager.set(pod(), { phase: 'Pending' });
  await clock.advance(60_000);
  expect(patches).toHaveLength(1);
});
