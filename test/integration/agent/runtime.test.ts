// The Docker runtime and the CNI network against a real engine: what the kubelet relies on, as CRI words it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CniNetwork } from '../../../agent/cni/cni.js';
import { readSettings } from '../../../agent/config/load.js';
import type { ContainerConfig, PodSandboxConfig } from '../../../agent/runtime/config.js';
import { DockerRuntime } from '../../../agent/runtime/docker.js';
import type { RuntimeContainer } from '../../../agent/runtime/runtime.js';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { BUSYBOX_IMAGE, EngineLab, PAUSE_IMAGE, until } from './engine-lab.js';

const POD_CIDR = '10.254.7.0/24';

let lab: EngineLab;
let network: CniNetwork;
let runtime: DockerRuntime;
let image: string;

async function openRuntime(): Promise<DockerRuntime> {
  const options = {
    confDirectory: lab.cniConf,
    binDirectories: [lab.cniBin],
    stateDirectory: join(lab.directory, 'cni-state'),
    log: silentLogger,
  };
  network = await CniNetwork.open(options);
  await network.reload(POD_CIDR);
  return new DockerRuntime({
    endpoint: `unix://${lab.socket}`,
    containerdSocket: lab.containerdSocket,
    pauseImage: PAUSE_IMAGE,
    network,
    stateDirectory: lab.directory,
    settings: readSettings({}),
    clock: systemClock,
  });
}

beforeAll(async () => {
  lab = await EngineLab.start();
  runtime = await openRuntime();
  image = (await runtime.inspectImage(BUSYBOX_IMAGE))!.id;
}, 120_000);

afterAll(async () => {
  await lab?.stop();
}, 60_000);

let pods = 0;
function sandbox(extra: Partial<PodSandboxConfig> = {}): PodSandboxConfig {
  const name = `pod-${++pods}`;
  return {
    name,
    namespace: 'default',
    uid: `00000000-0000-4000-8000-${String(pods).padStart(12, '0')}`,
    attempt: 0,
    hostname: name,
    hostNetwork: false,
    hostIpc: false,
    hostPid: false,
    sysctls: {},
    portMappings: [],
    terminationGracePeriod_s: 5,
    oomScoreAdj: 0,
    ...extra,
  };
}

/** With the files that the kubelet keeps for each pod, of which a sandbox without Docker's networking has none. */
function container(script: string, extra: Partial<ContainerConfig> = {}): ContainerConfig {
  const files = join(lab.directory, 'files', String(pods));
  mkdirSync(files, { recursive: true });
  writeFileSync(join(files, 'hosts'), `127.0.0.1 localhost\n10.0.0.1 from-the-kubelet\n`);
  writeFileSync(join(files, 'resolv.conf'), 'nameserver 10.96.0.10\n');
  writeFileSync(join(files, 'message'), '', { mode: 0o666 });
  const mount = (name: string, containerPath: string) => ({
    hostPath: join(files, name),
    containerPath,
    readOnly: false,
    propagation: 'private' as const,
  });
  return {
    name: 'main',
    attempt: 0,
    image,
    hash: 'abc',
    command: ['/bin/sh', '-c', script],
    env: ['GREETING=hello'],
    mounts: [mount('hosts', '/etc/hosts'), mount('resolv.conf', '/etc/resolv.conf'), mount('message', '/dev/termination-log')],
    stdin: false,
    stdinOnce: false,
    tty: false,
    pidNamespace: 'container',
    resources: { cpuShares: 2, cpuPeriod_us: 100_000, oomScoreAdj: 0 },
    security: {
      supplementalGroups: [],
      privileged: false,
      capAdd: [],
      capDrop: [],
      readOnlyRootFilesystem: false,
      noNewPrivileges: false,
      seLinuxLabels: [],
      seccomp: 'unconfined',
    },
    terminationMessageFile: join(files, 'message'),
    terminationMessagePolicy: 'File',
    ...extra,
  };
}

async function text(stream: Readable): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}

/** Starts one container in a new pod. */
async function runPod(script: string, extra: Partial<ContainerConfig> = {}, pod: Partial<PodSandboxConfig> = {}) {
  const config = sandbox(pod);
  const box = await runtime.runPodSandbox(config);
  const id = await runtime.createContainer(box.id, container(script, extra), config);
  await runtime.startContainer(id);
  return { config, box, id };
}

const find = async (uid: string, id: string): Promise<RuntimeContainer | undefined> =>
  (await runtime.podStatus(uid)).containers.find((c) => c.id === id);

const exited = (uid: string, id: string) =>
  until('the container has exited', async () => {
    const found = await find(uid, id);
    return found?.state === 'exited' ? found : undefined;
  });

async function run(id: string, ...command: string[]): Promise<{ code: number | undefined; out: string; err: string }> {
  const streams = await runtime.exec(id, { command, stdin: false, tty: false });
  const [out, err] = await Promise.all([text(streams.stdout), text(streams.stderr)]);
  return { code: await streams.exitCode(), out, err };
}

describe('a pod on the Docker Engine', () => {
  it('gives its containers one network, one host name and the files of the kubelet', async () => {
    const { config, box, id } = await runPod('httpd -f -p 8080');
    const second = await runtime.createContainer(box.id, container('sleep 1000', { name: 'second' }), config);
    await runtime.startContainer(second);
    expect(box.ips).toHaveLength(1);
    expect(box.ips[0]).toMatch(/^10\.254\.7\.\d+$/);
    expect((await run(second, 'ip', '-4', 'addr', 'show', 'eth0')).out).toContain(box.ips[0]);
    expect((await run(second, 'hostname')).out.trim()).toBe(config.name);
    expect((await run(second, 'cat', '/etc/hosts')).out).toContain('from-the-kubelet');
    expect((await run(second, 'cat', '/etc/resolv.conf')).out).toBe('nameserver 10.96.0.10\n');
    // The first one's server, over the loopback that they share, answers that it has no such file.
    expect((await run(second, 'wget', '-q', '-O', '-', 'http://127.0.0.1:8080/')).err).toContain('404');
    expect((await run(second, 'env')).out).toContain('GREETING=hello');
    expect(lab.docker('inspect', '-f', '{{.Name}}', id)).toBe(`/k8s_main_${config.name}_default_${config.uid}_0`);
  });

  it('tells of it what the kubelet needs to know, also after its own restart', async () => {
    const { config, box, id } = await runPod('sleep 1000');
    const again = await openRuntime();
    const status = await again.podStatus(config.uid);
    expect(status.sandboxes).toMatchObject([{ id: box.id, attempt: 0, ready: true, ips: box.ips }]);
    expect(status.containers).toMatchObject([{ id, name: 'main', sandboxId: box.id, hash: 'abc', state: 'running', attempt: 0, image }]);
    expect((await again.listPods()).find(({ uid }) => uid === config.uid)).toEqual({
      uid: config.uid,
      name: config.name,
      namespace: 'default',
      terminationGracePeriod_s: 5,
    });
  });

  it('lets a container be created before the sandbox runs', async () => {
    const config = sandbox();
    let created: Promise<string> | undefined;
    const box = await runtime.runPodSandbox(config, (id) => {
      created = runtime.createContainer(id, container('sleep 1000'), config);
    });
    await runtime.startContainer(await created!);
    expect((await find(config.uid, await created!))?.state).toBe('running');
    expect(box.ready).toBe(true);
  });

  it('says how a container ended', async () => {
    const failing = await runPod('echo last words > /dev/termination-log; exit 3');
    expect(await exited(failing.config.uid, failing.id)).toMatchObject({ exitCode: 3, oomKilled: false });
    expect(readFileSync(join(lab.directory, 'files', String(pods), 'message'), 'utf8')).toBe('last words\n');

    const config = sandbox();
    const box = await runtime.runPodSandbox(config);
    const id = await runtime.createContainer(box.id, container('', { command: ['/no/such/program'] }), config);
    await expect(runtime.startContainer(id)).rejects.toThrow(/no such file or directory/);
    expect(await find(config.uid, id)).toMatchObject({
      state: 'exited',
      exitCode: 127,
      startError: expect.stringContaining('/no/such/program'),
    });
  });

  it('kills a container that does not heed its stop signal, when its grace period is over', async () => {
    const { config, id } = await runPod('trap "" TERM; while true; do sleep 1; done');
    const began = performance.now();
    await runtime.stopContainer(id, 1);
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(await find(config.uid, id)).toMatchObject({ state: 'exited', exitCode: 137 });
  });

  it('lets a second stop shorten the first', async () => {
    const { id } = await runPod('trap "" TERM; while true; do sleep 1; done');
    const began = performance.now();
    const patient = runtime.stopContainer(id, 60);
    await runtime.stopContainer(id, 1);
    await patient;
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('tells at once of a container that dies, with all that it said, and again when the engine is through with it', async () => {
    const stopping = new AbortController();
    const { signal } = stopping;
    const { config, id } = await runPod('trap "seq 2000; exit 3" TERM; sleep 1000 & wait');
    const order: string[] = [];
    const engine = (async () => {
      for await (const event of runtime.events(signal))
        if (event.type === 'died' && event.containerId === id) return [event, order.push('the engine')] as const;
      return undefined;
    })();
    const early = (async () => {
      for await (const event of runtime.deaths(signal)) if (event.containerId === id) return [event, order.push('containerd')] as const;
      return undefined;
    })();
    await until('both streams are open', async () => (await run(id, 'true')).code === 0 || undefined);
    expect((await find(config.uid, id))?.state).toBe('running');
    process.kill(Number(lab.docker('inspect', '-f', '{{.State.Pid}}', id)), 'SIGTERM');
    expect(await early).toEqual([{ type: 'died', podUid: config.uid, containerId: id }, 1]);
    const shown = (await runtime.podStatusWith(config.uid, id))?.containers[0];
    expect(shown).toMatchObject({ id, state: 'exited', exitCode: 3, oomKilled: false });
    expect(await text(await runtime.logs(id, { follow: false, tail: 1, timestamps: false }))).toBe('2000\n');
    expect(await engine).toEqual([{ type: 'died', podUid: config.uid, containerId: id }, 2]);
    const settled = await find(config.uid, id);
    expect(settled).toMatchObject({ state: 'exited', exitCode: 3, finishedAt_ms: shown!.finishedAt_ms });
    stopping.abort();
  });

  it('looks anew at one container alone, where it ran when the pod was looked at', async () => {
    const { config, box, id } = await runPod('sleep 1000');
    expect(await runtime.podStatusWith(config.uid, id)).toBeUndefined();
    const other = await runtime.createContainer(box.id, container('sleep 1000', { name: 'other' }), config);
    await runtime.startContainer(other);
    const before = await runtime.podStatus(config.uid);
    lab.docker('kill', id, other);
    const seen = await runtime.podStatusWith(config.uid, id);
    const states = seen!.containers.map((each) => [each.name, each.state, each.exitCode]);
    expect(states.sort()).toEqual([
      ['main', 'exited', 137],
      ['other', 'running', 0],
    ]);
    expect(seen!.sandboxes).toEqual(before.sandboxes);
    expect(await runtime.podStatusWith(config.uid, id)).toBeUndefined();
    expect((await runtime.podStatus(config.uid)).containers.map(({ state }) => state)).toEqual(['exited', 'exited']);
  });

  it('gives back the address and every trace of the network when the sandbox ends', async () => {
    const { config, box } = await runPod('sleep 1000', {}, { portMappings: [{ hostPort: 18080, containerPort: 80, protocol: 'tcp' }] });
    expect(lab.run('iptables-save', ['-t', 'nat'])).toContain('18080');
    for (const { id } of (await runtime.podStatus(config.uid)).containers) await runtime.stopContainer(id, 0);
    await runtime.stopPodSandbox(box.id);
    await runtime.removePodSandbox(box.id);
    expect(lab.run('iptables-save', ['-t', 'nat'])).not.toContain('18080');
    expect(network.ips(box.id)).toEqual([]);
    await runtime.stopPodSandbox(box.id);
  });

  it('unwires sandboxes that vanished behind its back', async () => {
    const { box } = await runPod('sleep 1000');
    lab.docker('rm', '-f', box.id);
    await runtime.collectNetworkGarbage();
    expect(network.ips(box.id)).toEqual([]);
  });

  it('uses the network of the node where the pod asks for it', async () => {
    const { box, id } = await runPod('sleep 1000', {}, { hostNetwork: true });
    expect(box.ips).toEqual([]);
    expect((await run(id, 'ip', 'link')).out).toContain('cni0');
  });
});

describe('what goes in and out of a container', () => {
  it('keeps stdout and stderr apart and passes the exit code on', async () => {
    const { id } = await runPod('sleep 1000');
    expect(await run(id, 'sh', '-c', 'echo out; echo err >&2; exit 7')).toEqual({ code: 7, out: 'out\n', err: 'err\n' });
    expect((await run(id, '/no/such/program')).code).toBe(126);
  });

  it('passes input on, and its end', async () => {
    const { id } = await runPod('sleep 1000');
    const streams = await runtime.exec(id, { command: ['cat'], stdin: true, tty: false });
    streams.stdin.write('one\n');
    streams.stdin.end('two\n');
    expect(await text(streams.stdout)).toBe('one\ntwo\n');
    expect(await streams.exitCode()).toBe(0);
  });

  it('carries megabytes without loss, whatever the pace of the reader', async () => {
    const { id } = await runPod('sleep 1000');
    const streams = await runtime.exec(id, {
      command: ['sh', '-c', 'i=0; while [ $i -lt 60000 ]; do echo line-$i-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; i=$((i+1)); done'],
      stdin: false,
      tty: false,
    });
    const [all] = await Promise.all([text(streams.stdout), text(streams.stderr)]);
    const lines = all.trimEnd().split('\n');
    expect(lines).toHaveLength(60_000);
    expect(lines[59_999]).toContain('line-59999-');
  });

  it('gives a terminal of the size asked for', async () => {
    const { id } = await runPod('sleep 1000');
    const streams = await runtime.exec(id, { command: ['sh'], stdin: true, tty: true });
    await streams.resize({ width: 91, height: 33 });
    streams.stdin.write('stty size; exit\n');
    expect(await text(streams.stdout)).toContain('33 91');
  });

  it('ends what nobody waits for any more, and what it has started', async () => {
    const { id } = await runPod('sleep 1000');
    const streams = await runtime.exec(id, { command: ['sh', '-c', 'trap "" HUP; sleep 777 & sleep 778'], stdin: false, tty: false });
    await until('both run', () => /sleep 777[\s\S]*sleep 778|sleep 778[\s\S]*sleep 777/.test(lab.docker('top', id)));
    await streams.abandon();
    expect(lab.docker('top', id)).not.toMatch(/sleep 77[78]/);
  });

  it('ends the commands of an agent that was killed, and only those', async () => {
    const { id } = await runPod('sleep 1000');
    await runtime.exec(id, { command: ['sleep', '881'], stdin: false, tty: false });
    const next = await openRuntime();
    const ours = await next.exec(id, { command: ['sleep', '882'], stdin: false, tty: false });
    await until('both run', () => /sleep 881[\s\S]*sleep 882/.test(lab.docker('top', id)));
    await next.endOrphanedCommands();
    expect(lab.docker('top', id)).not.toContain('sleep 881');
    expect(lab.docker('top', id)).toContain('sleep 882');
    await ours.abandon();
  });

  it('logs in order, by lines from the end, with times, and on and on', async () => {
    const { id, config } = await runPod('echo one; echo two >&2; echo three; sleep 0.3; echo four');
    const following = runtime.logs(id, { follow: true, timestamps: false }).then(text);
    await exited(config.uid, id);
    expect((await following).split('\n').filter(Boolean).sort()).toEqual(['four', 'one', 'three', 'two']);
    expect(await text(await runtime.logs(id, { follow: false, tail: 1, timestamps: false }))).toBe('four\n');
    expect(await text(await runtime.logs(id, { follow: false, tail: 1, timestamps: true }))).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z four\n$/);
    expect(await text(await runtime.logs(id, { follow: false, since_ms: Date.now() + 60_000, timestamps: false }))).toBe('');
  });

  it('attaches to a running container', async () => {
    const { id } = await runPod('while read line; do echo got $line; done', { stdin: true, stdinOnce: true });
    const streams = await runtime.attach(id);
    streams.stdin.write('a line\n');
    streams.stdin.end();
    expect(await text(streams.stdout)).toBe('got a line\n');
  });

  it('attaches to one whose input outlives its client, and tells what it answers to the last of that', async () => {
    const { id } = await runPod('while read line; do sleep 0.3; echo got $line; done; sleep 1000', { stdin: true });
    for (const line of ['one', 'two']) {
      const streams = await runtime.attach(id);
      streams.stdin.end(`${line}\n`);
      expect(await text(streams.stdout)).toBe(`got ${line}\n`);
      streams.close();
    }
  });

  it('does not attach to one that has ended', async () => {
    const { config, id } = await runPod('exit 0');
    await exited(config.uid, id);
    await expect(runtime.attach(id)).rejects.toThrow('is not running');
  });
});

describe('images', () => {
  it('are found by name, or not', async () => {
    expect(await runtime.inspectImage('no/such:image')).toBeUndefined();
    expect((await runtime.listImages()).map(({ tags }) => tags[0])).toContain(BUSYBOX_IMAGE);
  });

  it('that cannot be pulled say why', async () => {
    await expect(runtime.pullImage('127.0.0.1:1/no/such:image', undefined, new AbortController().signal)).rejects.toThrow(/refused/);
  });
});

describe('an engine that is killed', () => {
  it('is an error of one line while it is away, and has lost nothing when it is back', async () => {
    const { config, id } = await runPod('sleep 1000');
    await lab.killEngine();
    await expect(runtime.podStatus(config.uid)).rejects.toThrow(/cannot connect to the Docker Engine/);
    await lab.restartEngine();
    expect(await find(config.uid, id)).toMatchObject({ state: 'running' });
    expect((await run(id, 'true')).code).toBe(0);
  });
});
