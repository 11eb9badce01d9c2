// Jobs and CronJobs: what they get by default, what is refused in which words, what may change, and their rows in kubectl get.
import { describe, expect, it } from 'vitest';
import { cronJobs } from '../../../src/kinds/batch/cronjob.js';
import { jobs } from '../../../src/kinds/batch/job.js';
import { ago, container, created, errorsOf, headingsOf, rowOf, statusErrorsOf, updateErrorsOf } from './objects.js';

const UID = '11111111-2222-4333-8444-555555555555';
const template = (spec: object = {}, metadata: object = {}) => ({
  metadata,
  spec: { containers: [container()], restartPolicy: 'Never', ...spec },
});
const job = (spec: object = {}, metadata: object = {}) => ({
  metadata: { name: 'pi', ...metadata },
  spec: { template: template(), ...spec },
});

describe('a Job', () => {
  const generated = {
    'batch.kubernetes.io/controller-uid': UID,
    'batch.kubernetes.io/job-name': 'pi',
    'controller-uid': UID,
    'job-name': 'pi',
  };

  it('gets defaults, labels by which its pods are told, and those labels itself', () => {
    const { metadata, spec } = created(jobs, job());
    expect(spec).toMatchObject({
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      manualSelector: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': UID } },
      template: { metadata: { labels: generated }, spec: { dnsPolicy: 'ClusterFirst' } },
    });
    expect(metadata.labels).toEqual(generated);
    expect(errorsOf(jobs, job())).toEqual([]);
  });

  it('keeps its own labels, and a selector that is asked for', () => {
    expect(created(jobs, job({}, { labels: { a: 'b' } })).metadata.labels).toEqual({ a: 'b' });
    const manual = job({ manualSelector: true, selector: { matchLabels: { a: 'b' } }, template: template({}, { labels: { a: 'b' } }) });
    expect(created(jobs, manual).spec.selector).toEqual({ matchLabels: { a: 'b' } });
    expect(errorsOf(jobs, manual)).toEqual([]);
  });

  it('takes another name’s labels when a generated name was taken', () => {
    const object = created(jobs, job({}, { name: 'pi-aaaaa' }));
    object.metadata.name = 'pi-bbbbb';
    jobs.named?.(object, 'pi-aaaaa');
    expect(object.metadata.labels?.['job-name']).toBe('pi-bbbbb');
    expect(object.spec.template.metadata.labels?.['batch.kubernetes.io/job-name']).toBe('pi-bbbbb');
    expect(jobs.validate?.(object, undefined)).toEqual([]);
  });

  it('of a work queue has no completions, and a failure policy replaces failed pods only', () => {
    expect(created(jobs, job({ parallelism: 2 })).spec.completions).toBeUndefined();
    const rules = [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }];
    const { spec } = created(
      jobs,
      job({ podFailurePolicy: { rules }, completionMode: 'Indexed', completions: 2, backoffLimitPerIndex: 1 }),
    );
    expect(spec).toMatchObject({ podReplacementPolicy: 'Failed', backoffLimit: 2147483647 });
    expect(spec.podFailurePolicy?.rules[0]?.onPodConditions).toEqual([{ type: 'DisruptionTarget', status: 'True' }]);
  });

  it.each([
    [{ parallelism: -1 }, ['spec.parallelism: Invalid value: -1: must be greater than or equal to 0']],
    [
      { backoffLimit: -1, ttlSecondsAfterFinished: -1 },
      [
        'spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0',
        'spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      { template: template({ restartPolicy: undefined }) },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [{ completionMode: 'Some' }, ['spec.completionMode: Unsupported value: "Some": supported values: "NonIndexed", "Indexed"']],
    [{ completionMode: 'Indexed', parallelism: 2 }, ['spec.completions: Required value: when completion mode is Indexed']],
    [{ backoffLimitPerIndex: 1 }, ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode']],
    [{ managedBy: 'me' }, ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")']],
    [
      { podReplacementPolicy: 'Never' },
      ['spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed"'],
    ],
    [
      { podFailurePolicy: { rules: [{ action: 'Explode' }] } },
      [
        'spec.podFailurePolicy.rules[0].action: Unsupported value: "Explode": supported values: "Count", "FailIndex", "FailJob", "Ignore"',
        'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
      ],
    ],
    [
      { podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', containerName: 'db', values: [5, 0, 5] } }] } },
      [
        'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "db": must be one of the container or initContainer names in the pod template',
        'spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator',
        'spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 5',
        'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [5,0,5]: must be ordered',
      ],
    ],
    [
      { completionMode: 'Indexed', completions: 3, successPolicy: { rules: [{ succeededIndexes: '0,2-5' }, {}, { succeededCount: 4 }] } },
      [
        'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0,2-5": error parsing succeededIndexes: too large index: "5"',
        'spec.successPolicy.rules[1]: Required value: at least one of succeededCount or succeededIndexes must be specified',
        'spec.successPolicy.rules[2].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)',
      ],
    ],
    [
      { selector: { matchLabels: { a: 'b' } } },
      [
        'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"11111111-2222-4333-8444-555555555555","a":"b"}}: `selector` not auto-generated',
        `spec.template.metadata.labels: Invalid value: ${JSON.stringify({
          'batch.kubernetes.io/job-name': 'pi',
          'job-name': 'pi',
          'batch.kubernetes.io/controller-uid': UID,
          'controller-uid': UID,
        })}: \`selector\` does not match template \`labels\``,
      ],
    ],
    [
      { template: template({}, { labels: { 'job-name': 'tau' } }) },
      [
        'spec.template.metadata.labels[job-name]: Invalid value: {"job-name":"tau","batch.kubernetes.io/job-name":"pi","batch.kubernetes.io/controller-uid":"11111111-2222-4333-8444-555555555555","controller-uid":"11111111-2222-4333-8444-555555555555"}: must be \'pi\'',
      ],
    ],
  ])('is refused with %j', (spec, errors) => {
    expect(errorsOf(jobs, job(spec))).toEqual(errors);
  });

  it('may run more at once, wait, and go elsewhere while it waits and has never started', () => {
    expect(updateErrorsOf(jobs, job(), job({ parallelism: 5, completions: 1, suspend: true, backoffLimit: 9 }))).toEqual([]);
    expect(
      updateErrorsOf(jobs, job({ suspend: true }), job({ suspend: true, template: template({ nodeSelector: { disk: 'ssd' } }) })),
    ).toEqual([]);
    const [error] = updateErrorsOf(jobs, job(), job({ template: template({ nodeSelector: { disk: 'ssd' } }) }));
    expect(error).toMatch(/^spec\.template: Invalid value: \{.*\}: field is immutable$/);
    const indexed = (size: object) => job({ completionMode: 'Indexed', ...size });
    expect(updateErrorsOf(jobs, indexed({ completions: 2, parallelism: 2 }), indexed({ completions: 5, parallelism: 5 }))).toEqual([]);
    expect(updateErrorsOf(jobs, indexed({ completions: 2, parallelism: 2 }), indexed({ completions: 5, parallelism: 2 }))).toEqual([
      'spec.completions: Invalid value: 5: can only be modified in tandem with spec.parallelism',
    ]);
    expect(updateErrorsOf(jobs, job(), job({ completions: 2 }))).toEqual(['spec.completions: Invalid value: 2: field is immutable']);
  });

  const condition = (type: string) => ({ type, status: 'True' });
  it.each([
    [{}, { active: 1, ready: 2 }, ['status.ready: Invalid value: 2: cannot set more ready pods than active']],
    [{ failed: 2 }, { failed: 1 }, ['status.failed: Invalid value: 1: cannot decrease the failed counter']],
    [
      {},
      { conditions: [condition('Failed')], startTime: ago(9) },
      ['status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition'],
    ],
    [{}, { conditions: [condition('Complete'), condition('SuccessCriteriaMet')], startTime: ago(9), completionTime: ago(1) }, []],
    [
      {},
      { conditions: [condition('Complete'), condition('SuccessCriteriaMet')] },
      [
        'status.completionTime: Required value: completionTime is required for Complete jobs',
        'status.startTime: Required value: startTime is required for finished job',
      ],
    ],
    [
      {},
      { completedIndexes: '0' },
      ['status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode'],
    ],
  ])('whose status was %j cannot get %j', (before, after, errors) => {
    expect(statusErrorsOf(jobs, job({ completions: 5 }), before, after)).toEqual(errors);
  });

  it.each([
    [{ startTime: ago(90) }, ['pi', 'Running', '0/1', '90s', '24h']],
    [
      { startTime: ago(90), completionTime: ago(60), succeeded: 1, conditions: [condition('Complete')] },
      ['pi', 'Complete', '1/1', '30s', '24h'],
    ],
    [{ conditions: [condition('Suspended')] }, ['pi', 'Suspended', '0/1', '', '24h']],
  ])('whose status is %j is a row', (status, row) => {
    expect(headingsOf(jobs)).toEqual(['NAME', 'STATUS', 'COMPLETIONS', 'DURATION', 'AGE']);
    expect(rowOf(jobs, { ...created(jobs, job()), status })).toEqual(row);
    expect(headingsOf(jobs, true).slice(5)).toEqual(['CONTAINERS', 'IMAGES', 'SELECTOR']);
    expect(rowOf(jobs, created(jobs, job()), true).slice(5)).toEqual(['web', 'nginx:1.27', `batch.kubernetes.io/controller-uid=${UID}`]);
  });
});

describe('a CronJob', () => {
  const cronJob = (spec: object = {}, metadata: object = {}) => ({
    metadata: { name: 'nightly', ...metadata },
    spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template: template() } }, ...spec },
  });

  it('gets defaults', () => {
    const { spec } = created(cronJobs, cronJob());
    expect(spec).toMatchObject({ concurrencyPolicy: 'Allow', suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 });
    expect(spec.jobTemplate.spec.template.spec.schedulerName).toBe('default-scheduler');
    expect(errorsOf(cronJobs, cronJob())).toEqual([]);
  });

  it.each([
    ['', 'Required value'],
    ['* * *', 'Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]'],
    ['60 * * * *', 'Invalid value: "60 * * * *": end of range (60) above maximum (59): 60'],
    ['5-1 * * * *', 'Invalid value: "5-1 * * * *": beginning of range (5) beyond end of range (1): 5-1'],
    ['*/0 * * * *', 'Invalid value: "*/0 * * * *": step of range should be a positive number: */0'],
    ['x * * * *', 'Invalid value: "x * * * *": failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['0 0 0 * *', 'Invalid value: "0 0 0 * *": beginning of range (0) below minimum (1): 0'],
    ['@often', 'Invalid value: "@often": unrecognized descriptor: @often'],
    ['TZ=UTC 0 3 * * *', 'Invalid value: "TZ=UTC 0 3 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'],
  ])('is refused with the schedule %j', (schedule, error) => {
    expect(errorsOf(cronJobs, cronJob({ schedule }))).toEqual([`spec.schedule: ${error}`]);
  });

  it.each(['@hourly', '@every 90s', '*/15 0-6/2 1,15 jan-mar mon', '0 0 * * 0'])('takes the schedule %j', (schedule) => {
    expect(errorsOf(cronJobs, cronJob({ schedule }))).toEqual([]);
  });

  it.each([
    [{ timeZone: 'Mars/Olympus' }, 'spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus'],
    [{ timeZone: '' }, 'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
    [{ concurrencyPolicy: 'Maybe' }, 'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"'],
    [
      { jobTemplate: { spec: { template: template(), manualSelector: true } } },
      'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
    ],
    [{ startingDeadlineSeconds: -1 }, 'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0'],
  ])('is refused with %j', (spec, error) => {
    expect(errorsOf(cronJobs, cronJob(spec))).toEqual([error]);
  });

  it('has a name that leaves room for those of its Jobs', () => {
    const name = 'n'.repeat(53);
    expect(errorsOf(cronJobs, cronJob({}, { name }))).toEqual([
      `metadata.name: Invalid value: "${name}": must be no more than 52 characters`,
    ]);
  });

  it('is a row', () => {
    expect(headingsOf(cronJobs)).toEqual(['NAME', 'SCHEDULE', 'TIMEZONE', 'SUSPEND', 'ACTIVE', 'LAST SCHEDULE', 'AGE']);
    const object = created(cronJobs, cronJob({ timeZone: 'Europe/Berlin' }));
    expect(rowOf(cronJobs, object)).toEqual(['nightly', '0 3 * * *', 'Europe/Berlin', 'False', 0, '<none>', '24h']);
    expect(rowOf(cronJobs, { ...object, status: { lastScheduleTime: ago(3600), active: [{}] } })).toEqual([
      'nightly',
      '0 3 * * *',
      'Europe/Berlin',
      'False',
      1,
      '60m',
      '24h',
    ]);
  });
});
