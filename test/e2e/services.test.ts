// Services as their clients see them: from pods, nodes and this machine, by address and by name, while pods come and go.
import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, eventually, http, kubectl, kubectlRaw, layout, onNode, pods, readyPods, remove } from './lab.js';

const ECHO = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo, labels: {suite: services}}
spec:
  replicas: 2
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      terminationGracePeriodSeconds: 3
      containers:
      - name: echo
        image: porthole/echo:1
        imagePullPolicy: IfNotPresent
        lifecycle: {preStop: {sleep: {seconds: 1}}}
        ports: [{name: web, containerPort: 8080}]
        readinessProbe: {exec: {command: [sh, -c, 'test ! -e /tmp/unready']}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Service
metadata: {name: echo, labels: {suite: services}}
spec:
  type: NodePort
  selector: {app: echo}
  ports:
  - {name: web, port: 80, targetPort: web, nodePort: 30081}
  - {name: udp, port: 9001, protocol: UDP, nodePort: 30082}
---
apiVersion: v1
kind: Service
metadata: {name: echo-headless, labels: {suite: services}}
spec: {clusterIP: None, selector: {app: echo}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: caller, labels: {suite: services}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: 'busybox:1.36', command: [sleep, '100000']}]
`;

const cleanUp = async () => {
  await remove('deployment,service,pod', '-l', 'suite=services');
  await eventually('no echo pods', async () => (await pods('-l', 'app=echo')).length === 0);
  await eventually('no caller', async () => (await pods('-l', 'suite=services')).length === 0);
};
beforeAll(async () => {
  await cleanUp();
  await apply(ECHO);
  await readyPods('app=echo', 2);
  await kubectl('wait', '--for=condition=Ready', 'pod/caller', '--timeout=60s');
  await everyNodeAnswers();
});
afterAll(cleanUp);

const everyNodeAnswers = () =>
  Promise.all(
    layout.nodeList.map(({ address }) =>
      eventually(`echo on ${address}`, async () => (await http(`http://${address}:30081/`)).status === 200, 10),
    ),
  );

/** Which pods answered `count` requests to one node's NodePort. */
async function answerers(address: string, count: number): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) seen.add((await http(`http://${address}:30081/`)).body.trim());
  return seen;
}

const inCaller = (...command: string[]) => kubectlRaw(['exec', 'caller', '--', 'timeout', '3', ...command]);

function udpEcho(address: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => socket.close(() => reject(new Error('no answer by UDP'))), 1_000);
    socket.on('message', (message) => {
      clearTimeout(timer);
      socket.close(() => resolve(message.toString()));
    });
    socket.send('hello', port, address);
  });
}

describe('a NodePort Service', () => {
  it('spreads requests over all its pods, on each node, also one without a pod of it', async () => {
    const names = (await pods('-l', 'app=echo')).map((p) => p.metadata.name).sort();
    const withPods = new Set((await pods('-l', 'app=echo')).map((p) => p.spec.nodeName));
    expect(layout.nodeList.some((n) => !withPods.has(n.name))).toBe(true);
    for (const { address } of layout.nodeList) expect([...(await answerers(address, 30))].sort()).toEqual(names);
  });

  it('carries UDP', async () => {
    const names = (await pods('-l', 'app=echo')).map((p) => p.metadata.name);
    for (const { address } of layout.nodeList)
      expect(names).toContain((await eventually('an answer', () => udpEcho(address, 30082), 5)).trim());
  });

  it('answers on a node itself, by its address and by localhost', async () => {
    for (const host of [layout.nodeList[0]!.address, '127.0.0.1']) {
      expect(
        (await onNode('node-1', 'curl', '-s', '-m', '3', '-o', '/dev/null', '-w', '%{http_code}', `http://${host}:30081/`)).stdout,
      ).toBe('200');
    }
  });

  it('the API server reaches its pods, by themselves and through it', async () => {
    const names = (await pods('-l', 'app=echo')).map((p) => p.metadata.name);
    const proxied = (what: string) => kubectl('get', '--raw', `/api/v1/namespaces/default/${what}/proxy/`);
    expect(await proxied(`pods/${names[0]}:8080`)).toContain(names[0]);
    expect(names).toContain((await proxied('services/echo:web')).trim());
  });

  it('follows when a pod becomes unready and ready again', async () => {
    const [first, second] = (await pods('-l', 'app=echo')).map((p) => p.metadata.name);
    const address = layout.nodeList[2]!.address;
    const readiness = (name: string) => kubectl('get', 'pod', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}');
    await kubectl('exec', first!, '--', 'touch', '/tmp/unready');
    await eventually('unready', async () => (await readiness(first!)) === 'False', 10, 20);
    await eventually('only the other answers', async () => !(await answerers(address, 8)).has(first!), 5, 10);
    expect([...(await answerers(address, 20))]).toEqual([second]);
    await kubectl('exec', first!, '--', 'rm', '/tmp/unready');
    await eventually('both answer', async () => (await answerers(address, 20)).size === 2, 10);
  });

  it('while its pods roll, a client that asks 200 times a second sees no failed request', async () => {
    const failures: string[] = [];
    const pending = new Set<Promise<void>>();
    let asked = 0;
    const ask = () => {
      const url = `http://${layout.nodeList[asked++ % layout.nodeList.length]!.address}:30081/`;
      const one: Promise<void> = http(url, 10_000)
        .then(({ status }) => void (status === 200 || failures.push(`${url}: ${status}`)))
        .catch((error) => void failures.push(`${url}: ${error}`))
        .finally(() => pending.delete(one));
      pending.add(one);
    };
    const before = (await pods('-l', 'app=echo')).map((p) => p.metadata.name);
    // Every one by a connection of its own, so each meets the rules of its moment.
    const client = setInterval(ask, 5);
    try {
      await kubectl('rollout', 'restart', 'deployment/echo');
      await kubectl('rollout', 'status', 'deployment/echo', '--timeout=90s');
      await eventually('the old pods are gone', async () => !(await pods('-l', 'app=echo')).some((p) => before.includes(p.metadata.name)));
    } finally {
      clearInterval(client);
      await Promise.all(pending);
    }
    expect(asked).toBeGreaterThan(200);
    expect(failures).toEqual([]);
  });

  it('follows when pods are added and taken away, and refuses at once with none', async () => {
    await kubectl('scale', 'deployment/echo', '--replicas=3');
    await readyPods('app=echo', 3);
    await eventually('three answer', async () => (await answerers(layout.nodeList[0]!.address, 40)).size === 3, 10);
    await kubectl('scale', 'deployment/echo', '--replicas=0');
    await eventually('no pods', async () => (await pods('-l', 'app=echo')).length === 0);
    await eventually(
      'refused',
      () =>
        http(`http://${layout.nodeList[1]!.address}:30081/`).then(
          () => false,
          (e: NodeJS.ErrnoException) => e.code === 'ECONNREFUSED',
        ),
      5,
    );
    await kubectl('scale', 'deployment/echo', '--replicas=2');
    await readyPods('app=echo', 2);
    await everyNodeAnswers();
  });
});

describe('inside the cluster', () => {
  it('pods reach the cluster IP, the short and the full name, and the pods themselves', async () => {
    const names = (await pods('-l', 'app=echo')).map((p) => p.metadata.name);
    const ip = await kubectl('get', 'service', 'echo', '-o', 'jsonpath={.spec.clusterIP}');
    const podIp = (await pods('-l', 'app=echo'))[0]!.status.podIP!;
    for (const url of [`http://${ip}/`, 'http://echo/', 'http://echo.default.svc.cluster.local/', `http://${podIp}:8080/`]) {
      const answer = await eventually(url, async () => (await inCaller('wget', '-q', '-O-', url)).stdout.trim(), 5);
      expect(names).toContain(answer);
    }
  });

  it('a headless Service resolves to its pods, and a name that is none does not', async () => {
    const ips = (await pods('-l', 'app=echo')).map((p) => p.status.podIP!);
    const lookup = await inCaller('nslookup', 'echo-headless.default.svc.cluster.local');
    for (const ip of ips) expect(lookup.stdout).toContain(ip);
    expect((await inCaller('nslookup', 'nothing.default.svc.cluster.local')).code).not.toBe(0);
  });

  it('a pod reaches itself through its own Service', async () => {
    await kubectl('scale', 'deployment/echo', '--replicas=1');
    const [only] = await readyPods('app=echo', 1);
    const self = () => kubectlRaw(['exec', only!.metadata.name, '--', 'timeout', '3', 'wget', '-q', '-O-', 'http://echo/']);
    expect((await eventually('itself', async () => (await self()).stdout.trim(), 10)).toString()).toBe(only!.metadata.name);
  });

  it('pods reach the API server at kubernetes.default', async () => {
    expect((await inCaller('sh', '-c', 'echo | nc kubernetes.default 443 && echo open')).stdout).toContain('open');
  });
});
