// What users do in a simulation about work that ends: Jobs, and CronJobs that are suspended in the end.
import { cronJobs } from '../../src/kinds/batch/cronjob.js';
import { jobs } from '../../src/kinds/batch/job.js';
import type { Planner, Target } from './users.js';
import { template } from './users-workloads.js';

const MERGE = 'application/merge-patch+json';
const FAIL_AT_ONCE = { rules: [{ action: 'FailJob', onExitCodes: { containerName: 'main', operator: 'In', values: [1] } }] };
const CONCURRENCY = ['Allow', 'Forbid', 'Replace'];

export function planJob(planner: Planner, target: Target): void {
  const { random, busy_ms, add, between } = planner;
  const fails = random.chance(0.3);
  const [completions, parallelism] = [1 + random.below(5), 1 + random.below(3)];
  const suspend = random.chance(0.2);
  const spec = {
    completions,
    parallelism,
    suspend,
    ...(random.chance(0.2) && { ttlSecondsAfterFinished: 10 + random.below(100) }),
    // A node that dies must not make a job fail that would succeed.
    backoffLimit: fails ? 1 : 1000,
    ...(random.chance(0.5) && { completionMode: 'Indexed', ...indexedSpec(planner, fails) }),
    ...(fails && random.chance(0.3) && { podFailurePolicy: FAIL_AT_ONCE }),
    template: template(target.name, fails ? 'fails' : 'succeeds', { restartPolicy: 'Never' }),
  };
  const made_ms = between(busy_ms / 4, busy_ms / 2);
  const patch = (what: string, to: boolean) => (at_ms: number) =>
    add(at_ms, `${what} job ${target.namespace}/${target.name}`, ({ client }) =>
      client.patch(jobs, target, MERGE, { spec: { suspend: to } }),
    );
  if (suspend) patch('resume', false)(between(made_ms, busy_ms));
  else if (random.chance(0.2)) {
    const suspended_ms = between(made_ms, made_ms + busy_ms / 16);
    patch('suspend', true)(suspended_ms);
    patch('resume', false)(between(suspended_ms, busy_ms));
  }
  add(made_ms, `make job ${target.namespace}/${target.name} (${fails ? 'fails' : `succeeds ${completions} times`})`, ({ client }) =>
    client.create(jobs, { metadata: target, spec } as never),
  );
}

/** Some indexes may fail without the others, or it is enough that some succeed. */
function indexedSpec({ random }: Planner, fails: boolean): object {
  if (fails) return random.chance(0.3) ? { backoffLimitPerIndex: random.below(2), backoffLimit: 1000 } : {};
  return random.chance(0.3) ? { successPolicy: { rules: [{ succeededCount: 1 }] } } : {};
}

export function planCronJob({ random, busy_ms, add, between, endOf }: Planner, target: Target): void {
  const { namespace } = target;
  const name = `cron-${target.name}`;
  const concurrencyPolicy = CONCURRENCY[random.below(CONCURRENCY.length)]!;
  const spec = {
    schedule: '* * * * *',
    concurrencyPolicy,
    startingDeadlineSeconds: 30,
    successfulJobsHistoryLimit: random.below(3),
    jobTemplate: { spec: { backoffLimit: 1000, template: template(name, 'succeeds', { restartPolicy: 'Never' }) } },
  };
  const made_ms = between(busy_ms / 8, busy_ms / 2);
  add(made_ms, `make cronjob ${namespace}/${name} ${concurrencyPolicy}`, ({ client }) =>
    client.create(cronJobs, { metadata: { namespace, name }, spec } as never),
  );
  const end_ms = between(made_ms, endOf(namespace));
  if (random.chance(0.3)) add(end_ms, `delete cronjob ${namespace}/${name}`, ({ client }) => client.delete(cronJobs, { namespace, name }));
  else
    add(end_ms, `suspend cronjob ${namespace}/${name}`, ({ client }) =>
      client.patch(cronJobs, { namespace, name }, MERGE, { spec: { suspend: true } }),
    );
}
