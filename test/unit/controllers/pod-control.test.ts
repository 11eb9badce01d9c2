// Deleting the pods of a controller whose cache lags: only as they were seen, and still their owner's.
import { beforeEach, describe, expect, test } from 'vitest';
import type { ReconcileContext } from '../../../src/controllers/define.js';
import { removeJobPods } from '../../../src/controllers/job-pod-control.js';
import { FINALIZER_TRACKING } from '../../../src/controllers/job-pods.js';
import { deletePod } from '../../../src/controllers/pod-control.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Job } from '../../../src/kinds/types/batch_v1.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { controlledBy, pod, replicaSet } from './objects.js';
import { PatchingApi } from './patching-api.js';

const owner = replicaSet('web');
const owned = { ownerReferences: [controlledBy(owner)] };
let api: PatchingApi;
let told: string[];
let context: ReconcileContext;

beforeEach(() => {
  api = new PatchingApi();
  told = [];
  const event = (_about: unknown, _type: string, reason: string, message: string) => void told.push(`${reason}: ${message}`);
  context = { client: api, events: { event } } as Partial<ReconcileContext> as ReconcileContext;
});

const names = () => api.objects(pods).map(({ metadata }) => metadata.name);
const letGo = (seen: Pod) => api.patch(pods, seen.metadata, 'application/merge-patch+json', { metadata: { ownerReferences: [] } });

describe('a pod that is to go', () => {
  test('goes, and its owner tells of it', async () => {
    const seen = await api.create(pods, pod('web-1', { metadata: owned }));
    expect(await deletePod(context, owner, seen)).toBe(true);
    expect([names(), told]).toEqual([[], ['SuccessfulDelete: Deleted pod: web-1']]);
  });

  test('may be gone already, and nothing is told of it', async () => {
    const seen = await api.create(pods, pod('web-1', { metadata: owned }));
    await api.delete(pods, seen.metadata);
    expect(await deletePod(context, owner, seen)).toBe(false);
    expect(told).toEqual([]);
  });

  test('stays where somebody has let it go since it was seen', async () => {
    const seen = await api.create(pods, pod('web-1', { metadata: owned }));
    await letGo(seen);
    expect(await deletePod(context, owner, seen)).toBe(false);
    expect([names(), told]).toEqual([['web-1'], []]);
  });

  test('stays where it is a namesake of the one that was seen', async () => {
    const seen = await api.create(pods, pod('web-1', { metadata: owned }));
    await api.delete(pods, seen.metadata);
    await api.create(pods, pod('web-1', { metadata: { ...owned, uid: 'another' } }));
    expect(await deletePod(context, owner, seen)).toBe(false);
    expect(names()).toEqual(['web-1']);
  });
});

describe("a Job's surplus pod that it still counts", () => {
  const job = { ...owner, apiVersion: 'batch/v1', kind: 'Job' } as unknown as Job;
  const tracked = { ...owned, finalizers: [FINALIZER_TRACKING] };
  const removeSeen = async (seen: Pod) => {
    const removed: Pod[] = [];
    await removeJobPods(context, job, [seen], (each) => void removed.push(each));
    return removed;
  };

  test('is let go by it and deleted', async () => {
    const seen = await api.create(pods, pod('work-1', { metadata: tracked }));
    expect(await removeSeen(seen)).toEqual([seen]);
    expect(names()).toEqual([]);
  });

  test('stays where it is no longer the Job’s, and does not count as removed', async () => {
    const seen = await api.create(pods, pod('work-1', { metadata: tracked }));
    await letGo(seen);
    expect(await removeSeen(seen)).toEqual([]);
    expect(names()).toEqual(['work-1']);
  });
});
