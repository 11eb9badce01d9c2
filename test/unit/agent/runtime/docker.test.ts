// What Docker is told and how its answers are read, without an engine.
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../../agent/config/load.js';
import { sandboxConfig } from '../../../../agent/kubelet/sandbox-config.js';
import type { ContainerConfig } from '../../../../agent/runtime/config.js';
import { containerOptions, sandboxOptions } from '../../../../agent/runtime/docker-create.js';
import { eventFrom } from '../../../../agent/runtime/docker-events.js';
import { containerLabels, userOf } from '../../../../agent/runtime/docker-names.js';
import { FrameReader, splitOutput } from '../../../../agent/runtime/docker-streams.js';
import { pod } from '../kubelet/fixtures.js';

const settings = readSettings({ containerLogMaxSize: '1Mi', containerLogMaxFiles: 3 });

const frame = (stream: number, text: string) => {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

describe('multiplexed output', () => {
  it('comes out the same however it is cut up', () => {
    const frames = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.string()), { maxLength: 8 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (given, cuts) => {
        const bytes = Buffer.concat(given.map(([stream, text]) => frame(stream, text)));
        const out = ['', ''];
        const parts: Buffer[][] = [[], []];
        const reader = new FrameReader((stderr, payload) => parts[stderr ? 1 : 0]!.push(Buffer.from(payload)));
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const length = cuts[cut % cuts.length]!;
          reader.push(bytes.subarray(at, at + length));
          at += length;
        }
        for (const [index, list] of parts.entries()) out[index] = Buffer.concat(list).toString();
        expect(out).toEqual(
          [1, 2].map((stream) =>
            given
              .filter(([s]) => s === stream)
              .map(([, text]) => text)
              .join(''),
          ),
        );
      }),
    );
  });

  it('holds its source back while a reader is slow, and goes on when it reads', async () => {
    const source = new PassThrough({ highWaterMark: 1 << 24 });
    const { stdout } = splitOutput(source, false);
    for (let i = 0; i < 100; i++) source.write(frame(1, 'x'.repeat(1 << 14)));
    source.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(source.isPaused()).toBe(true);
    let length = 0;
    for await (const chunk of stdout) length += (chunk as Buffer).length;
    expect(length).toBe(100 << 14);
  });
});

it('makes a sandbox without Docker networking, or on the node’s network', () => {
  const own = sandboxOptions(sandboxConfig(pod(), 2, { oomFloor: 0, clusterDomain: 'cluster.local' }), 'pause', settings);
  expect(own).toMatchObject({
    name: 'k8s_POD_web_shop_uid-1_2',
    NetworkDisabled: true,
    Hostname: 'web',
    HostConfig: { IpcMode: 'shareable' },
  });
  expect(own.Labels).toMatchObject({
    'io.kubernetes.docker.type': 'podsandbox',
    'io.kubernetes.pod.name': 'web',
    'io.kubernetes.pod.namespace': 'shop',
    'io.kubernetes.pod.uid': 'uid-1',
    'io.kubernetes.container.name': 'POD',
  });
  const host = sandboxOptions(
    sandboxConfig(pod({ hostNetwork: true }), 0, { oomFloor: 0, clusterDomain: 'cluster.local' }),
    'pause',
    settings,
  );
  expect(host.HostConfig?.NetworkMode).toBe('host');
  expect(host.NetworkDisabled).toBeUndefined();
});

it('makes a container in the namespaces of its sandbox, with what its spec allows it', () => {
  const config = {
    name: 'main',
    attempt: 3,
    image: 'sha256:1',
    hash: 'h',
    args: ['x'],
    env: ['A=1'],
    mounts: [{ hostPath: '/h', containerPath: '/c', readOnly: true, propagation: 'rslave' }],
    pidNamespace: 'pod',
    resources: { cpuShares: 10, cpuPeriod_us: 100_000, cpuQuota_us: 5_000, memory_bytes: 1024, oomScoreAdj: 7 },
    security: {
      user: '5:6',
      runsAs: { uid: 5, gid: 6, supplementalGroups: [6, 7] },
      supplementalGroups: [7],
      privileged: false,
      capAdd: ['NET_ADMIN'],
      capDrop: [],
      readOnlyRootFilesystem: true,
      noNewPrivileges: true,
      seLinuxLabels: ['level:s0'],
      seccomp: 'unconfined',
    },
    terminationMessageFile: '/m',
    terminationMessagePolicy: 'File',
  } as unknown as ContainerConfig;
  const sandbox = sandboxConfig(pod(), 0, { oomFloor: 0, clusterDomain: 'cluster.local', runtimeHandler: 'second' });
  expect(containerOptions('box', config, sandbox, settings)).toMatchObject({
    name: 'k8s_main_web_shop_uid-1_3',
    Cmd: ['x'],
    User: '5:6',
    Labels: {
      'annotation.io.kubernetes.container.hash': 'h',
      'annotation.io.kubernetes.container.restartCount': '3',
      'io.kubernetes.sandbox.id': 'box',
    },
    HostConfig: {
      NetworkMode: 'container:box',
      IpcMode: 'container:box',
      PidMode: 'container:box',
      Mounts: [{ Source: '/h', Target: '/c', ReadOnly: true, BindOptions: { Propagation: 'rslave' } }],
      CpuQuota: 5_000,
      Memory: 1024,
      MemorySwap: 1024,
      CapAdd: ['NET_ADMIN'],
      Runtime: 'second',
      GroupAdd: ['7'],
      ReadonlyRootfs: true,
      SecurityOpt: ['label=level:s0', 'seccomp=unconfined', 'no-new-privileges'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1048576', 'max-file': '3' } },
    },
  });
});

it('keeps with a container as whom it begins, for an agent that comes later', () => {
  const runsAs = { uid: 5, gid: 6, supplementalGroups: [6, 7] };
  const labels = (security: object) =>
    containerLabels(sandboxConfig(pod(), 0, { oomFloor: 0, clusterDomain: '' }), 'box', {
      ...({ name: 'main', attempt: 0 } as ContainerConfig),
      security: security as ContainerConfig['security'],
    });
  expect(userOf(labels({ runsAs }))).toEqual(runsAs);
  expect(userOf(labels({}))).toBeUndefined();
  expect(userOf({ 'annotation.porthole/user': 'nonsense' })).toBeUndefined();
});

it('reads the events of pods, and no others', () => {
  const event = (Action: string, Attributes: object) => JSON.stringify({ Action, Actor: { ID: 'c', Attributes } });
  expect(eventFrom(event('die', { 'io.kubernetes.pod.uid': 'u' }))).toEqual({ type: 'died', podUid: 'u', containerId: 'c' });
  expect(eventFrom(event('die', {}))).toBeUndefined();
  expect(eventFrom(event('exec_start: sh', { 'io.kubernetes.pod.uid': 'u' }))).toBeUndefined();
});
