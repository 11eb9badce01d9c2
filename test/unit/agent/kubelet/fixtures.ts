// Pods and containers for tests of the kubelet's pure parts: what matters is said, the rest filled in.
import { containerHash } from '../../../../agent/kubelet/container-hash.js';
import type { PodSandbox, RuntimeContainer, RuntimePod } from '../../../../agent/runtime/runtime.js';
import type { Container, Pod, PodSpec, PodStatus } from '../../../../src/kinds/types/core_v1.js';

export const T0_MS = Date.parse('2026-01-01T00:00:00Z');

export const container = (name: string, extra: Partial<Container> = {}): Container => ({
  name,
  image: 'busybox:1.36',
  resources: {},
  ...extra,
});

export function pod(spec: Partial<PodSpec> = {}, status: PodStatus = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'uid-1',
      resourceVersion: '7',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { containers: [container('main')], restartPolicy: 'Always', ...spec },
    status,
  };
}

export const sandbox = (extra: Partial<PodSandbox> = {}): PodSandbox => ({
  id: 'box',
  attempt: 0,
  ready: true,
  createdAt_ms: T0_MS,
  ips: ['10.244.1.5'],
  ...extra,
});

let runs = 0;

/** A run of a container; of a pod's later runs, the higher attempt is the newer. */
export function run(name: string, state: RuntimeContainer['state'], extra: Partial<RuntimeContainer> = {}): RuntimeContainer {
  return {
    id: `${name}-${++runs}`,
    name,
    sandboxId: 'box',
    attempt: 0,
    hash: containerHash(container(name)),
    state,
    image: 'sha256:abc',
    createdAt_ms: T0_MS + (extra.attempt ?? 0) * 1000,
    startedAt_ms: T0_MS + 1000,
    finishedAt_ms: state === 'exited' ? T0_MS + 5000 : 0,
    exitCode: 0,
    oomKilled: false,
    tty: false,
    stdin: false,
    stdinOnce: false,
    terminationMessageFile: '',
    terminationMessagePolicy: 'File',
    resources: { cpuShares: 2, cpuPeriod_us: 100_000 },
    ...extra,
  };
}

export const observed = (sandboxes: readonly PodSandbox[], ...containers: readonly RuntimeContainer[]): RuntimePod => ({
  sandboxes,
  containers: [...containers].sort((a, b) => b.createdAt_ms - a.createdAt_ms),
});
