// Logs on a real engine: each output, each run, by lines, bytes and times, while files are rotated, and where log collectors look.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shows } from '../../suites/compatibility.js';
import { ALL_KUBECTL_VERSIONS, Kubectl } from '../../suites/kubectl.js';
import { until } from './engine-lab.js';
import { KubeletLab, NODE } from './kubelet-lab.js';

const sh = (script: string) => ['/bin/sh', '-c', script];

let lab: KubeletLab;
let kubectl: Kubectl;

beforeAll(async () => {
  lab = await KubeletLab.start({ containerLogMaxSize: '64Ki', containerLogMaxFiles: 3 });
  kubectl = new Kubectl('1.35', lab.api.kubeconfig, join(lab.api.dir, 'home'));
  // Nothing is counted before somebody listens.
  await lab.create('counter', {
    containers: [
      {
        name: 'main',
        stdin: true,
        command: sh(
          'echo waiting; read go; i=0; while [ $i -lt 6000 ]; do i=$((i+1)); echo "line $i of what is counted here"; [ $((i%100)) -ne 0 ] || sleep 0.05; done; sleep 100000',
        ),
      },
    ],
  });
  await lab.create('talker', {
    containers: [{ name: 'main', command: sh('echo out one; sleep 0.2; echo err one >&2; sleep 1; echo out two; sleep 100000') }],
  });
  await lab.create('again', {
    containers: [{ name: 'main', command: sh('if [ -e /tmp/was ]; then echo second; sleep 100000; fi; echo first; sleep 1; exit 3') }],
  });
  await lab.ready('counter');
  await lab.ready('talker');
}, 120_000);

afterAll(async () => {
  await lab?.stop();
});

const numbers = (text: string) => [...text.matchAll(/^line (\d+) of what is counted here$/gm)].map(([, n]) => Number(n));
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('a log that is rotated', () => {
  it('is followed without a gap, and read whole as far as it is kept', async () => {
    const following = kubectl.spawn(['logs', '-f', 'counter']);
    let followed = '';
    following.stdout!.on('data', (chunk) => {
      followed += chunk;
    });
    await until('it is followed', () => followed.includes('waiting'));
    const attached = kubectl.spawn(['attach', '-i', 'counter']);
    attached.stdin!.write('go\n');
    await until('all is said', () => followed.includes('line 6000 of'), 60_000);
    following.kill();
    attached.kill();
    expect(numbers(followed)).toEqual(from(1, 6000));
    // 6,000 lines are some 600 KB as the engine keeps them: three files of 64 KiB hold the last third at most.
    const kept = numbers(await kubectl.ok(['logs', 'counter']));
    expect(kept).toEqual(from(kept[0]!, 6000));
    expect(kept.length).toBeGreaterThan(500);
    expect(kept.length).toBeLessThan(3000);
    expect(numbers(await kubectl.ok(['logs', 'counter', '--tail=1000']))).toEqual(from(5001, 6000));
  });

  it('takes no more of the disk than it may', async () => {
    const pod = await lab.get('counter');
    const link = join(lab.engine.directory, 'log/pods', `default_counter_${pod.metadata.uid}`, 'main/0.log');
    expect(readFileSync(link, 'utf8')).toContain('line 6000 of');
    const [id] = lab.containersOf(pod, '--filter', 'label=io.kubernetes.docker.type=container');
    const files = readdirSync(join(lab.engine.directory, 'docker/containers', id!)).filter((name) => name.includes('-json.log'));
    expect(files.length).toBe(3);
  });
});

describe.each(ALL_KUBECTL_VERSIONS)('kubectl %s', (version) => {
  it('reads logs by lines, bytes and times, and of the run before', async (context) => {
    shows(context, { client: 'kubectl', version, verb: 'logs --previous, --since, --limit-bytes', result: 'works' });
    const client = new Kubectl(version, lab.api.kubeconfig, join(lab.api.dir, `home-${version}`));
    await until('it has said all', async () => (await client.ok(['logs', 'talker'])).includes('out two'));
    expect(await client.ok(['logs', 'talker', '--limit-bytes=5'])).toBe('out o');
    expect(await client.ok(['logs', 'talker', '--tail=0'])).toBe('');
    expect(await client.ok(['logs', 'talker', '--since=1h', '--tail=1'])).toBe('out two\n');
    const stamped = (await client.ok(['logs', 'talker', '--timestamps'])).trim().split('\n');
    for (const line of stamped) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z (out|err) (one|two)$/);
    const last = stamped.find((line) => line.endsWith('out two'))!.split(' ')[0]!;
    expect(await client.ok(['logs', 'talker', `--since-time=${new Date(Date.parse(last)).toISOString()}`])).toBe('out two\n');
    await lab.pod('again', 'it ran twice', ({ status }) => (status.containerStatuses?.[0]?.restartCount ?? 0) > 0, 40_000);
    expect(await client.ok(['logs', 'again', '--previous'])).toBe('first\n');
    expect(await client.fails(['logs', 'talker', '--previous'])).toContain(
      'previous terminated container "main" in pod "talker" not found',
    );
  });
});

it('the outputs can be asked for one by one', async () => {
  const raw = (query: string) => kubectl.ok(['get', '--raw', `/api/v1/nodes/${NODE}/proxy/containerLogs/default/talker/main?${query}`]);
  expect(await raw('stream=Stderr')).toBe('err one\n');
  expect(await raw('stream=Stdout')).toBe('out one\nout two\n');
  expect((await raw('stream=All')).split('\n').sort()).toEqual(['', 'err one', 'out one', 'out two']);
});

it('log collectors find them, and nothing after the pod', async () => {
  const at = (...path: string[]) => join(lab.engine.directory, 'log', ...path);
  const pod = await lab.get('talker');
  const [id] = lab.containersOf(pod, '--filter', 'label=io.kubernetes.docker.type=container');
  const link = at('containers', `talker_default_main-${id}.log`);
  expect(readFileSync(link, 'utf8')).toContain('{"log":"out two\\n","stream":"stdout","time":');
  await lab.delete('talker');
  await until(
    'its links are gone',
    () =>
      !existsSync(at('pods', `default_talker_${pod.metadata.uid}`)) &&
      !readdirSync(at('containers')).some((name) => name.startsWith('talker')),
  );
});
