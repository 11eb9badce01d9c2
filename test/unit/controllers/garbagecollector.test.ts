// The garbage collector where its caches lag behind what it is asked to keep.
import { expect, test } from 'vitest';
import { silentLogger as log } from '../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import type { ReconcileContext } from '../../../src/controllers/define.js';
import { garbageCollector } from '../../../src/controllers/garbagecollector.js';
import { identityKey } from '../../../src/controllers/gc-owners.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { ManualClock, fixedRandom as random } from '../client/fakes.js';
import { deployment } from './objects.js';
import { PatchingApi } from './patching-api.js';

test('what is to outlive its owner does, although the cache has not seen it yet', async () => {
  const api = new PatchingApi();
  const owner = await api.create(deployments, deployment('web'));
  const { name, uid } = owner.metadata;
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true };
  const metadata = { namespace: 'default', name: 'late', ownerReferences: [ref] };
  await api.create(pods, { metadata, spec: { containers: [{ name: 'main', image: 'x' }] } });
  await api.delete(deployments, owner.metadata, { propagationPolicy: 'Orphan' });
  const going = (await api.get(deployments, owner.metadata)) as KubeObject;
  const lister = { get: (kind: unknown) => (kind === deployments ? going : undefined), list: () => [], ownedBy: () => [] };
  const events = { event: () => {} };
  const context = { ...lister, client: api, clock: new ManualClock(), random, log, events, options: {} } as unknown as ReconcileContext;

  await garbageCollector.reconcile(identityKey(deployments, going), context);

  expect(api.objects(deployments)).toEqual([]);
  expect(api.objects(pods).map((pod) => [pod.metadata.name, pod.metadata.ownerReferences ?? []])).toEqual([['late', []]]);
});
