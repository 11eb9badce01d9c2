// What is sent to the API when a pod's status changes: only that.
import { expect, it } from 'vitest';
import { statusPatch } from '../../../../agent/kubelet/status-patch.js';
import { pod } from './fixtures.js';

const main = {
  name: 'main',
  state: { running: { startedAt: 't' } },
  lastState: {},
  ready: true,
  restartCount: 0,
  image: 'i',
  imageID: 'd',
};

it('is nothing where the API says it all, empty fields being as good as absent ones', () => {
  const { lastState: _, restartCount: __, ...stored } = main;
  const old = pod({}, { phase: 'Running', containerStatuses: [stored as typeof main] });
  expect(statusPatch(old, { phase: 'Running', containerStatuses: [main] })).toBeUndefined();
});

it('holds what changed, and whose it is', () => {
  expect(statusPatch(pod({}, { phase: 'Pending', qosClass: 'BestEffort' }), { phase: 'Running', qosClass: 'BestEffort' })).toEqual({
    metadata: { uid: 'uid-1' },
    status: { phase: 'Running' },
  });
});

it('replaces addresses, which would merge otherwise', () => {
  const patch = statusPatch(pod({}, { podIP: '1', podIPs: [{ ip: '1' }] }), { podIP: '2', podIPs: [{ ip: '2' }] });
  expect(patch).toMatchObject({ status: { podIP: '2', podIPs: [{ ip: '2' }, { $patch: 'replace' }] } });
});

it('leaves conditions of others alone, and says which fields of its own are gone', () => {
  const old = pod(
    {},
    {
      conditions: [
        { type: 'Theirs', status: 'True' },
        { type: 'Ready', status: 'False', reason: 'ContainersNotReady' },
      ],
    },
  );
  expect(statusPatch(old, { conditions: [{ type: 'Ready', status: 'True' }] })).toMatchObject({
    status: { conditions: [{ type: 'Ready', status: 'True', reason: null }] },
  });
});
