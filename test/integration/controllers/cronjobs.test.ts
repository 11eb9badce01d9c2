// CronJobs on a real API server and a clock moved by hand: when Jobs are made, how many run, which are kept.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cronJobs } from '../../../src/kinds/batch/cronjob.js';
import { jobs } from '../../../src/kinds/batch/job.js';
import { events } from '../../../src/kinds/core/event.js';
import type { CronJobSpec, Job } from '../../../src/kinds/types/batch_v1.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const MERGE = 'application/merge-patch+json';
const NAME = { namespace: 'default', name: 'tick' };
const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox' }] } };

const make = (spec: Partial<CronJobSpec> = {}) =>
  cluster.client.create(cronJobs, {
    metadata: { ...NAME },
    spec: { schedule: '* * * * *', jobTemplate: { metadata: { labels: { app: 'tick' } }, spec: { template } }, ...spec } as CronJobSpec,
  });
const cronJob = () => cluster.client.get(cronJobs, NAME);
const edit = (spec: object) => cluster.client.patch(cronJobs, NAME, MERGE, { spec });
const all = async () => (await cluster.client.list(jobs, { namespace: 'default' })).items;
const made = (count: number) => cluster.until(`${count} jobs are there`, async () => (await all()).length === count);
const told = async () =>
  (await cluster.client.list(events, {})).items
    .filter(({ involvedObject }) => involvedObject.kind === 'CronJob')
    .map(({ type, reason, message }) => `${type} ${reason}: ${message}`);

/** As its pods and the Job controller would; there is no node to run them. */
async function end({ metadata }: Job, type: 'Complete' | 'Failed' = 'Complete'): Promise<void> {
  const now = new Date(cluster.clock.now()).toISOString().replace(/\.\d+/, '');
  const before = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
  const conditions = [before, type].map((each) => ({ type: each, status: 'True', lastTransitionTime: now, reason: 'Test', message: '' }));
  const over = { active: 0, ready: 0, terminating: 0, uncountedTerminatedPods: {}, conditions };
  const status = { ...over, startTime: metadata.creationTimestamp, ...(type === 'Complete' ? { completionTime: now } : {}) };
  await cluster.client.patch(jobs, metadata, MERGE, { status }, 'status');
}

describe('a cron job', () => {
  test('makes a job at its time, named and annotated by it, and follows it', async () => {
    await make({ timeZone: 'Europe/Berlin', schedule: '30 1 * * *' });
    await cluster.pass(29 * 60);
    expect(await all()).toEqual([]);
    await cluster.pass(65);
    const [job] = await all();
    const minutes = Date.UTC(2026, 0, 1, 0, 30) / 60_000;
    expect(job!.metadata.name).toBe(`tick-${minutes}`);
    expect(job!.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp']).toBe('2026-01-01T01:30:00+01:00');
    expect(job!.metadata.labels).toMatchObject({ app: 'tick' });
    expect(job!.metadata.ownerReferences).toEqual([expect.objectContaining({ kind: 'CronJob', name: 'tick', controller: true })]);
    const { status } = await cronJob();
    expect(status.lastScheduleTime).toBe('2026-01-01T00:30:00Z');
    expect(status.active).toEqual([expect.objectContaining({ kind: 'Job', name: job!.metadata.name, uid: job!.metadata.uid })]);
    await end(job!);
    await cluster.until('it is seen', async () => (await cronJob()).status.lastSuccessfulTime !== undefined);
    expect((await cronJob()).status.active).toBeUndefined();
    await cluster.until('it is told of', async () => (await told()).length === 2);
    expect((await told()).sort()).toEqual([
      `Normal SawCompletedJob: Saw completed job: ${job!.metadata.name}, condition: Complete`,
      `Normal SuccessfulCreate: Created job ${job!.metadata.name}`,
    ]);
  });

  test('runs next to what still runs, waits for it, or takes its place', async () => {
    await make();
    await cluster.pass(125);
    expect(await all()).toHaveLength(2);
    await edit({ concurrencyPolicy: 'Forbid' });
    await cluster.pass(60);
    expect(await all()).toHaveLength(2);
    expect(await told()).toContain(
      'Normal JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid',
    );
    for (const job of await all()) await end(job);
    await made(3);
    await edit({ concurrencyPolicy: 'Replace' });
    await cluster.pass(60);
    await cluster.until('only the new one runs', async () => {
      const { active = [] } = (await cronJob()).status;
      return active.length === 1 && (await all()).filter(({ status }) => !status.conditions?.length).length === 1;
    });
  });

  test('keeps as many of those that are over as it says', async () => {
    await make({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 1 });
    for (let run = 0; run < 6; run++) {
      await cluster.pass(60);
      await cluster.until('one runs', async () => (await cronJob()).status.active?.length === 1);
      const { active = [] } = (await cronJob()).status;
      await end((await all()).find(({ metadata }) => metadata.uid === active[0]!.uid)!, run % 2 === 0 ? 'Complete' : 'Failed');
    }
    await made(3);
    const types = (await all()).map(({ status }) => status.conditions![1]!.type);
    expect(types.sort()).toEqual(['Complete', 'Complete', 'Failed']);
  });

  test('catches up on the latest time that it missed while it was suspended, but not past its deadline', async () => {
    await make({ suspend: true });
    await cluster.pass(610);
    expect(await all()).toEqual([]);
    await edit({ suspend: false });
    await made(1);
    expect((await cronJob()).status.lastScheduleTime).toBe('2026-01-01T00:10:00Z');
    await edit({ suspend: true, startingDeadlineSeconds: 20, schedule: '0 * * * *' });
    await cluster.pass(3600);
    await edit({ suspend: false });
    await cluster.pass(60);
    expect(await all()).toHaveLength(1);
  });

  test('tells of too many missed times, and makes one job all the same', async () => {
    await make({ suspend: true });
    await cluster.clock.advance(2 * 3600_000);
    await edit({ suspend: false });
    await made(1);
    await cluster.until('it is told of', async () => (await told()).some((line) => line.includes('TooManyMissedTimes')));
  });

  test('a job that it made and forgot is found again, not made twice; one that goes missing is told of', async () => {
    await make({ schedule: '0 * * * *' });
    await cluster.pass(3605);
    await made(1);
    // As if the server had been killed before the status was stored.
    await cluster.client.patch(cronJobs, NAME, MERGE, { status: { active: null, lastScheduleTime: null } }, 'status');
    await cluster.until('it is listed', async () => (await cronJob()).status.active?.length === 1);
    expect(await all()).toHaveLength(1);
    await cluster.client.delete(jobs, (await all())[0]!.metadata, { propagationPolicy: 'Background' });
    await cluster.until('it is missed', async () => (await cronJob()).status.active === undefined);
    expect((await told()).some((line) => line.startsWith('Normal MissingJob: Active job went missing: tick-'))).toBe(true);
  });

  test('takes its jobs with it', async () => {
    await make();
    await cluster.pass(65);
    await made(1);
    await cluster.client.delete(cronJobs, NAME, { propagationPolicy: 'Background' });
    await made(0);
  });
});
