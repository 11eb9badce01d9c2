// What the kubelet does next for a pod, case by case.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeActions, type ProbeFacts } from '../../../../agent/kubelet/sync-pod.js';
import type { RuntimePod } from '../../../../agent/runtime/runtime.js';
import type { Container, Pod } from '../../../../src/kinds/types/core_v1.js';
import { container, observed, pod, run, sandbox } from './fixtures.js';

/** Actions in short: `sandbox`, `kill-pod`, `start main#1`, `kill main (liveness)`, `remove <id>`. */
function actions(of: Pod, now: RuntimePod, facts: Partial<ProbeFacts> = {}): readonly string[] {
  const { killPod, createSandbox, start, kill, remove } = computeActions(of, now, { ...quiet, ...facts });
  return [
    ...(killPod ? ['kill-pod'] : []),
    ...(createSandbox ? ['sandbox'] : []),
    ...kill.map(({ container: { name }, why }) => `kill ${name} (${why})`),
    ...start.map(({ container: { name }, attempt }) => `start ${name}#${attempt}`),
    ...remove.map((id) => `remove ${id}`),
  ];
}

const quiet: ProbeFacts = { failed: new Map(), started: () => true };
const nothing = observed([]);
const [a, b] = [container('a'), container('b')];
const two = { containers: [a, b] };

const sidecar = (name: string, extra: Partial<Container> = {}) => container(name, { restartPolicy: 'Always', ...extra });

describe('a pod that is new', () => {
  it('gets a sandbox and all its containers', () => {
    expect(actions(pod(two), nothing)).toEqual(['kill-pod', 'sandbox', 'start a#0', 'start b#0']);
  });

  it('gets only its first init container at first', () => {
    const spec = { containers: [a], initContainers: [container('i'), container('j')] };
    expect(actions(pod(spec), nothing)).toEqual(['kill-pod', 'sandbox', 'start i#0']);
  });

  it('starts the containers that are missing in the sandbox it has', () => {
    expect(actions(pod(two), observed([sandbox()], run('a', 'running')))).toEqual(['start b#0']);
  });
});

describe('a pod that runs', () => {
  it('is left alone', () => {
    expect(actions(pod(two), observed([sandbox()], run('a', 'running'), run('b', 'running')))).toEqual([]);
  });

  it('has a container replaced whose image changed', () => {
    expect(actions(pod(), observed([sandbox()], run('main', 'running', { hash: 'old' })))).toEqual(['kill main (changed)']);
  });

  it('has a container replaced that a probe has given up on', () => {
    const main = run('main', 'running');
    expect(actions(pod(), observed([sandbox()], main), { failed: new Map([[main.id, 'liveness']]) })).toEqual(['kill main (liveness)']);
  });

  it('keeps the last dead run of each container, for its log, and no more', () => {
    const runs = [
      run('main', 'exited', { attempt: 0 }),
      run('main', 'exited', { attempt: 1 }),
      run('main', 'running', { attempt: 2 }),
    ] as const;
    expect(actions(pod(), observed([sandbox()], ...runs))).toEqual([`remove ${runs[0].id}`]);
  });

  it('throws away what was created and never started, and starts it anew as the same attempt', () => {
    const created = run('main', 'created');
    expect(actions(pod(), observed([sandbox()], created))).toEqual(['start main#0', `remove ${created.id}`]);
  });
});

describe('a container that has ended', () => {
  const ended = (exitCode: number) => observed([sandbox()], run('main', 'exited', { exitCode }));
  it.each([
    ['Always', 0, ['start main#1']],
    ['Always', 1, ['start main#1']],
    ['OnFailure', 0, ['kill-pod']],
    ['OnFailure', 1, ['start main#1']],
    ['Never', 0, ['kill-pod']],
    ['Never', 1, ['kill-pod']],
  ])('with restartPolicy %s and exit code %i', (restartPolicy, exitCode, expected) => {
    expect(actions(pod({ restartPolicy }), ended(exitCode))).toEqual(expected);
  });

  it('does not end a pod in which another still runs', () => {
    const now = observed([sandbox()], run('a', 'exited'), run('b', 'running'));
    expect(actions(pod({ ...two, restartPolicy: 'Never' }), now)).toEqual([]);
  });

  it('counts on from what the API knows where the runtime has lost it', () => {
    const known = {
      name: 'main',
      state: {},
      lastState: {},
      ready: true,
      restartCount: 4,
      image: '',
      imageID: '',
      containerID: 'docker://x',
    };
    expect(actions(pod({}, { containerStatuses: [known] }), nothing)).toEqual(['kill-pod', 'sandbox', 'start main#5']);
  });
});

describe('a sandbox that is gone', () => {
  const dead = sandbox({ ready: false });
  it('is replaced, and all containers with it', () => {
    const now = observed([dead], run('a', 'running'), run('b', 'exited', { exitCode: 1 }));
    expect(actions(pod(two), now)).toEqual(['kill-pod', 'sandbox', 'start a#1', 'start b#1']);
    expect(computeActions(pod(two), now, quiet).sandboxAttempt).toBe(1);
  });

  it('is not replaced for a pod that is over', () => {
    expect(actions(pod({ restartPolicy: 'OnFailure' }), observed([dead], run('main', 'exited')))).toEqual(['kill-pod']);
    expect(actions(pod({ restartPolicy: 'Never' }), observed([dead], run('main', 'exited', { exitCode: 137 })))).toEqual(['kill-pod']);
  });

  it('is replaced where its network could not be made, even for a pod that must never restart', () => {
    expect(actions(pod({ restartPolicy: 'Never' }), observed([dead]))).toEqual(['kill-pod', 'sandbox', 'start main#0']);
  });

  it('makes init containers run again', () => {
    const now = observed([dead], run('i', 'exited'), run('main', 'running'));
    expect(actions(pod({ initContainers: [container('i')] }), now)).toEqual(['kill-pod', 'sandbox', 'start i#1']);
  });
});

describe('init containers', () => {
  const spec = { initContainers: [container('i'), container('j')] };
  it('come one after the other', () => {
    expect(actions(pod(spec), observed([sandbox()], run('i', 'running')))).toEqual([]);
    expect(actions(pod(spec), observed([sandbox()], run('i', 'exited')))).toEqual(['start j#0']);
    expect(actions(pod(spec), observed([sandbox()], run('i', 'exited'), run('j', 'exited')))).toEqual(['start main#0']);
  });

  it('are tried again when they fail, or end the pod', () => {
    const failed = observed([sandbox()], run('i', 'exited', { exitCode: 1 }));
    expect(actions(pod(spec), failed)).toEqual(['start i#1']);
    expect(actions(pod({ ...spec, restartPolicy: 'Never' }), failed)).toEqual(['kill-pod']);
  });

  it('do not count from another sandbox', () => {
    const now = observed([sandbox({ id: 'new', attempt: 1 })], run('i', 'exited'), run('j', 'exited'));
    expect(actions(pod(spec), now)).toEqual(['start i#1']);
  });

  it('do not come back once the pod has got past them', () => {
    expect(actions(pod(spec), observed([sandbox()], run('main', 'running')))).toEqual([]);
  });
});

describe('sidecars', () => {
  const [s, t] = [sidecar('s'), sidecar('t')];
  const spec = { initContainers: [container('i'), s, t] };
  const done = run('i', 'exited');
  const [s1, t1, main] = [run('s', 'running'), run('t', 'running'), run('main', 'running')];

  it('come in order, each once the one before has started', () => {
    expect(actions(pod(spec), observed([sandbox()], done))).toEqual(['start s#0']);
    expect(actions(pod(spec), observed([sandbox()], done, s1))).toEqual(['start t#0']);
    expect(actions(pod(spec), observed([sandbox()], done, s1), { started: () => false })).toEqual([]);
    expect(actions(pod(spec), observed([sandbox()], done, s1, t1))).toEqual(['start main#0']);
    expect(actions(pod(spec), observed([sandbox()], done, s1, t1, main))).toEqual([]);
  });

  it('are started again always, also while others are yet to come', () => {
    const dead = run('s', 'exited');
    expect(actions(pod(spec), observed([sandbox()], done, dead))).toEqual(['start s#1']);
    expect(actions(pod(spec), observed([sandbox()], done, dead, t1))).toEqual(['start s#1', 'start main#0']);
    expect(actions(pod({ ...spec, restartPolicy: 'Never' }), observed([sandbox()], done, dead, t1, main))).toEqual(['start s#1']);
    expect(actions(pod(spec), observed([sandbox()], done, t1, main))).toEqual(['start s#0']);
  });

  it('are replaced when a probe gives up on them or their image has changed', () => {
    const failed = new Map([[s1.id, 'startup' as const]]);
    expect(actions(pod(spec), observed([sandbox()], done, s1), { failed, started: () => false })).toEqual(['kill s (startup)']);
    expect(actions(pod(spec), observed([sandbox()], done, s1, t1, main), { failed })).toEqual(['kill s (startup)']);
    const old = run('t', 'running', { hash: 'old' });
    expect(actions(pod(spec), observed([sandbox()], done, s1, old, main))).toEqual(['kill t (changed)']);
  });

  it('keep no pod from its end, and are not started again then', () => {
    const over = run('main', 'exited');
    const job = pod({ ...spec, restartPolicy: 'Never' });
    expect(actions(job, observed([sandbox()], done, s1, run('t', 'exited'), over))).toEqual(['kill-pod']);
  });
});

describe('an ephemeral container', () => {
  const debugged = pod({ ephemeralContainers: [container('debug')], initContainers: [container('i')] });
  it('joins a pod that runs or is being initialized, once', () => {
    const main = run('main', 'running');
    expect(actions(debugged, observed([sandbox()], main))).toEqual(['start debug#0']);
    expect(actions(debugged, observed([sandbox()], run('i', 'running')))).toEqual(['start debug#0']);
    expect(actions(debugged, observed([sandbox()], main, run('debug', 'running')))).toEqual([]);
    expect(actions(debugged, observed([sandbox()], main, run('debug', 'exited', { exitCode: 1 })))).toEqual([]);
  });

  it('keeps no pod from its end', () => {
    const over = pod({ ...debugged.spec, initContainers: [], restartPolicy: 'Never' });
    expect(actions(over, observed([sandbox()], run('main', 'exited'), run('debug', 'running')))).toEqual(['kill-pod']);
  });
});

describe("a container's own restart policy", () => {
  const ended = (exitCode: number) => observed([sandbox()], run('main', 'exited', { exitCode }));
  const of = (extra: Partial<Container>, restartPolicy = 'Never') => pod({ restartPolicy, containers: [container('main', extra)] });
  const rules = (operator: string) => [{ action: 'Restart', exitCodes: { operator, values: [42] } }];
  it.each([
    ['OnFailure', 1, of({ restartPolicy: 'OnFailure' }), ['start main#1']],
    ['OnFailure', 0, of({ restartPolicy: 'OnFailure' }), ['kill-pod']],
    ['Never', 1, of({ restartPolicy: 'Never' }, 'Always'), ['kill-pod']],
    ['Never, but for 42', 42, of({ restartPolicy: 'Never', restartPolicyRules: rules('In') }), ['start main#1']],
    ['Never, but for 42', 1, of({ restartPolicy: 'Never', restartPolicyRules: rules('In') }), ['kill-pod']],
    ['Never, but for all others than 42', 1, of({ restartPolicy: 'Never', restartPolicyRules: rules('NotIn') }), ['start main#1']],
    ['Never, but for all others than 42', 42, of({ restartPolicy: 'Never', restartPolicyRules: rules('NotIn') }), ['kill-pod']],
  ])('%s, with exit code %i', (_, exitCode, which, expected) => {
    expect(actions(which, ended(exitCode))).toEqual(expected);
  });

  it('counts for init containers, too', () => {
    const init = container('i', { restartPolicy: 'Never', restartPolicyRules: rules('In') });
    const outcome = (exitCode: number) => actions(pod({ initContainers: [init] }), observed([sandbox()], run('i', 'exited', { exitCode })));
    expect(outcome(42)).toEqual(['start i#1']);
    expect(outcome(1)).toEqual(['kill-pod']);
    expect(outcome(0)).toEqual(['start main#0']);
  });
});

it('always comes to rest: whatever there is, doing as told leaves nothing to do', () => {
  const state = fc.constantFrom('created' as const, 'running' as const, 'exited' as const);
  const some = fc.array(fc.record({ name: fc.constantFrom('i', 's', 'a', 'b'), state, exitCode: fc.constantFrom(0, 1) }), { maxLength: 6 });
  const policy = fc.constantFrom('Always', 'OnFailure', 'Never');
  fc.assert(
    fc.property(policy, fc.boolean(), some, (restartPolicy, ready, given) => {
      const of = pod({ ...two, initContainers: [container('i'), sidecar('s')], restartPolicy });
      let boxes = [sandbox({ ready })];
      let containers = given.map(({ name, state: s, exitCode }, index) => run(name, s, { exitCode, attempt: index }));
      for (let round = 0; round < 20; round++) {
        const next = computeActions(of, observed(boxes, ...containers), quiet);
        const runsNow = containers.some((c) => c.state === 'running') || boxes.length > 0;
        if (!(next.killPod && runsNow) && next.start.length + next.kill.length + next.remove.length === 0) return;
        containers = containers.filter(({ id }) => !next.remove.includes(id));
        if (next.killPod) {
          containers = containers.map((c) => (c.state === 'running' ? { ...c, state: 'exited' as const, exitCode: 137 } : c));
          boxes = [];
        }
        if (next.createSandbox) boxes = [sandbox({ id: `box-${round}`, attempt: next.sandboxAttempt })];
        // Init containers end well, the others go on.
        const started = next.start.map(({ container: { name }, attempt }) =>
          run(name, name === 'i' ? 'exited' : 'running', { attempt: attempt + 100 + round, sandboxId: boxes[0]!.id }),
        );
        containers = [...containers, ...started];
      }
      throw new Error('it never came to rest');
    }),
  );
});
