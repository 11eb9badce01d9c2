// The status that a user reads, from what the runtime has of a pod.
import { describe, expect, it } from 'vitest';
import { buildStatus, type StatusContext } from '../../../../agent/kubelet/status.js';
import type { ContainerStatus, Pod } from '../../../../src/kinds/types/core_v1.js';
import { container, observed, pod, run, sandbox, T0_MS } from './fixtures.js';

const context = (extra: Partial<StatusContext> = {}): StatusContext => ({
  now_ms: T0_MS + 10_000,
  hostIps: ['192.168.1.10'],
  waiting: new Map(),
  probes: { started: () => true, ready: () => true },
  imageId: (image) => `docker://${image}`,
  terminationMessage: () => undefined,
  terminating: false,
  finished: false,
  ...extra,
});

/** `Running/main=running`, the way `kubectl get` and `describe` would put it. */
function summary(of: Pod, now: ReturnType<typeof observed>, extra: Partial<StatusContext> = {}): string {
  const { phase, containerStatuses = [], initContainerStatuses = [] } = buildStatus(of, now, context(extra));
  const word = ({ name, state }: ContainerStatus) => `${name}=${state.waiting?.reason ?? state.terminated?.reason ?? 'running'}`;
  return [phase, ...[...initContainerStatuses, ...containerStatuses].map(word)].join(' ');
}

describe('phase and container states', () => {
  const box = [sandbox()];
  const init = { initContainers: [container('i')] };
  const sidecar = { initContainers: [container('s', { restartPolicy: 'Always' })] };
  const back = new Map([['main', { reason: 'CrashLoopBackOff', message: 'back-off 10s' }]]);
  it.each([
    ['new', pod(), observed([]), {}, 'Pending main=ContainerCreating'],
    ['running', pod(), observed(box, run('main', 'running')), {}, 'Running main=running'],
    ['initializing', pod(init), observed(box, run('i', 'running')), {}, 'Pending i=running main=PodInitializing'],
    ['initialized', pod(init), observed(box, run('i', 'exited')), {}, 'Pending i=Completed main=PodInitializing'],
    [
      'init failed',
      pod({ ...init, restartPolicy: 'Never' }),
      observed(box, run('i', 'exited', { exitCode: 1 })),
      {},
      'Failed i=Error main=PodInitializing',
    ],
    ['done', pod({ restartPolicy: 'Never' }), observed(box, run('main', 'exited')), {}, 'Succeeded main=Completed'],
    ['failed', pod({ restartPolicy: 'Never' }), observed(box, run('main', 'exited', { exitCode: 2 })), {}, 'Failed main=Error'],
    ['restarting', pod(), observed(box, run('main', 'exited', { exitCode: 2 })), {}, 'Running main=Error'],
    ['crash looping', pod(), observed(box, run('main', 'exited', { exitCode: 2 })), { waiting: back }, 'Running main=CrashLoopBackOff'],
    [
      'on failure, failed',
      pod({ restartPolicy: 'OnFailure' }),
      observed(box, run('main', 'exited', { exitCode: 2 })),
      {},
      'Running main=Error',
    ],
    [
      'out of memory',
      pod({ restartPolicy: 'Never' }),
      observed(box, run('main', 'exited', { exitCode: 137, oomKilled: true })),
      {},
      'Failed main=OOMKilled',
    ],
    [
      'a child out of memory',
      pod({ restartPolicy: 'Never' }),
      observed(box, run('main', 'exited', { oomKilled: true })),
      {},
      'Succeeded main=Completed',
    ],
    [
      'no such command',
      pod({ restartPolicy: 'Never' }),
      observed(box, run('main', 'exited', { exitCode: 127, startError: 'x' })),
      {},
      'Failed main=ContainerCannotRun',
    ],
    ['deleted', pod(), observed([], run('main', 'exited', { exitCode: 137 })), { terminating: true, finished: true }, 'Failed main=Error'],
    ['deleted politely', pod(), observed([], run('main', 'exited')), { terminating: true, finished: true }, 'Succeeded main=Completed'],
    ['begun by a sidecar', pod(sidecar), observed(box, run('s', 'running')), {}, 'Pending s=running main=PodInitializing'],
    ['with a sidecar', pod(sidecar), observed(box, run('s', 'running'), run('main', 'running')), {}, 'Running s=running main=running'],
    [
      'with a sidecar that restarts',
      pod(sidecar),
      observed(box, run('s', 'exited', { exitCode: 1 }), run('main', 'running')),
      {},
      'Running s=Error main=running',
    ],
    [
      'done but for its sidecar',
      pod({ ...sidecar, restartPolicy: 'Never' }, { phase: 'Running' }),
      observed(box, run('s', 'running'), run('main', 'exited')),
      { terminating: true },
      'Running s=running main=Completed',
    ],
    [
      'done, its sidecar ended badly',
      pod({ ...sidecar, restartPolicy: 'Never' }),
      observed([], run('s', 'exited', { exitCode: 137 }), run('main', 'exited')),
      {},
      'Succeeded s=Error main=Completed',
    ],
    [
      'failed by a container with a policy of its own',
      pod({ containers: [container('main', { restartPolicy: 'Never' })] }),
      observed(box, run('main', 'exited', { exitCode: 2 })),
      {},
      'Failed main=Error',
    ],
    [
      'restarted by a rule',
      pod({
        restartPolicy: 'Never',
        containers: [
          container('main', {
            restartPolicy: 'Never',
            restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [2] } }],
          }),
        ],
      }),
      observed(box, run('main', 'exited', { exitCode: 2 })),
      {},
      'Running main=Error',
    ],
    [
      'deleted, one lost',
      pod({ containers: [container('main'), container('b')] }),
      observed([], run('main', 'exited')),
      { terminating: true, finished: true },
      'Failed main=Completed b=ContainerStatusUnknown',
    ],
    ['deleted before it began', pod(), observed([]), { terminating: true, finished: true }, 'Failed main=ContainerCreating'],
    ['no longer known', pod({}, { phase: 'Succeeded' }), observed([]), {}, 'Succeeded main=ContainerCreating'],
  ])('%s', (_, of, now, extra, expected) => {
    expect(summary(of, now, extra)).toBe(expected);
  });

  it('says why an image could not be pulled', () => {
    const waiting = new Map([['main', { reason: 'ErrImagePull', message: 'refused' }]]);
    const { containerStatuses } = buildStatus(pod(), observed(box), context({ waiting }));
    expect(containerStatuses?.[0]?.state.waiting).toEqual({ reason: 'ErrImagePull', message: 'refused' });
  });

  it('shows how the last run ended beside the one that runs', () => {
    const [dead, alive] = [run('main', 'exited', { exitCode: 3 }), run('main', 'running', { attempt: 1 })];
    const [status] = buildStatus(pod(), observed(box, dead, alive), context({ terminationMessage: () => 'last words' })).containerStatuses!;
    expect(status).toMatchObject({
      restartCount: 1,
      containerID: `docker://${alive.id}`,
      image: 'busybox:1.36',
      imageID: 'docker://sha256:abc',
      lastState: {
        terminated: {
          exitCode: 3,
          reason: 'Error',
          message: 'last words',
          containerID: `docker://${dead.id}`,
          finishedAt: '2026-01-01T00:00:05Z',
        },
      },
    });
  });

  it('tells of a container that the runtime has lost, and counts its restart', () => {
    const before = buildStatus(pod(), observed(box, run('main', 'running')), context());
    const after = buildStatus(pod({}, before), observed(box), context());
    expect(after).toMatchObject({
      phase: 'Running',
      containerStatuses: [
        {
          restartCount: 1,
          state: { waiting: { reason: 'ContainerCreating' } },
          lastState: { terminated: { reason: 'ContainerStatusUnknown', exitCode: 137 } },
        },
      ],
    });
    expect(buildStatus(pod({}, after), observed(box), context()).containerStatuses).toEqual(after.containerStatuses);
  });

  it('has a list for ephemeral containers', () => {
    const debugged = pod({ ephemeralContainers: [container('debug')] });
    const { ephemeralContainerStatuses, phase } = buildStatus(
      debugged,
      observed(box, run('main', 'running'), run('debug', 'running')),
      context(),
    );
    expect(phase).toBe('Running');
    expect(ephemeralContainerStatuses).toMatchObject([{ name: 'debug', ready: false, state: { running: {} } }]);
  });

  it('fails a pod that the node has ended, whatever its containers say', () => {
    const failure = { reason: 'DeadlineExceeded', message: 'too late' };
    expect(buildStatus(pod(), observed([], run('main', 'exited')), context({ failure }))).toMatchObject({ phase: 'Failed', ...failure });
  });
});

describe('readiness', () => {
  const of = pod({ containers: [container('a'), container('b')] });
  const now = observed([sandbox()], run('a', 'running'), run('b', 'running'));
  const conditions = (extra: Partial<StatusContext>, which: Pod = of) =>
    Object.fromEntries(
      (buildStatus(which, now, context(extra)).conditions ?? []).map(({ type, status, message }) => [type, message ?? status]),
    );

  it('needs every container', () => {
    expect(conditions({})).toEqual({
      PodReadyToStartContainers: 'True',
      Initialized: 'True',
      Ready: 'True',
      ContainersReady: 'True',
      PodScheduled: 'True',
    });
    const probes = { started: () => true, ready: ({ name }: { name: string }) => name !== 'b' };
    expect(conditions({ probes })).toMatchObject({
      Ready: 'containers with unready status: [b]',
      ContainersReady: 'containers with unready status: [b]',
    });
  });

  it('needs every sidecar, but not for Initialized once the pod has begun', () => {
    const sidecar = pod({ initContainers: [container('s', { restartPolicy: 'Always' })] });
    const [s, main] = [run('s', 'running'), run('main', 'running')];
    const of = (...runs: ReturnType<typeof run>[]) => {
      const probes = { started: ({ name }: { name: string }) => name !== 's', ready: () => true };
      const { conditions = [] } = buildStatus(sidecar, observed([sandbox()], ...runs), context({ probes }));
      return Object.fromEntries(conditions.map(({ type, status, message }) => [type, message ?? status]));
    };
    expect(of(s)).toMatchObject({ Initialized: 'containers with incomplete status: [s]' });
    expect(of(s, main)).toMatchObject({ Initialized: 'True', ContainersReady: 'containers with unready status: [s]' });
  });

  it('waits for a startup probe', () => {
    const status = buildStatus(of, now, context({ probes: { started: () => false, ready: () => true } }));
    expect(status.containerStatuses).toMatchObject([{ ready: false, started: false }, { ready: false }]);
  });

  it('waits for readiness gates', () => {
    const gated = pod({ ...of.spec, readinessGates: [{ conditionType: 'example.com/ok' }] });
    expect(conditions({}, gated)['Ready']).toContain('pod readiness gate "example.com/ok"');
    const open = pod(gated.spec, { conditions: [{ type: 'example.com/ok', status: 'True' }] });
    expect(conditions({}, open)['Ready']).toBe('True');
  });

  it('keeps the time of a condition that has not changed', () => {
    const before = pod(of.spec, { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2025-12-31T00:00:00Z' }] });
    const { conditions: after = [] } = buildStatus(before, now, context());
    expect(after.find(({ type }) => type === 'Ready')?.lastTransitionTime).toBe('2025-12-31T00:00:00Z');
    expect(after.find(({ type }) => type === 'Initialized')?.lastTransitionTime).toBe('2026-01-01T00:00:10Z');
  });
});

it('shows what containers have mounted, whether they run yet or not; read-only is not recursive here', () => {
  const mounts = [
    { name: 'data', mountPath: '/data' },
    { name: 'config', mountPath: '/config', readOnly: true, recursiveReadOnly: 'IfPossible' },
  ];
  const of = pod({ containers: [container('main', { volumeMounts: mounts })] });
  const shown = [mounts[0], { ...mounts[1], recursiveReadOnly: 'Disabled' }];
  for (const now of [observed([]), observed([sandbox()], run('main', 'running'))]) {
    expect(buildStatus(of, now, context()).containerStatuses?.[0]?.volumeMounts).toEqual(shown);
  }
});

it('shows as whom a container began, where that is known', () => {
  const user = { uid: 1000, gid: 3000, supplementalGroups: [3000, 4000] };
  const shown = (extra: object) =>
    buildStatus(pod(), observed([sandbox()], run('main', 'running', extra)), context()).containerStatuses![0]!.user;
  expect(shown({ user })).toEqual({ linux: user });
  expect(shown({})).toBeUndefined();
});

it('shows addresses, class and times', () => {
  expect(buildStatus(pod(), observed([sandbox()], run('main', 'running')), context())).toMatchObject({
    podIP: '10.244.1.5',
    podIPs: [{ ip: '10.244.1.5' }],
    hostIP: '192.168.1.10',
    qosClass: 'BestEffort',
    startTime: '2026-01-01T00:00:10Z',
    observedGeneration: 1,
  });
  expect(buildStatus(pod({ hostNetwork: true }), observed([sandbox({ ips: [] })]), context()).podIP).toBe('192.168.1.10');
  expect(buildStatus(pod({}, { podIP: '10.244.1.9', podIPs: [{ ip: '10.244.1.9' }] }), observed([]), context()).podIP).toBe('10.244.1.9');
});
