// What init containers and the input of containers are on a real engine: the same as what containers are, before them.
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { showsFields } from '../../suites/pod-spec.js';
import { BUSYBOX_IMAGE, until } from './engine-lab.js';
import type { KubeletLab } from './kubelet-lab.js';
import { withLab } from './with-lab.js';

let lab: KubeletLab;

withLab((started) => {
  lab = started;
});

const idOf = (status: { readonly containerID?: string } | undefined) => status!.containerID!.slice('docker://'.length);

it('an init container has its own image, words, place, environment, limits and rights', async (context) => {
  showsFields(context, 'spec.initContainers[].{image,args,workingDir,env[],envFrom[],resources,securityContext,imagePullPolicy}');
  await lab.api.client.create(configMaps, { metadata: { name: 'conf', namespace: 'default' }, data: { COLOUR: 'blue' } });
  const mounts = [{ name: 'v', mountPath: '/v' }];
  await lab.create('init', {
    volumes: [{ name: 'v', emptyDir: {} }],
    initContainers: [
      {
        name: 'first',
        image: BUSYBOX_IMAGE,
        imagePullPolicy: 'Never',
        command: ['/bin/sh', '-c'],
        args: ['echo $(WHO) $COLOUR `pwd` `id -u` > /v/said'],
        workingDir: '/tmp',
        env: [{ name: 'WHO', value: 'me' }],
        envFrom: [{ configMapRef: { name: 'conf' } }],
        resources: { limits: { memory: '32Mi' } },
        securityContext: { runAsUser: 1234 },
        volumeMounts: mounts,
      },
    ],
    containers: [{ name: 'main', command: ['sleep', '1000'], volumeMounts: mounts }],
  });
  const pod = await lab.ready('init');
  expect(await lab.sh('init', 'cat /v/said')).toBe('me blue /tmp 1234\n');
  const first = idOf(pod.status.initContainerStatuses?.[0]);
  expect(lab.engine.docker('inspect', '-f', '{{.HostConfig.Memory}}', first)).toBe(String(32 << 20));
  await lab.delete('init');
});

it('a sidecar may have ports of the node, and say how it is resized', async (context) => {
  showsFields(context, 'spec.initContainers[].{ports[],resizePolicy[]}');
  await lab.create('side', {
    initContainers: [
      {
        name: 'web',
        restartPolicy: 'Always',
        command: ['/bin/sh', '-c', 'echo hello > /tmp/index.html; exec httpd -f -p 8080 -h /tmp'],
        ports: [{ containerPort: 8080, hostPort: 18090 }],
        resources: { requests: { cpu: '10m' } },
        resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
      },
    ],
    containers: [{ name: 'main', command: ['sleep', '1000'] }],
  });
  const before = await lab.ready('side');
  const get = () => {
    try {
      return lab.engine.run('curl', ['-sS', '--max-time', '2', 'http://10.254.9.1:18090/index.html']);
    } catch {
      return '';
    }
  };
  await until('it serves', () => get() === 'hello\n');
  const shares = () => lab.engine.docker('inspect', '-f', '{{.HostConfig.CpuShares}}', idOf(before.status.initContainerStatuses?.[0]));
  expect(shares()).toBe('10');
  const { client } = lab.api;
  const [web] = before.spec.initContainers!;
  const resized = [{ ...web!, resources: { requests: { cpu: '100m' } } }];
  const name = { namespace: 'default', name: 'side' };
  await client.patch(pods, name, 'application/merge-patch+json', { spec: { initContainers: resized } } as never, 'resize');
  await until('it has its new share', () => shares() === '102');
  expect((await lab.get('side')).status.initContainerStatuses?.[0]?.restartCount).toBe(0);
  await lab.delete('side');
});

it('input is open where the spec says so, for one client or for all, and a terminal is one', async (context) => {
  showsFields(context, 'spec.{containers,initContainers}[].{stdin,stdinOnce,tty}');
  const reads = ['/bin/sh', '-c', 'read line; echo "got $line"; [ -t 1 ] && echo terminal; cat; echo end; sleep 1000'];
  await lab.create('input', {
    initContainers: [{ name: 'init', command: ['/bin/sh', '-c', 'read line'], stdin: true, stdinOnce: true, tty: true }],
    containers: [
      { name: 'closed', command: ['/bin/sh', '-c', 'cat; echo end; sleep 1000'] },
      { name: 'once', command: reads, stdin: true, stdinOnce: true },
      { name: 'term', command: reads, stdin: true, tty: true },
    ],
  });
  const waiting = await lab.pod('input', 'its init container waits for a line', ({ status }) =>
    Boolean(status.initContainerStatuses?.[0]?.state.running),
  );
  const init = idOf(waiting.status.initContainerStatuses?.[0]);
  expect(lab.engine.docker('inspect', '-f', '{{.Config.OpenStdin}} {{.Config.StdinOnce}} {{.Config.Tty}}', init)).toBe('true true true');
  tell(init, 'go\n');
  const pod = await lab.ready('input');
  const of = (name: string) => idOf(pod.status.containerStatuses?.find((one) => one.name === name));
  const log = (name: string) => lab.engine.docker('logs', of(name)).replaceAll('\r', '');
  await until('who has no input sees its end', () => log('closed') === 'end');
  tell(of('once'), 'one\n');
  await until('the end of the only client is the end of the input', () => log('once') === 'got one\nend');
  tell(of('term'), 'two\n');
  await until('a terminal stays open', () => log('term').includes('got two\nterminal'));
  expect(log('term')).not.toContain('end');
  await lab.delete('input');
});

/** A client of the engine that attaches, says something, and goes. */
function tell(id: string, text: string): void {
  const socket = connect(lab.engine.socket);
  socket.write(`POST /containers/${id}/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
  // Its answer: the connection is the container's input from here on.
  socket.once('data', () => socket.end(text));
}
