// Jobs on a real API server: what a user of kubectl sees of completions, failures, policies and suspension, with the test as the kubelets.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isStatus } from '../../../src/apimachinery/status.js';
import { jobs } from '../../../src/kinds/batch/job.js';
import { events } from '../../../src/kinds/core/event.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Job, JobSpec } from '../../../src/kinds/types/batch_v1.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
  await cluster.join('node-1');
});
afterEach(() => cluster.stop());

const MERGE = 'application/merge-patch+json';
const NAME = { namespace: 'default', name: 'work' };
const TRACKING = 'batch.kubernetes.io/job-tracking';
const INDEX = 'batch.kubernetes.io/job-completion-index';

const make = (spec: Partial<JobSpec> = {}, restartPolicy = 'Never') =>
  cluster.client.create(jobs, {
    metadata: { ...NAME },
    spec: { template: { spec: { restartPolicy, containers: [{ name: 'c', image: 'busybox' }] } }, ...spec } as JobSpec,
  });
const job = () => cluster.client.get(jobs, NAME);
const edit = (spec: object) => cluster.client.patch(jobs, NAME, MERGE, { spec });
const podsOf = async () => (await cluster.client.list(pods, { namespace: 'default' })).items;
const running = async () => (await podsOf()).filter(({ status, metadata }) => status.phase === 'Running' && !metadata.deletionTimestamp);
const run = (count: number) => cluster.until(`${count} pods run`, async () => (await running()).length === count);
const indexOf = ({ metadata }: Pod) => Number(metadata.annotations?.[INDEX]);

/** As a kubelet tells that the pod's container ended. */
async function end(pod: Pod, exitCode: number, conditions: object[] = []): Promise<void> {
  const finishedAt = new Date(cluster.clock.now()).toISOString().replace(/\.\d+/, '');
  const state = { terminated: { exitCode, finishedAt } };
  const containerStatuses = [{ name: 'c', image: 'busybox', imageID: '', ready: false, restartCount: 0, state }];
  const ready = { type: 'Ready', status: 'False', lastTransitionTime: finishedAt };
  const status = { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses, conditions: [ready, ...conditions] };
  await cluster.client.patch(pods, pod.metadata, 'application/strategic-merge-patch+json', { status }, 'status');
}

const hasCondition = ({ status }: Job, type: string) =>
  status.conditions?.some((each) => each.type === type && each.status === 'True') ?? false;
const conditions = ({ status }: Job) => (status.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);
const isNow = (type: string) => cluster.until(`the job is ${type}`, async () => hasCondition(await job(), type));
const told = async () =>
  (await cluster.client.list(events, {})).items
    .filter(({ involvedObject }) => involvedObject.kind === 'Job')
    .map(({ type, reason, message }) => `${type} ${reason}: ${message}`);

describe('a job', () => {
  test('runs a pod to its end, counts it and lets it go', async () => {
    await make();
    await run(1);
    await cluster.until('the pod is seen ready', async () => (await job()).status.ready === 1);
    expect((await job()).status).toMatchObject({ active: 1, ready: 1, terminating: 0, uncountedTerminatedPods: {} });
    const [pod] = await running();
    expect(pod!.metadata.finalizers).toEqual([TRACKING]);
    expect(pod!.metadata.name).toMatch(/^work-[a-z0-9]{5}$/);
    await end(pod!, 0);
    await isNow('Complete');
    const done = await job();
    expect(conditions(done)).toEqual(['SuccessCriteriaMet=True CompletionsReached', 'Complete=True CompletionsReached']);
    expect(done.status).toMatchObject({ succeeded: 1, ready: 0, uncountedTerminatedPods: {} });
    expect(done.status.active).toBeUndefined();
    expect(done.status.completionTime).toBeDefined();
    expect((await podsOf())[0]!.metadata.finalizers).toBeUndefined();
    await cluster.until('it is told of', async () => (await told()).length >= 2);
    expect((await told()).sort()).toEqual([
      'Normal Completed: Job completed',
      `Normal SuccessfulCreate: Created pod: ${pod!.metadata.name}`,
    ]);
  });

  test('keeps to its parallelism, and to a new one', async () => {
    await make({ completions: 5, parallelism: 2 });
    await run(2);
    await edit({ parallelism: 3 });
    await run(3);
    await edit({ parallelism: 1 });
    await run(1);
    expect((await job()).status.failed).toBeUndefined();
    for (let left = 5; left > 0; left--) {
      await run(1);
      await end((await running())[0]!, 0);
    }
    await isNow('Complete');
    expect((await job()).status.succeeded).toBe(5);
  });

  test('a work queue is over when one pod has succeeded and the others have ended', async () => {
    await make({ parallelism: 3 });
    await run(3);
    const all = await running();
    await end(all[0]!, 0);
    await cluster.until('the success is counted', async () => (await job()).status.succeeded === 1);
    expect((await job()).status.active).toBe(2);
    await end(all[1]!, 0);
    await end(all[2]!, 0);
    await isNow('Complete');
    expect((await job()).status.succeeded).toBe(3);
  });

  test('replaces pods that fail after 10, 20 and more seconds, and gives up past its limit', async () => {
    await make({ backoffLimit: 2 });
    const waits: number[] = [];
    for (let tries = 0; tries < 3; tries++) {
      await run(1);
      const since = cluster.clock.now();
      await end((await running())[0]!, 1);
      if (tries === 2) break;
      await run(1);
      waits.push((cluster.clock.now() - since) / 1000);
    }
    expect(waits[0]).toBeGreaterThan(8.9);
    expect(waits[0]).toBeLessThan(12);
    expect(waits[1]).toBeGreaterThan(18.9);
    expect(waits[1]).toBeLessThan(23);
    await isNow('Failed');
    expect(conditions(await job())).toEqual(['FailureTarget=True BackoffLimitExceeded', 'Failed=True BackoffLimitExceeded']);
    expect((await job()).status).toMatchObject({ failed: 3 });
    expect(await podsOf()).toHaveLength(3);
    expect((await podsOf()).every(({ metadata }) => !metadata.finalizers)).toBe(true);
    expect(await told()).toContain('Warning BackoffLimitExceeded: Job has reached the specified backoff limit');
  });

  test('is ended by its deadline, and only then failed when its pods are gone', async () => {
    await make({ activeDeadlineSeconds: 30, parallelism: 2, completions: 2 });
    await run(2);
    await isNow('Failed');
    expect(conditions(await job())).toEqual(['FailureTarget=True DeadlineExceeded', 'Failed=True DeadlineExceeded']);
    expect((await job()).status).toMatchObject({ failed: 2 });
    expect(await podsOf()).toEqual([]);
  });

  test('waits while it is suspended, and starts its time anew', async () => {
    await make({ suspend: true, activeDeadlineSeconds: 1000 });
    await isNow('Suspended');
    expect((await job()).status.startTime).toBeUndefined();
    expect(await podsOf()).toEqual([]);
    await edit({ suspend: false });
    await run(1);
    const { startTime } = (await job()).status;
    expect(startTime).toBeDefined();
    await edit({ suspend: true });
    await cluster.until('its pod is gone', async () => (await podsOf()).length === 0);
    await isNow('Suspended');
    await cluster.pass(60, 'node-1');
    await edit({ suspend: false });
    await run(1);
    const restarted = async () => Date.parse((await job()).status.startTime!) > Date.parse(startTime!) + 59_000;
    await cluster.until('its time has started anew', restarted);
    expect(conditions(await job())).toEqual(['Suspended=False JobResumed']);
    expect((await job()).status.failed).toBeUndefined();
    expect((await told()).filter((line) => /Suspended|Resumed/.test(line)).toSorted()).toEqual([
      'Normal Resumed: Job resumed',
      'Normal Suspended: Job suspended',
    ]);
  });

  test('may be over though it is suspended, and has begun then, too', async () => {
    await make({ suspend: true, completions: 0 });
    await isNow('Complete');
    const { startTime, completionTime } = (await job()).status;
    expect(startTime).toBeDefined();
    expect(startTime).toBe(completionTime);
  });

  test('what it deletes is counted as failed where a user deleted it, and a new pod takes its place', async () => {
    await make();
    await run(1);
    const [first] = await running();
    await cluster.client.delete(pods, first!.metadata);
    await cluster.until('it is replaced', async () => (await running()).some(({ metadata }) => metadata.uid !== first!.metadata.uid));
    expect((await job()).status).toMatchObject({ failed: 1, active: 1 });
  });

  test('deleted in the background, its pods do not hang on to their finalizers', async () => {
    await make({ parallelism: 2, completions: 2 });
    await run(2);
    await cluster.client.delete(jobs, NAME, { propagationPolicy: 'Background' });
    await cluster.until('all is gone', async () => (await podsOf()).length === 0);
  });

  test('deleted alone, its pods run on and are nobody`s', async () => {
    await make();
    await run(1);
    await cluster.client.delete(jobs, NAME, { propagationPolicy: 'Orphan' });
    await cluster.until('the pod is free', async () =>
      (await podsOf()).every(({ metadata }) => !metadata.ownerReferences && !metadata.finalizers),
    );
    expect(await running()).toHaveLength(1);
    await expect(job()).rejects.toSatisfy((error) => isStatus(error, 'NotFound'));
  });

  test('is deleted with its pods when its time after the end is over, a longer time counting too', async () => {
    await make({ ttlSecondsAfterFinished: 60 });
    await run(1);
    await end((await running())[0]!, 0);
    await isNow('Complete');
    await edit({ ttlSecondsAfterFinished: 90 });
    await cluster.pass(80, 'node-1');
    expect(hasCondition(await job(), 'Complete')).toBe(true);
    await cluster.until(
      'all is gone',
      async () => (await podsOf()).length === 0 && (await cluster.client.list(jobs, {})).items.length === 0,
    );
  });

  test('of another manager it is left alone', async () => {
    await make({ managedBy: 'example.com/queue' });
    await cluster.pass(30, 'node-1');
    expect((await job()).status).toEqual({});
    expect(await podsOf()).toEqual([]);
  });

  test('restarts in place count where pods restart their containers', async () => {
    await make({ backoffLimit: 2 }, 'OnFailure');
    await run(1);
    const containerStatuses = [{ name: 'c', image: 'busybox', imageID: '', ready: false, restartCount: 2 }];
    await cluster.client.patch(pods, (await running())[0]!.metadata, MERGE, { status: { containerStatuses } }, 'status');
    await isNow('Failed');
    expect(conditions(await job())).toContain('Failed=True BackoffLimitExceeded');
  });
});

describe('an indexed job', () => {
  test('gives each pod an index, by name, annotation, label, hostname and environment', async () => {
    await make({ completionMode: 'Indexed', completions: 3, parallelism: 2 });
    await run(2);
    const all = await running();
    expect(all.map(indexOf).sort()).toEqual([0, 1]);
    const first = all.find((pod) => indexOf(pod) === 0)!;
    expect(first.metadata.name).toMatch(/^work-0-[a-z0-9]{5}$/);
    expect(first.metadata.labels?.[INDEX]).toBe('0');
    expect(first.spec.hostname).toBe('work-0');
    expect(first.spec.containers[0]!.env).toEqual([
      { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${INDEX}']` } } },
    ]);
    await end(all.find((pod) => indexOf(pod) === 1)!, 0);
    await cluster.until('index 2 runs', async () => (await running()).some((pod) => indexOf(pod) === 2));
    expect((await job()).status).toMatchObject({ completedIndexes: '1', succeeded: 1 });
    for (const pod of await running()) await end(pod, 0);
    await isNow('Complete');
    expect((await job()).status).toMatchObject({ completedIndexes: '0-2', succeeded: 3 });
  });

  test('grows and shrinks', async () => {
    await make({ completionMode: 'Indexed', completions: 3, parallelism: 3 });
    await run(3);
    await edit({ completions: 5, parallelism: 5 });
    await run(5);
    await end((await running()).find((pod) => indexOf(pod) === 4)!, 0);
    await cluster.until('4 is counted', async () => (await job()).status.completedIndexes === '4');
    await edit({ completions: 2, parallelism: 2 });
    await run(2);
    await cluster.until('4 is forgotten', async () => !(await job()).status.succeeded);
    for (const pod of await running()) await end(pod, 0);
    await isNow('Complete');
    expect((await job()).status).toMatchObject({ completedIndexes: '0,1', succeeded: 2 });
  });

  test('counts failures by index, and fails when all others are through', async () => {
    await make({ completionMode: 'Indexed', completions: 2, parallelism: 2, backoffLimitPerIndex: 1 });
    await run(2);
    await end((await running()).find((pod) => indexOf(pod) === 0)!, 1);
    await cluster.until('index 0 is tried again', async () => (await running()).length === 2);
    const again = (await running()).find((pod) => indexOf(pod) === 0)!;
    expect(again.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count']).toBe('1');
    await end(again, 1);
    await cluster.until('index 0 has failed', async () => (await job()).status.failedIndexes === '0');
    expect(hasCondition(await job(), 'FailureTarget')).toBe(false);
    await end((await running())[0]!, 0);
    await isNow('Failed');
    expect(conditions(await job())).toEqual(['FailureTarget=True FailedIndexes', 'Failed=True FailedIndexes']);
    expect((await job()).status).toMatchObject({ failedIndexes: '0', completedIndexes: '1', failed: 2, succeeded: 1 });
  });

  test('keeps a failed pod for its replacement, but not where there will be none', async () => {
    await make({ completionMode: 'Indexed', completions: 1, backoffLimitPerIndex: 3 });
    await run(1);
    const [failed] = await running();
    await end(failed!, 1);
    await edit({ suspend: true });
    await cluster.until('it is suspended', async () => hasCondition(await job(), 'Suspended'));
    expect((await podsOf())[0]!.metadata.finalizers).toEqual([TRACKING]);
    await cluster.client.delete(pods, failed!.metadata);
    await cluster.until('the pod is gone', async () => (await podsOf()).length === 0);
    expect((await job()).status.failed).toBe(1);
  });

  test('does not keep its namespace from going by a failed pod that it may no longer replace', async () => {
    await cluster.client.create(namespaces, { metadata: { name: 'team' } });
    const { metadata, ...one } = await make({ completionMode: 'Indexed', completions: 1, backoffLimitPerIndex: 3, suspend: true });
    const spec = {
      ...one.spec,
      suspend: false,
      selector: undefined,
      template: { ...one.spec.template, metadata: {} },
    } as unknown as JobSpec;
    await cluster.client.create(jobs, { metadata: { name: metadata.name, namespace: 'team' }, spec });
    const inTeam = async () => (await cluster.client.list(pods, { namespace: 'team' })).items;
    await cluster.until('its pod runs', async () => (await inTeam())[0]?.status.phase === 'Running');
    await end((await inTeam())[0]!, 1);
    await cluster.client.delete(namespaces, { name: 'team' });
    await cluster.until('the namespace is gone', async () => {
      const { items } = await cluster.client.list(namespaces, {});
      return items.every((each) => each.metadata.name !== 'team');
    });
  });

  test('stops at the most failed indexes that it may have', async () => {
    await make({ completionMode: 'Indexed', completions: 4, parallelism: 4, backoffLimitPerIndex: 0, maxFailedIndexes: 1 });
    await run(4);
    const all = await running();
    await end(all[0]!, 1);
    await end(all[1]!, 1);
    await isNow('Failed');
    expect(conditions(await job())).toContain('Failed=True MaxFailedIndexesExceeded');
    expect((await podsOf()).filter(({ status }) => status.phase === 'Running')).toEqual([]);
  });

  test('is complete as soon as its success policy is met', async () => {
    const rules = [{ succeededIndexes: '0,2-3', succeededCount: 1 }];
    await make({ completionMode: 'Indexed', completions: 4, parallelism: 4, successPolicy: { rules } });
    await run(4);
    await end((await running()).find((pod) => indexOf(pod) === 1)!, 0);
    await cluster.until('1 is counted', async () => (await job()).status.succeeded === 1);
    expect(hasCondition(await job(), 'SuccessCriteriaMet')).toBe(false);
    await end((await running()).find((pod) => indexOf(pod) === 2)!, 0);
    await isNow('Complete');
    expect(conditions(await job())).toEqual(['SuccessCriteriaMet=True SuccessPolicy', 'Complete=True SuccessPolicy']);
    expect((await job()).status).toMatchObject({ completedIndexes: '1,2', succeeded: 2 });
  });
});

describe('a pod failure policy', () => {
  const exit = (action: string, values: number[]) => ({ action, onExitCodes: { operator: 'In', values } });

  test('fails the whole job', async () => {
    await make({ parallelism: 2, completions: 2, podFailurePolicy: { rules: [exit('FailJob', [42])] } });
    await run(2);
    const [pod] = await running();
    await end(pod!, 42);
    await isNow('Failed');
    const failed = (await job()).status.conditions!.find(({ type }) => type === 'Failed')!;
    expect(failed).toMatchObject({
      reason: 'PodFailurePolicy',
      message: `Container c for pod default/${pod!.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
    });
  });

  test('ignores what is none of its fault', async () => {
    const rules = [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }, exit('Count', [7])];
    await make({ backoffLimit: 0, podFailurePolicy: { rules } });
    await run(1);
    await end((await running())[0]!, 137, [{ type: 'DisruptionTarget', status: 'True' }]);
    await run(1);
    expect((await job()).status.failed).toBeUndefined();
    await end((await running())[0]!, 7);
    await isNow('Failed');
    expect((await job()).status.failed).toBe(1);
  });

  test('fails one index at once', async () => {
    const spec = { completionMode: 'Indexed', completions: 2, parallelism: 2, backoffLimitPerIndex: 5 } as const;
    await make({ ...spec, podFailurePolicy: { rules: [exit('FailIndex', [3])] } });
    await run(2);
    await end((await running()).find((pod) => indexOf(pod) === 1)!, 3);
    await cluster.until('index 1 has failed', async () => (await job()).status.failedIndexes === '1');
  });

  test('a pod that goes is replaced only when it has ended, where the job says so', async () => {
    await make({ podReplacementPolicy: 'Failed' });
    await run(1);
    cluster.kubelets = 'gone';
    const [pod] = await running();
    await cluster.client.delete(pods, pod!.metadata);
    await cluster.until('it is seen going', async () => (await job()).status.terminating === 1);
    await cluster.pass(60, 'node-1');
    expect(await podsOf()).toHaveLength(1);
    await end(pod!, 1);
    cluster.kubelets = 'ready';
    await cluster.until('it is replaced', async () => (await running()).length === 1);
    expect((await job()).status).toMatchObject({ failed: 1, active: 1 });
  });
});
