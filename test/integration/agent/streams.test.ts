// exec, attach, cp and port-forward as real kubectls of several versions do them, through a real API server and kubelet.
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { shows } from '../../suites/compatibility.js';
import { ALL_KUBECTL_VERSIONS, Kubectl, type KubectlVersion } from '../../suites/kubectl.js';
import { BUSYBOX_IMAGE, until } from './engine-lab.js';
import { type KubeletLab, NODE } from './kubelet-lab.js';
import { withLab } from './with-lab.js';

const sh = (script: string) => ['/bin/sh', '-c', script];

let lab: KubeletLab;

withLab(async (started) => {
  lab = started;
  await lab.create('shell', {
    containers: [
      { name: 'main', command: sh('mkdir /srv; echo hello > /srv/index.html; httpd -p 127.0.0.1:8080 -h /srv; sleep 100000'), stdin: true },
      { name: 'other', command: sh('sleep 100000') },
    ],
  });
  await lab.create('talker', { containers: [{ name: 'main', command: sh('echo one; echo two; sleep 100000') }] });
  await lab.ready('shell');
  await lab.ready('talker');
});

const shown = (context: TestContext, version: KubectlVersion, verb: string) =>
  shows(context, { client: 'kubectl', version, verb, result: 'works' });

const kubectlOf = (version: KubectlVersion) => new Kubectl(version, lab.api.kubeconfig, join(lab.api.dir, `home-${version}`));

describe.each(ALL_KUBECTL_VERSIONS)('kubectl %s', (version) => {
  let kubectl: Kubectl;
  beforeAll(() => {
    kubectl = kubectlOf(version);
  });

  const exec = (command: readonly string[], input?: string) =>
    kubectl.run(['exec', 'shell', '-c', 'main', ...(input === undefined ? [] : ['-i']), '--', ...command], input);

  it('runs commands: output, errors and exit codes', async (context) => {
    shown(context, version, 'exec');
    expect(await exec(sh('echo out; echo err >&2; exit 7'))).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: expect.stringMatching(/^err\ncommand terminated with exit code 7\n$/),
    });
    expect(await exec(['true'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const missing = await exec(['no-such-program']);
    expect(missing.code).toBe(126);
  });

  it('ends the input of a command', async () => {
    expect(await exec(['cat'], 'from here')).toMatchObject({ code: 0, stdout: 'from here' });
  });

  it('says so where there is no such container, and where it does not run', async () => {
    const { stderr } = await kubectl.run(['exec', 'shell', '-c', 'nobody', '--', 'true']);
    expect(stderr).toContain('container nobody is not valid for pod shell');
  });

  it('moves much both ways, whole', async () => {
    const bytes = randomBytes(8 << 20);
    const file = join(lab.api.dir, `big-${version}`);
    writeFileSync(file, bytes);
    const hash = createHash('sha256').update(bytes).digest('hex');
    const env = { PATH: process.env['PATH'], HOME: lab.api.dir, KUBECONFIG: lab.api.kubeconfig };
    const script = `"$0" exec -i shell -c main -- sh -c 'cat > /tmp/big' < ${file} && "$0" exec shell -c main -- cat /tmp/big | sha256sum`;
    const { stdout } = await promisify(execFile)('sh', ['-c', script, kubectl.path], { env });
    expect(stdout).toBe(`${hash}  -\n`);
  });

  it('reads logs, and follows them', async (context) => {
    shown(context, version, 'logs');
    expect(await kubectl.ok(['logs', 'talker', '--tail=1'])).toBe('two\n');
    expect(await kubectl.ok(['logs', 'talker', '--all-containers', '--prefix'])).toContain('[pod/talker/main] one\n');
    const child = kubectl.spawn(['logs', '-f', 'talker']);
    let out = '';
    child.stdout!.on('data', (chunk) => {
      out += chunk;
    });
    await until('what was said is shown', () => out.includes('one\ntwo\n'));
    child.kill();
  });

  it('copies a file there and back', async (context) => {
    shown(context, version, 'cp');
    const [there, back] = [join(lab.api.dir, `small-${version}`), join(lab.api.dir, `small-back-${version}`)];
    writeFileSync(there, version);
    await kubectl.ok(['cp', there, 'shell:/tmp/small', '-c', 'main']);
    await kubectl.ok(['cp', 'shell:/tmp/small', back, '-c', 'main']);
    expect(readFileSync(back, 'utf8')).toBe(version);
  });

  it('forwards ports to what only listens on localhost, many connections at a time', async (context) => {
    shown(context, version, 'port-forward');
    const forward = await portForward(kubectl, 'shell', ':8080');
    try {
      const answers = await Promise.all(Array.from({ length: 20 }, () => fetchText(forward.port, '/index.html')));
      expect(new Set(answers)).toEqual(new Set(['hello\n']));
    } finally {
      forward.child.kill();
    }
  });

  it('says why a port cannot be reached', async () => {
    const forward = await portForward(kubectl, 'shell', ':9');
    try {
      await new Promise<void>((resolve) => {
        const socket = connect(forward.port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.once('close', () => resolve());
      });
      await until('kubectl says why', () => forward.stderr().includes('connection refused'));
      expect(forward.stderr()).toContain('error forwarding port 9 to pod shell, uid ');
    } finally {
      forward.child.kill();
    }
  });
});

describe.each(ALL_KUBECTL_VERSIONS)('kubectl %s with a terminal', (version) => {
  it('has its size, its input, and its exit code', async (context) => {
    shown(context, version, 'exec -it');
    const home = lab.api.dir;
    const env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: lab.api.kubeconfig };
    // `script` gives it a terminal.
    const inside = `stty rows 33 cols 99; "${kubectlOf(version).path}" exec -it shell -c main -- sh -c 'sleep 1; stty size; read x; echo "read $x"; exit 5'`;
    const child = spawn('script', ['-qec', inside, '/dev/null'], { env });
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    await until('the size is told', () => out.includes('33 99'));
    child.stdin.write('word\n');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(out).toContain('read word');
    expect(code).toBe(5);
    child.stdin.end();
  });

  it('attaches: what the container says, and what it is told', async (context) => {
    shown(context, version, 'attach');
    const name = `listener-${version.replace('.', '-')}`;
    await lab.create(name, {
      containers: [{ name: 'main', command: sh('while read line; do echo "heard $line"; done; sleep 1000'), stdin: true }],
    });
    await lab.ready(name);
    const child = kubectlOf(version).spawn(['attach', '-i', name]);
    let out = '';
    child.stdout!.on('data', (chunk) => {
      out += chunk;
    });
    child.stdin!.write('one\n');
    await until('it was heard', () => out.includes('heard one'));
    child.kill();
    const again = kubectlOf(version).spawn(['attach', '-i', name]);
    again.stdout!.on('data', (chunk) => {
      out += chunk;
    });
    again.stdin!.write('two\n');
    await until('the container listens on', () => out.includes('heard two'));
    again.kill();
    await lab.delete(name, 0);
  });
});

describe.each(['1.20', '1.35'] as const)('kubectl %s', (version) => {
  it.skipIf(!ALL_KUBECTL_VERSIONS.includes(version))('copies 50 MB there and back', async () => {
    const bytes = randomBytes(50 << 20);
    const [there, back] = [join(lab.api.dir, `there-${version}`), join(lab.api.dir, `back-${version}`)];
    writeFileSync(there, bytes);
    const kubectl = kubectlOf(version);
    await kubectl.ok(['cp', there, 'shell:/tmp/copy', '-c', 'main']);
    await kubectl.ok(['cp', 'shell:/tmp/copy', back, '-c', 'main']);
    expect(bytes.equals(readFileSync(back))).toBe(true);
  });

  it.skipIf(!ALL_KUBECTL_VERSIONS.includes(version))('runs a pod and is attached to it from its start', async () => {
    const overrides = JSON.stringify({ spec: { nodeName: NODE } });
    const args = ['run', 'once', '-i', '--rm', '--restart=Never', `--image=${BUSYBOX_IMAGE}`, `--overrides=${overrides}`];
    const { stdout } = await kubectlOf(version).run([...args, '--', 'sh', '-c', 'read x; echo "got $x"'], 'it\n');
    expect(stdout).toContain('got it');
  });
});

describe('a client that vanishes', () => {
  // Not synchronously: the server and the kubelet that are to end the command run in this process.
  const docker = async (...args: readonly string[]) =>
    (await promisify(execFile)('docker', ['-H', `unix://${lab.engine.socket}`, ...args])).stdout.trim();
  const labels = ['label=io.kubernetes.pod.name=shell', 'label=io.kubernetes.container.name=main'];
  const runs = async (command: string) =>
    (await docker('top', await docker('ps', '-q', ...labels.flatMap((label) => ['--filter', label])))).includes(command);

  it.each(ALL_KUBECTL_VERSIONS)('leaves no command behind (%s)', async (version) => {
    const child = kubectlOf(version).spawn(['exec', 'shell', '-c', 'main', '--', 'sh', '-c', 'sleep 4321; true']);
    await until('the command runs', () => runs('sleep 4321'));
    child.kill('SIGKILL');
    await until('the command is ended', async () => !(await runs('sleep 4321')));
  });

  it.each(['1.20', '1.35'] as const)('leaves none that does not read its input (%s)', async (version) => {
    if (!ALL_KUBECTL_VERSIONS.includes(version)) return;
    const child = kubectlOf(version).spawn(['exec', '-i', 'shell', '-c', 'main', '--', 'sleep', '4322']);
    const block = Buffer.alloc(1 << 20, 'y');
    const flood = () => void child.stdin!.write(block, (error) => error || flood());
    child.stdin!.on('error', () => undefined);
    flood();
    await until('the command runs', () => runs('sleep 4322'));
    child.kill('SIGKILL');
    await until('the command is ended', async () => !(await runs('sleep 4322')));
  });

  it('leaves no program in the pod’s network', async () => {
    const forward = await portForward(kubectlOf('1.35'), 'shell', ':8080');
    expect(await fetchText(forward.port, '/index.html')).toBe('hello\n');
    expect(dialers()).toBe(1);
    forward.child.kill('SIGKILL');
    await until('it is gone', () => dialers() === 0);
  });
});

describe('a pod that goes', () => {
  it('ends the port-forwards to it', async () => {
    await lab.create('passing', { containers: [{ name: 'main', command: sh('httpd -f -p 80 -h /etc') }] });
    await lab.ready('passing');
    const forward = await portForward(kubectlOf('1.35'), 'passing', ':80');
    expect(await fetchText(forward.port, '/passwd')).toContain('root');
    await lab.delete('passing', 0);
    await until('its network is left alone', () => dialers() === 0);
    forward.child.kill();
  });
});

/** Programs of ours that are in other network namespaces to connect there. */
function dialers(): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return children.filter((pid) => existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('disconnect'))
    .length;
}

interface Forward {
  readonly port: number;
  readonly child: ReturnType<Kubectl['spawn']>;
  stderr(): string;
}

async function portForward(kubectl: Kubectl, pod: string, ports: string): Promise<Forward> {
  const child = kubectl.spawn(['port-forward', pod, ports]);
  let [out, err] = ['', ''];
  child.stdout!.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    err += chunk;
  });
  const port = await until('it forwards', () => {
    if (child.exitCode !== null) throw new Error(`kubectl ended: ${err}`);
    const found = /127\.0\.0\.1:(\d+)/.exec(out)?.[1];
    return found ? Number(found) : undefined;
  });
  return { port, child, stderr: () => err };
}

function fetchText(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, path, host: '127.0.0.1', agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve(text);
    }).on('error', reject);
  });
}
