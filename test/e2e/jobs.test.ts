// Work that ends and work that follows its load, as a user of kubectl has it: jobs, cron jobs and autoscalers on real nodes.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apply, eventually, kubectl } from './lab.js';

const NAMESPACE = 'jobs';
const inNamespace = (...args: string[]) => kubectl('-n', NAMESPACE, ...args);
const MEANWHILE_s = 120;

beforeAll(async () => {
  await kubectl('create', 'namespace', NAMESPACE);
  // These take their time, in which the other tests run.
  await inNamespace('create', 'cronjob', 'tick', '--image=busybox:1.36', '--schedule=* * * * *', '--', 'date');
  await apply(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy, namespace: ${NAMESPACE}}
spec:
  replicas: 1
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: busybox:1.36
        command: [sh, -c, 'while :; do :; done']
        resources: {requests: {cpu: 20m}, limits: {cpu: 60m}}
`);
  await inNamespace('autoscale', 'deployment', 'busy', '--cpu-percent=100', '--min=1', '--max=2');
});
afterAll(async () => {
  await kubectl('delete', 'namespace', NAMESPACE, '--wait=true', '--timeout=120s');
});

it('kubectl create job runs a pod to its end; a job that fails says so', async () => {
  await inNamespace('create', 'job', 'hello', '--image=busybox:1.36', '--', 'echo', 'hello from a job');
  await inNamespace('wait', '--for=condition=complete', 'job/hello', `--timeout=${MEANWHILE_s}s`);
  expect(await inNamespace('logs', 'job/hello')).toContain('hello from a job');
  expect(await inNamespace('get', 'job', 'hello', '--no-headers')).toMatch(/^hello +Complete +1\/1 +[\dms]+ +[\dms]+/);
  await apply(`
apiVersion: batch/v1
kind: Job
metadata: {name: fails, namespace: ${NAMESPACE}}
spec:
  backoffLimit: 5
  podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [42]}}]}
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'busybox:1.36', command: [sh, -c, 'exit 42']}]}}
`);
  await inNamespace('wait', '--for=condition=failed', 'job/fails', `--timeout=${MEANWHILE_s}s`);
  expect(await inNamespace('describe', 'job', 'fails')).toMatch(
    /PodFailurePolicy .*failed with exit code 42 matching FailJob rule at index 0/,
  );
});

it('an indexed job gives each pod its index and host name', async () => {
  await apply(`
apiVersion: batch/v1
kind: Job
metadata: {name: parts, namespace: ${NAMESPACE}}
spec:
  completions: 3
  parallelism: 3
  completionMode: Indexed
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: 'busybox:1.36', command: [sh, -c, 'echo part $JOB_COMPLETION_INDEX on $(hostname); sleep 3']}]
`);
  await inNamespace('wait', '--for=condition=complete', 'job/parts', `--timeout=${MEANWHILE_s}s`);
  expect(await inNamespace('get', 'job', 'parts', '-o', 'jsonpath={.status.completedIndexes}')).toBe('0-2');
  const logs = await inNamespace('logs', '-l', 'batch.kubernetes.io/job-name=parts', '--prefix=false');
  expect(logs.trim().split('\n').sort()).toEqual([0, 1, 2].map((index) => `part ${index} on parts-${index}`));
  await inNamespace('patch', 'job', 'parts', '-p', '{"spec":{"ttlSecondsAfterFinished":0}}');
  await inNamespace('wait', '--for=delete', 'job/parts', '--timeout=60s');
  await eventually('its pods are gone, too', async () => {
    return (await inNamespace('get', 'pods', '-l', 'batch.kubernetes.io/job-name=parts', '-o', 'name')) === '';
  });
});

it('a cron job makes jobs on time, and create job --from one by hand', async () => {
  await inNamespace('create', 'job', 'now', '--from=cronjob/tick');
  await inNamespace('wait', '--for=condition=complete', 'job/now', `--timeout=${MEANWHILE_s}s`);
  const byTime = async () =>
    (await inNamespace('get', 'jobs', '-o', 'name')).split('\n').find((name) => /^job.batch\/tick-\d{8}$/.test(name));
  await eventually('a job is made on time', async () => (await byTime()) !== undefined, MEANWHILE_s);
  await inNamespace('wait', '--for=condition=complete', (await byTime())!, `--timeout=${MEANWHILE_s}s`);
  await eventually('its success is noted', async () => {
    return (await inNamespace('get', 'cronjob', 'tick', '-o', 'jsonpath={.status.lastSuccessfulTime}')) !== '';
  });
});

it('an autoscaler follows the CPU that pods really use', async () => {
  const replicas = () => inNamespace('get', 'deployment', 'busy', '-o', 'jsonpath={.spec.replicas}');
  await eventually('a second pod is asked for', async () => (await replicas()) === '2', MEANWHILE_s);
  const description = await inNamespace('describe', 'hpa', 'busy');
  expect(description).toContain('reason: cpu resource utilization (percentage of request) above target');
  expect(description).toMatch(/ScalingActive +True +ValidMetricFound/);
  expect(await inNamespace('get', 'hpa', 'busy', '--no-headers')).toMatch(/^busy +Deployment\/busy +cpu: \d+%\/100% +1 +2 +[12] /);
});
