// What a pod's security context does to its processes on a real engine, which namespaces they see, and how a pod is refused.
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runtimeClasses } from '../../../src/kinds/node/runtimeclass.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { refusesFields, showsFields } from '../../suites/pod-spec.js';
import { BUSYBOX_IMAGE } from './engine-lab.js';
import type { KubeletLab } from './kubelet-lab.js';
import { sleeping, type Wish } from './sleeping-pod.js';
import { withLab } from './with-lab.js';

let lab: KubeletLab;

withLab((started) => {
  lab = started;
});

const create = (name: string, wish: Wish) => lab.create(name, sleeping(wish));

async function running(name: string, wish: Wish): Promise<Pod> {
  await create(name, wish);
  return lab.ready(name);
}

/** Why its only container waits. */
async function waits(name: string, reason: string): Promise<string> {
  const why = (pod: Pod) => pod.status.containerStatuses?.[0]?.state.waiting;
  const pod = await lab.pod(name, `it waits for ${reason}`, (p) => why(p)?.reason === reason);
  return why(pod)?.message ?? '';
}

const statusLine = async (pod: string, field: string) =>
  new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(await lab.sh(pod, 'cat /proc/1/status'))?.[1];
const inspect = (pod: Pod, format: string) =>
  lab.engine.docker('inspect', '-f', format, pod.status.containerStatuses![0]!.containerID!.slice(9));

describe('users, groups and rights', () => {
  it("are the container's, or else its pod's", async (context) => {
    showsFields(
      context,
      'spec.securityContext.{runAsUser,runAsGroup,supplementalGroups}',
      'spec.containers[].securityContext.{runAsUser,runAsGroup,readOnlyRootFilesystem,allowPrivilegeEscalation,capabilities.add,capabilities.drop}',
    );
    await lab.create('users', {
      securityContext: { runAsUser: 1000, runAsGroup: 2000, supplementalGroups: [3000], fsGroup: 4000 },
      containers: [
        { name: 'pods', command: ['sleep', '1000'] },
        {
          name: 'own',
          command: ['sleep', '1000'],
          securityContext: {
            runAsUser: 0,
            runAsGroup: 5,
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
          },
        },
      ],
    });
    await lab.ready('users');
    expect(await lab.sh('users', 'id', 'pods')).toBe('uid=1000 gid=2000 groups=2000,3000,4000\n');
    expect(await lab.sh('users', 'id -u; id -g', 'own')).toBe('0\n5\n');
    const told = (await lab.get('users')).status.containerStatuses!.map(({ user }) => user?.linux);
    expect(told.find((user) => user?.uid === 1000)).toEqual({ uid: 1000, gid: 2000, supplementalGroups: [2000, 3000, 4000] });
    expect(told.find((user) => user?.uid === 0)).toMatchObject({ gid: 5, supplementalGroups: expect.arrayContaining([5, 3000, 4000]) });
    expect(await lab.sh('users', 'touch /x 2>&1 || true', 'own')).toContain('Read-only file system');
    const own = await lab.sh('users', 'cat /proc/1/status', 'own');
    // Bit 12 alone: CAP_NET_ADMIN.
    expect(own).toMatch(/^CapEff:\s*0000000000001000$/m);
    expect(own).toMatch(/^NoNewPrivs:\s*1$/m);
    expect(await lab.sh('users', 'cat /proc/1/status', 'pods')).toMatch(/^NoNewPrivs:\s*0$/m);
  });

  it('include the groups that the image says its user is in, unless the pod is strict', async (context) => {
    showsFields(context, 'spec.securityContext.supplementalGroupsPolicy');
    lab.engine.docker('create', '--name', 'holder', BUSYBOX_IMAGE, 'none');
    const file = (name: string, text: string) => {
      writeFileSync(join(lab.engine.directory, name), text);
      lab.engine.docker('cp', join(lab.engine.directory, name), `holder:/etc/${name}`);
    };
    file('passwd', 'root:x:0:0::/:/bin/sh\nmember:x:1000:1001::/:/bin/sh\n');
    file('group', 'root:x:0:\nown:x:1001:\nfamily:x:50000:other,member\nothers:x:50001:other\n');
    lab.engine.docker('commit', 'holder', 'lab/members:1');
    lab.engine.docker('rm', 'holder');
    const groups = async (name: string, securityContext: object) => {
      const containers = [{ name: 'main', image: 'lab/members:1', command: ['sleep', '1000'] }];
      await lab.create(name, { securityContext: { runAsUser: 1000, supplementalGroups: [4000], ...securityContext }, containers });
      await lab.ready(name);
      const [own] = (await statusLine(name, 'Gid'))!.split('\t');
      const all = (await statusLine(name, 'Groups'))!.trim().split(' ');
      const { uid, gid, supplementalGroups = [] } = (await lab.get(name)).status.containerStatuses![0]!.user!.linux!;
      expect([uid, gid, ...supplementalGroups.map(String)].join(' ')).toBe(
        `1000 ${[own, own, ...all.filter((group) => group !== own)].join(' ')}`,
      );
      return [own, ...all.filter((group) => group !== own)].join(' ');
    };
    const strict = { supplementalGroupsPolicy: 'Strict' };
    expect(await groups('merged', {})).toBe('1001 4000 50000');
    expect(await groups('merged-too', { runAsGroup: 3000 })).toBe('3000 4000 50000');
    expect(await groups('strict', strict)).toBe('1001 4000');
    expect(await groups('strict-too', { runAsGroup: 3000, ...strict })).toBe('3000 4000');
  });

  it('keep a container that would be root from starting', async (context) => {
    showsFields(context, 'spec.securityContext.runAsNonRoot', 'spec.containers[].securityContext.runAsNonRoot');
    const pod = await create('rooted', { securityContext: { runAsNonRoot: true } });
    const where = `(pod: "rooted_default(${pod.metadata.uid})", container: main)`;
    expect(await waits('rooted', 'CreateContainerConfigError')).toBe(`container has runAsNonRoot and image will run as root ${where}`);
    expect(await lab.event('rooted', /Failed/)).toBe(`Failed: Error: container has runAsNonRoot and image will run as root ${where}`);
    await running('rootless', { securityContext: { runAsNonRoot: true }, container: { securityContext: { runAsNonRoot: false } } });
    for (const name of ['rooted', 'rootless']) await lab.delete(name);
  });

  it('are all of them where it is privileged, if the machine can give them', async (context) => {
    showsFields(context, 'spec.containers[].securityContext.privileged');
    await create('mighty', { container: { securityContext: { privileged: true } } });
    const started = (pod: Pod) => pod.status.containerStatuses?.[0];
    const pod = await lab.pod('mighty', 'the engine was asked', (p) => Boolean(started(p)?.state.running ?? started(p)?.containerID));
    expect(inspect(pod, '{{.HostConfig.Privileged}}')).toBe('true');
    const canAll = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]}`) & (1n << 24n);
    // A nested machine that lacks CAP_SYS_RESOURCE cannot hand it on, and says so.
    if (canAll === 0n) expect(JSON.stringify(started(pod))).toMatch(/capability|permitted/i);
    else expect(await statusLine('mighty', 'CapEff')).toMatch(/^0*1ff/);
    await lab.delete('mighty');
  });

  it('come under a seccomp profile: none, the engine’s, or a file of the node', async (context) => {
    showsFields(context, 'spec.{securityContext,containers[].securityContext}.seccompProfile.{type,localhostProfile}');
    mkdirSync(join(lab.rootDirectory, 'seccomp/profiles'), { recursive: true });
    const noMkdir = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }] };
    writeFileSync(join(lab.rootDirectory, 'seccomp/profiles/no-mkdir.json'), JSON.stringify(noMkdir));
    await running('bare', {});
    await running('default', { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } });
    await running('tight', {
      securityContext: { seccompProfile: { type: 'Unconfined' } },
      container: { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'profiles/no-mkdir.json' } } },
    });
    expect([await statusLine('bare', 'Seccomp'), await statusLine('default', 'Seccomp'), await statusLine('tight', 'Seccomp')]).toEqual([
      '0',
      '2',
      '2',
    ]);
    expect(await lab.sh('tight', 'mkdir /tmp/x 2>&1 || true')).toContain('Operation not permitted');
    await create('lost', { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'none.json' } } });
    expect(await waits('lost', 'CreateContainerError')).toMatch(
      /^cannot load seccomp profile ".*\/seccomp\/none.json": open .*: no such file or directory$/,
    );
    for (const name of ['bare', 'default', 'tight', 'lost']) await lab.delete(name);
  });

  it('do not reach all of /proc', async (context) => {
    showsFields(context, 'spec.containers[].securityContext.procMount');
    await running('masked', { container: { securityContext: { procMount: 'Default' } } });
    expect(await lab.sh('masked', 'cat /proc/mounts')).toMatch(/^proc \/proc\/sys proc ro/m);
    const words = 'spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`';
    await expect(create('unmasked', { container: { securityContext: { procMount: 'Unmasked' } } })).rejects.toThrow(words);
    refusesFields(context, words, 'spec.containers[].securityContext.procMount');
    await lab.delete('masked');
  });
});

describe('namespaces', () => {
  it("are the node's where the pod asks for that", async (context) => {
    showsFields(context, 'spec.{hostNetwork,hostPID,hostIPC,hostUsers}');
    await running('of-node', { hostNetwork: true, hostPID: true, hostIPC: true, hostUsers: true });
    const link = (name: string) => lab.sh('of-node', `readlink /proc/self/ns/${name}`);
    expect((await link('pid')).trim()).toBe(readlinkSync('/proc/self/ns/pid'));
    expect((await link('ipc')).trim()).toBe(readlinkSync('/proc/self/ns/ipc'));
    expect((await link('net')).trim()).toBe(lab.engine.run('readlink', ['/proc/self/ns/net']).trim());
    expect((await link('user')).trim()).toBe(readlinkSync('/proc/self/ns/user'));
    const pod = await lab.get('of-node');
    expect(pod.status.podIP).toBe(pod.status.hostIP);
    expect(await lab.sh('of-node', 'cat /etc/hosts')).toContain('# Kubernetes-managed hosts file (host network).');
    await lab.delete('of-node');
  });

  it("are its containers' own but for network and IPC, or all of the pod's", async (context) => {
    showsFields(context, 'spec.shareProcessNamespace');
    const two = (name: string, shareProcessNamespace: boolean) =>
      lab.create(name, {
        shareProcessNamespace,
        containers: ['a', 'b'].map((each) => ({ name: each, command: ['sleep', each === 'a' ? '1001' : '1002'] })),
      });
    await two('apart', false);
    await two('shared', true);
    await lab.ready('apart');
    await lab.ready('shared');
    const links = async (pod: string, container: string) =>
      lab.sh(pod, 'readlink /proc/self/ns/net /proc/self/ns/ipc; readlink /proc/self/ns/net', container);
    expect(await links('apart', 'a')).toBe(await links('apart', 'b'));
    expect(await lab.sh('apart', 'ps', 'a')).not.toContain('sleep 1002');
    expect(await lab.sh('shared', 'ps', 'a')).toContain('sleep 1002');
    expect(await lab.sh('shared', 'ps', 'a')).toMatch(/^\s*1 .*catatonit/m);
    for (const name of ['apart', 'shared']) await lab.delete(name);
  });

  it('of users are not to be had', async (context) => {
    await create('mapped', { hostUsers: false });
    const event = await lab.event('mapped', /FailedCreatePodSandBox/);
    expect(event).toBe(
      "FailedCreatePodSandBox: Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces",
    );
    refusesFields(context, event, 'spec.hostUsers');
    await lab.delete('mapped');
  });

  it('have the kernel settings that the pod asks for', async (context) => {
    showsFields(context, 'spec.securityContext.sysctls[].{name,value}');
    const sysctls = [
      { name: 'net.ipv4.ip_unprivileged_port_start', value: '123' },
      { name: 'net/ipv4/ip_local_port_range', value: '40000 50000' },
    ];
    await running('tuned', { securityContext: { sysctls } });
    expect(await lab.sh('tuned', 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ip_local_port_range')).toBe(
      '123\n40000\t50000\n',
    );
    await lab.delete('tuned');
  });
});

describe('a pod that this node cannot take', () => {
  it.for<[string, Wish, string, string, readonly string[]]>([
    [
      'unsafe',
      { securityContext: { sysctls: [{ name: 'kernel.sem', value: '1 1 1 1' }] } },
      'SysctlForbidden',
      'forbidden sysctl: "kernel.sem" not allowlisted',
      [],
    ],
    [
      'foreign',
      { os: { name: 'windows' } },
      'PodOSNotSupported',
      "Failed to admit pod as the OS field doesn't match node OS",
      ['spec.os.name'],
    ],
  ])('is failed: %s', async ([name, wish, reason, message, fields], context) => {
    await create(name, wish);
    const pod = await lab.pod(name, 'it is failed', ({ status }) => status.phase === 'Failed');
    expect(pod.status).toMatchObject({ reason, message: `Pod was rejected: ${message}` });
    expect(await lab.event(name, new RegExp(reason))).toBe(`${reason}: ${message}`);
    expect(lab.containersOf(pod)).toEqual([]);
    refusesFields(context, `${reason}: ${message}`, ...fields);
    await lab.delete(name);
  });
});

describe('a RuntimeClass', () => {
  const classOf = (name: string, handler: string) => lab.api.client.create(runtimeClasses, { metadata: { name }, handler });

  it("picks one of the engine's runtimes for the sandbox and all in it", async (context) => {
    showsFields(context, 'spec.runtimeClassName');
    await classOf('other', 'second');
    const pod = await running('classy', { runtimeClassName: 'other' });
    const runtimes = lab.containersOf(pod).map((id) => lab.engine.docker('inspect', '-f', '{{.HostConfig.Runtime}}', id));
    expect(runtimes).toEqual(['second', 'second']);
    await lab.delete('classy');
  });

  it('that the node does not have keeps the pod waiting', async () => {
    await classOf('unknown', 'kata');
    await create('waiting', { runtimeClassName: 'unknown' });
    expect(await lab.event('waiting', /FailedCreatePodSandBox/)).toBe(
      'FailedCreatePodSandBox: Failed to create pod sandbox: failed to get sandbox runtime: no runtime for "kata" is configured',
    );
    await lab.delete('waiting');
  });
});
