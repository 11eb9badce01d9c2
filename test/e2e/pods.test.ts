// What a learner does with a running pod: logs, exec, restarts, wrong images; each with the real kubectl.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKubectl } from '../../src/cluster/local/kubectl.js';
import { apply, backgroundKubectl, docker, eventually, get, kubectl, kubectlRaw, layout, pod, pods, remove, run } from './lab.js';

const POD = (name: string, spec: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {suite: pods}}\nspec:\n  terminationGracePeriodSeconds: 1\n${spec}`;
const cleanUp = async () => {
  await remove('pod,configmap,secret', '-l', 'suite=pods');
  await eventually('no pods of the suite', async () => (await pods('-l', 'suite=pods')).length === 0);
};
beforeAll(cleanUp);
afterAll(cleanUp);
const ready = (name: string) => kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');

describe('kubectl logs', () => {
  beforeAll(async () => {
    await apply(
      POD(
        'talker',
        `  containers:
  - {name: counter, image: 'busybox:1.36', command: [sh, -c, 'i=0; while true; do echo line $i; i=$((i+1)); sleep 0.2; done']}
  - {name: quiet, image: 'busybox:1.36', command: [sh, -c, 'echo from quiet >&2; sleep 1000']}`,
      ),
    );
    await ready('talker');
  });

  it('shows one container, by -c, and asks which where there are several', async () => {
    expect(await kubectl('logs', 'talker', '-c', 'quiet')).toBe('from quiet\n');
    expect(await kubectl('logs', 'talker', '-c', 'counter', '--tail=1')).toMatch(/^line \d+\n$/);
    expect(await kubectl('logs', 'talker', '--all-containers', '--prefix', '--tail=1')).toContain('[pod/talker/quiet] from quiet');
    expect((await kubectlRaw(['logs', 'talker', '-c', 'nobody'])).stderr).toContain('container nobody is not valid for pod talker');
  });

  it('follows with -f', async () => {
    const follow = await backgroundKubectl('logs', '-f', 'talker', '-c', 'counter', '--tail=1');
    await eventually('five lines', () => follow.output().split('\n').length > 5, 10);
    await follow.stop();
    const numbers = [...follow.output().matchAll(/line (\d+)/g)].map((m) => Number(m[1]));
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
  });

  it('shows the one before with --previous', async () => {
    await apply(
      POD(
        'crasher',
        `  containers:\n  - {name: c, image: 'busybox:1.36', command: [sh, -c, 'echo I am $(cat /proc/sys/kernel/random/uuid); exit 3']}`,
      ),
    );
    await eventually('a second start', async () => ((await pod('crasher')).status.containerStatuses?.[0]?.restartCount ?? 0) >= 1, 30);
    expect(await kubectl('logs', 'crasher', '--previous')).toMatch(/^I am /);
    const status = await eventually('back-off', async () => {
      const container = (await pod('crasher')).status.containerStatuses![0]!;
      return container.state['waiting']?.reason === 'CrashLoopBackOff' ? container : undefined;
    });
    expect(status.lastState['terminated']).toMatchObject({ exitCode: 3, reason: 'Error' });
    expect(await kubectl('get', 'pod', 'crasher')).toMatch(/CrashLoopBackOff\s+\d+ \(\d+s ago\)/);
  });
});

describe('kubectl exec', () => {
  it('runs a command and passes its output, input and exit code on', async () => {
    expect(await kubectl('exec', 'talker', '-c', 'quiet', '--', 'hostname')).toBe('talker\n');
    const failed = await kubectlRaw(['exec', 'talker', '-c', 'quiet', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    expect(failed).toMatchObject({ code: 7, stdout: 'out\n' });
    expect(failed.stderr).toContain('err\n');
    expect(failed.stderr).toContain('exit code 7');
    const text = 'x'.repeat(100_000);
    expect((await kubectlRaw(['exec', '-i', 'talker', '-c', 'quiet', '--', 'cat'], text)).stdout).toBe(text);
    const missing = await kubectlRaw(['exec', 'talker', '-c', 'quiet', '--', 'no-such-program']);
    expect(missing.code).toBeGreaterThanOrEqual(126);
    expect(missing.stdout + missing.stderr).toMatch(/no-such-program.*not found/);
  });

  it('is a terminal with -it', async () => {
    const command = `${await findKubectl()} --kubeconfig ${layout.kubeconfig} exec -it talker -c quiet -- sh -c "tty; read -r line; echo got \\$line"`;
    const { stdout } = await run('script', ['-qec', command, '/dev/null'], { input: 'typed\n' });
    expect(stdout).toMatch(/\/dev\/pts\/\d+/);
    expect(stdout).toContain('got typed');
  });
});

describe('a pod', () => {
  it('gets its environment, config and secret, and knows its own name', async () => {
    await kubectl('create', 'configmap', 'settings', '--from-literal=colour=blue');
    await kubectl('create', 'secret', 'generic', 'password', '--from-literal=word=open sesame');
    await kubectl('label', 'configmap/settings', 'secret/password', 'suite=pods');
    await apply(
      POD(
        'configured',
        `  volumes: [{name: conf, configMap: {name: settings}}]
  containers:
  - name: c
    image: busybox:1.36
    command: [sh, -c, 'echo $(ME) $COLOUR $WORD; echo $(cat /conf/colour); sleep 1000']
    env:
    - {name: ME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
    - {name: WORD, valueFrom: {secretKeyRef: {name: password, key: word}}}
    volumeMounts: [{name: conf, mountPath: /conf}]`,
      ),
    );
    await ready('configured');
    expect(await kubectl('logs', 'configured')).toBe('configured blue open sesame\nblue\n');
  });

  it('that runs to its end is Completed, and not started again with restartPolicy Never', async () => {
    await apply(POD('once', `  restartPolicy: Never\n  containers: [{name: c, image: 'busybox:1.36', command: [sh, -c, 'echo done']}]`));
    await kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/once', '--timeout=30s');
    expect(await kubectl('get', 'pod', 'once')).toMatch(/0\/1\s+Completed\s+0/);
  });

  it('with an image that does not exist says so in its status and events, and blocks nobody', async () => {
    await apply(POD('nobody', `  containers: [{name: c, image: 'registry.invalid/nobody:1'}]`));
    await eventually('an image error', async () => /ErrImagePull|ImagePullBackOff/.test(await kubectl('get', 'pod', 'nobody')), 60);
    const events = await eventually('the event', async () => {
      const text = await kubectl('get', 'events', '--field-selector', 'involvedObject.name=nobody');
      return text.includes('Failed to pull image') ? text : undefined;
    });
    expect(events).toContain('registry.invalid/nobody:1');
    await apply(POD('beside', `  containers: [{name: c, image: 'busybox:1.36', command: [sleep, '1000']}]`));
    await ready('beside');
  });

  it('whose container is killed gets it back, and keeps its address and its emptyDir', async () => {
    await apply(
      POD(
        'victim',
        `  volumes: [{name: data, emptyDir: {}}]
  containers:
  - name: c
    image: busybox:1.36
    command: [sh, -c, 'echo started >> /data/starts; sleep 1000']
    volumeMounts: [{name: data, mountPath: /data}]`,
      ),
    );
    await ready('victim');
    const before = await get<{ spec: { nodeName: string }; status: { podIP: string; containerStatuses: { containerID: string }[] } }>(
      'pod',
      'victim',
    );
    await docker(before.spec.nodeName, 'kill', before.status.containerStatuses[0]!.containerID.replace('docker://', ''));
    await eventually('a restart', async () => (await pod('victim')).status.containerStatuses?.[0]?.restartCount === 1);
    await ready('victim');
    const after = await pod('victim');
    expect(after.status.podIP).toBe(before.status.podIP);
    expect(after.status.containerStatuses![0]!.lastState['terminated']!.exitCode).toBe(137);
    expect(await kubectl('exec', 'victim', '--', 'cat', '/data/starts')).toBe('started\nstarted\n');
  });

  it('ends within its grace period and leaves no container behind', async () => {
    const { spec } = await pod('victim');
    const begun = performance.now();
    await kubectl('delete', 'pod', 'victim');
    expect(performance.now() - begun).toBeLessThan(10_000);
    await eventually(
      'no containers of it',
      async () => !(await docker(spec.nodeName!, 'ps', '-a', '--format', '{{.Names}}')).includes('victim'),
      30,
    );
  });

  it('that no node fits stays Pending and says why', async () => {
    await apply(POD('huge', `  containers: [{name: c, image: 'busybox:1.36', resources: {requests: {cpu: '1000'}}}]`));
    const events = await eventually('the event', async () => {
      const text = await kubectl('get', 'events', '--field-selector', 'involvedObject.name=huge');
      return text.includes('FailedScheduling') ? text : undefined;
    });
    expect(events).toContain('0/3 nodes are available: 3 Insufficient cpu.');
    expect(await kubectl('get', 'pod', 'huge')).toMatch(/Pending/);
  });
});
