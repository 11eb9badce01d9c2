// Faults on a running cluster: what is killed comes back, what was acknowledged is kept, what serves goes on serving.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  apply,
  childPid,
  docker,
  eventually,
  get,
  http,
  isReady,
  kubectl,
  kubectlRaw,
  layout,
  NODE_GRACE_S,
  node,
  type PodView,
  pods,
  readyPods,
  remove,
  run,
  TOLERATION_S,
} from '../e2e/lab.js';

const APP = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: steady, labels: {suite: faults}}
spec:
  replicas: 3
  selector: {matchLabels: {app: steady}}
  template:
    metadata: {labels: {app: steady}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: echo, image: 'porthole/echo:1', imagePullPolicy: IfNotPresent, readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: steady, labels: {suite: faults}}
spec: {type: NodePort, selector: {app: steady}, ports: [{port: 80, targetPort: 8080, nodePort: 30083}]}
`;

const cleanUp = async () => {
  await remove('deployment,service', '-l', 'suite=faults');
  await remove('configmap', '-l', 'suite=faults');
  await eventually('no pods of the suite', async () => (await pods('-l', 'app=steady')).length === 0);
};
beforeAll(async () => {
  await cleanUp();
  await apply(APP);
  await readyPods('app=steady', 3);
  for (const { address } of layout.nodeList) await answers(address);
});
afterAll(cleanUp);

const url = (address: string) => `http://${address}:30083/`;
const answers = (address: string) => eventually(`${address} answers`, async () => (await http(url(address))).status === 200, 10);
const identity = (all: readonly PodView[]) =>
  all.map((p) => `${p.metadata.uid} ${p.status.containerStatuses?.map((c) => `${c.containerID} ${c.restartCount}`)}`).sort();
const nodeCondition = async (name: string) =>
  (await get<{ status: { conditions: { type: string; status: string }[] } }>('node', name)).status.conditions.find(
    (c) => c.type === 'Ready',
  )!.status;
const kill9 = (pid: number) => process.kill(pid, 'SIGKILL');
const startTicks = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21];

/** Asks one node's NodePort all the time until `stop`, which tells how many requests there were and how many failed. */
function load(address: string): { stop(): Promise<{ asked: number; failed: string[] }> } {
  const failed: string[] = [];
  let asked = 0;
  let going = true;
  const loop = (async () => {
    while (going) {
      asked++;
      await http(url(address)).catch((error: Error) => failed.push(error.message));
    }
  })();
  return {
    async stop() {
      going = false;
      await loop;
      return { asked, failed };
    },
  };
}

describe('a pod of a ReplicaSet', () => {
  it('is replaced when it is deleted, and the Service does not fail meanwhile', async () => {
    const [victim] = await pods('-l', 'app=steady');
    await kubectl('delete', 'pod', victim!.metadata.name, '--wait=false');
    await eventually('another in its place', async () => {
      const now = (await pods('-l', 'app=steady')).filter(isReady);
      return now.length === 3 && now.every((p) => p.metadata.uid !== victim!.metadata.uid);
    });
  });

  it('is restarted where it is when its container is killed', async () => {
    const [victim] = await pods('-l', 'app=steady');
    await docker(victim!.spec.nodeName!, 'kill', victim!.status.containerStatuses![0]!.containerID!.replace('docker://', ''));
    await eventually('its restart', async () => {
      const now = (await pods('-l', 'app=steady')).find((p) => p.metadata.uid === victim!.metadata.uid);
      return now && isReady(now) && now.status.containerStatuses![0]!.restartCount === 1;
    });
  });
});

describe('kill -9 of the control plane', () => {
  it('loses no acknowledged write, comes back by itself, and pods serve all the while', async () => {
    const before = identity(await readyPods('app=steady', 3));
    const traffic = load(layout.nodeList[0]!.address);
    const acknowledged: string[] = [];
    let writing = true;
    const writers = Promise.all(
      [0, 1, 2].map(async (writer) => {
        for (let i = 0; writing; i++) {
          const name = `written-${writer}-${i}`;
          const manifest = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}","labels":{"suite":"faults"}}}`;
          if ((await kubectlRaw(['create', '-f', '-', '--request-timeout=2s'], manifest)).code === 0) acknowledged.push(name);
        }
      }),
    );
    await eventually('some writes', () => acknowledged.length > 5);
    kill9(childPid(layout.server.pidFile));
    await eventually(
      'it answers again',
      async () => (await kubectlRaw(['get', '--raw', '/readyz', '--request-timeout=1s'])).stdout === 'ok',
      10,
      50,
    );
    const soFar = acknowledged.length;
    await eventually('writes go on', () => acknowledged.length > soFar + 5);
    writing = false;
    await writers;
    const kept = new Set((await kubectl('get', 'configmap', '-l', 'suite=faults', '-o', 'jsonpath={.items[*].metadata.name}')).split(' '));
    expect(acknowledged.filter((name) => !kept.has(name))).toEqual([]);
    const { asked, failed } = await traffic.stop();
    expect(asked).toBeGreaterThan(50);
    expect(failed).toEqual([]);
    expect(identity(await readyPods('app=steady', 3))).toEqual(before);
  });

  it('controllers, scheduler and nodes take up their work again', async () => {
    await kubectl('scale', 'deployment/steady', '--replicas=5');
    await readyPods('app=steady', 5);
    await kubectl('scale', 'deployment/steady', '--replicas=3');
    await readyPods('app=steady', 3);
  });
});

describe('kill -9 of an agent', () => {
  it('restarts none of its containers: they are adopted, and go on serving', async () => {
    const before = identity(await readyPods('app=steady', 3));
    const { agent, name, address } = layout.nodeList[1]!;
    const containers = await docker(name, 'ps', '-q', '--no-trunc');
    const traffic = load(address);
    const old = childPid(agent.pidFile);
    kill9(old);
    const pid = await eventually('another agent', () => (childPid(agent.pidFile) !== old ? childPid(agent.pidFile) : undefined), 10);
    const ticks = startTicks(pid);
    const lease = () => kubectl('get', 'lease', '-n', 'kube-node-lease', name, '-o', 'jsonpath={.spec.renewTime}');
    const first = await lease();
    await eventually('its heartbeat', async () => (await lease()) !== first, 20);
    // A new pod on the node shows that the kubelet has synced; only then is "nothing was restarted" worth saying.
    const overrides = JSON.stringify({ spec: { nodeName: name, terminationGracePeriodSeconds: 1 } });
    await kubectl('run', 'after-agent', '--image=busybox:1.36', `--overrides=${overrides}`, '--command', '--', 'sleep', '1000');
    await kubectl('wait', '--for=condition=Ready', 'pod/after-agent', '--timeout=30s');
    await kubectl('delete', 'pod', 'after-agent');
    expect((await traffic.stop()).failed).toEqual([]);
    expect(identity(await readyPods('app=steady', 3))).toEqual(before);
    expect((await docker(name, 'ps', '-q', '--no-trunc')).split('\n').sort()).toEqual(containers.split('\n').sort());
    expect(startTicks(pid)).toBe(ticks);
  });
});

describe('a node whose link is cut', () => {
  const { name, address } = layout.nodeList[2]!;
  const link = async (state: 'up' | 'down') => {
    const { code, stderr } = await run('nsenter', [`--net=${node(name).netnsPath}`, 'ip', 'link', 'set', 'eth0', state]);
    expect([code, stderr]).toEqual([0, '']);
  };
  afterAll(() =>
    run('nsenter', [
      `--net=${node(name).netnsPath}`,
      'sh',
      '-c',
      `ip link set eth0 up; ip route show default | grep -q . || ip route add default via ${layout.gateway}`,
    ]),
  );

  it('is NotReady after the grace period, its pods are replaced elsewhere, and the other nodes go on answering', async () => {
    // The deployment spreads, so the node has a pod of it.
    const there = (await readyPods('app=steady', 3)).filter((p) => p.spec.nodeName === name);
    expect(there.length).toBeGreaterThan(0);
    const cut_ms = performance.now();
    await link('down');
    await eventually('NotReady', async () => (await nodeCondition(name)) === 'Unknown', NODE_GRACE_S + 10);
    expect(performance.now() - cut_ms).toBeGreaterThan((NODE_GRACE_S - 2) * 1000);
    expect(await kubectl('get', 'node', name)).toContain('NotReady');
    await eventually('its endpoints are gone', async () => {
      const slices = await kubectl(
        'get',
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=steady',
        '-o',
        'jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].nodeName}',
      );
      return !slices.includes(name);
    });
    for (const other of layout.nodeList.filter((n) => n.name !== name)) {
      await answers(other.address);
      const traffic = load(other.address);
      await eventually(
        'replacements',
        async () => (await pods('-l', 'app=steady')).filter((p) => isReady(p) && p.spec.nodeName !== name).length === 3,
        TOLERATION_S + 30,
      );
      expect((await traffic.stop()).failed).toEqual([]);
    }
  });

  it('is Ready again when the link is mended, and its stale pods go', async () => {
    await link('up');
    await run('nsenter', [`--net=${node(name).netnsPath}`, 'ip', 'route', 'replace', 'default', 'via', layout.gateway]);
    await eventually('Ready', async () => (await nodeCondition(name)) === 'True', 60);
    await eventually('three pods in all', async () => (await pods('-l', 'app=steady')).length === 3, 60);
    await eventually('no container of the stale pods', async () => {
      const uids = new Set((await pods('-l', 'app=steady')).map((p) => p.metadata.uid));
      const running = await docker(
        name,
        'ps',
        '--filter',
        'label=io.kubernetes.container.name=echo',
        '--format',
        '{{.Label "io.kubernetes.pod.uid"}}',
      );
      return running
        .split('\n')
        .filter(Boolean)
        .every((uid) => uids.has(uid));
    });
    expect(await kubectl('get', 'node', name, '-o', 'jsonpath={.spec.taints}')).toBe('');
    await answers(address);
  });
});
