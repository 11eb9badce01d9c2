// Network policies with kubectl on three nodes, and `porthole why` over each way in which a learner breaks a Service: it names the cause.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Proxyz } from '../../src/client/proxyz.js';
import { apply, eventually, kubectl, kubectlRaw, layout, onNode, run } from './lab.js';

const NS = 'why';
const THINGS = `
apiVersion: v1
kind: Namespace
metadata: {name: ${NS}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ${NS}, labels: {app: web}}
spec:
  nodeName: node-2
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: porthole/echo:1
    imagePullPolicy: IfNotPresent
    ports: [{name: http, containerPort: 8080}]
    readinessProbe: {exec: {command: [sh, -c, 'test ! -e /tmp/unready']}, periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: ${NS}, labels: {app: client}}
spec:
  nodeName: node-1
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: 'busybox:1.36', command: [sleep, '100000']}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ${NS}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
`;

interface Said {
  readonly code: number;
  readonly text: string;
}

async function why(...args: string[]): Promise<Said> {
  const { code, stdout, stderr } = await run('bin/porthole', ['why', 'service/web', '-n', NS, '--kubeconfig', layout.kubeconfig, ...args]);
  return { code, text: stdout + stderr };
}

/** Asked from the pod until it says so: rules and endpoints follow within a moment. */
const saysWithin = (pattern: RegExp) =>
  eventually(
    `porthole why says ${pattern}`,
    async () => {
      const said = await why('--from', 'pod/client');
      if (!pattern.test(said.text)) throw new Error(said.text);
      return said;
    },
    30,
  );

/** Keeps what was said where whoever writes docs/why-service.md asks for it. */
function keep(name: string, { text }: Said): void {
  const folder = process.env['PORTHOLE_WHY_EXAMPLES'];
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.txt`), text);
}

const get = async () => (await kubectlRaw(['exec', '-n', NS, 'client', '--', 'timeout', '4', 'wget', '-qO-', 'http://web'])).stdout.trim();
const patch = (patch: object) => kubectl('patch', 'service', 'web', '-n', NS, '--type', 'merge', '-p', JSON.stringify(patch));
const policy = (name: string, spec: object) =>
  apply(JSON.stringify({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: NS }, spec }));
const works = () => eventually('the Service answers', async () => (await get()) !== '', 60);
const isWell = async () => {
  await works();
  await saysWithin(/Nothing stands in the way/);
};

beforeAll(async () => {
  await apply(THINGS);
  await kubectl('wait', '-n', NS, '--for=condition=Ready', 'pod/web', 'pod/client', '--timeout=90s');
  await isWell();
});
afterAll(async () => {
  await kubectl('delete', 'namespace', NS, '--wait=true', '--timeout=60s');
});

describe('network policies on a cluster', () => {
  it('deny, allow again by labels, and hold for a pod from its first packet on', async () => {
    await policy('deny', { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] });
    await eventually('denied', async () => (await get()) === '', 30);
    const denied = await saysWithin(/FAIL {2}policy .*node-2 drops it: policy why\/deny: no ingress rule allows it/);
    expect(denied.code).toBe(1);
    expect(denied.text).toContain('labels app=client');
    keep('policy', denied);
    await policy('allow', {
      podSelector: { matchLabels: { app: 'web' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }],
    });
    await works();
    await saysWithin(/ok {4}policy .*policy why\/allow ingress rule 1: from pod why\/client/);
    await kubectl('delete', 'networkpolicy', '-n', NS, 'deny', 'allow');
    await isWell();
  });

  it('deny egress, and DNS with it', async () => {
    await policy('closed', { podSelector: { matchLabels: { app: 'client' } }, policyTypes: ['Egress'] });
    await eventually('denied', async () => (await get()) === '', 30);
    await saysWithin(/FAIL {2}DNS .*may not ask 10\.96\.0\.10: policy why\/closed: no egress rule allows it/);
    const dns = {
      to: [{ namespaceSelector: {}, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
      ports: [{ port: 53, protocol: 'UDP' }],
    };
    await policy('dns', { podSelector: {}, policyTypes: ['Egress'], egress: [dns] });
    await saysWithin(/FAIL {2}policy .*node-1 drops it: policies why\/closed, why\/dns: no egress rule allows it/);
    await policy('dns', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [dns, { to: [{ podSelector: { matchLabels: { app: 'web' } } }] }],
    });
    await works();
    await kubectl('delete', 'networkpolicy', '-n', NS, 'closed', 'dns');
    await isWell();
  });

  it('a new pod runs nothing before the policies hold for it', async () => {
    await policy('sealed', { podSelector: { matchLabels: { app: 'sealed' } }, policyTypes: ['Egress'] });
    const web = await kubectl('get', 'pod', 'web', '-n', NS, '-o', 'jsonpath={.status.podIP}');
    const command = ['sh', '-c', `timeout 3 wget -qO- http://${web}:8080 && echo GOT OUT; echo END; sleep 100000`];
    const spec = { nodeName: 'node-3', terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'busybox:1.36', command }] };
    await apply(
      JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'sealed', namespace: NS, labels: { app: 'sealed' } }, spec }),
    );
    const said = await eventually('it has tried', async () => {
      const { stdout } = await kubectlRaw(['logs', '-n', NS, 'sealed']);
      return stdout.includes('END') ? stdout : undefined;
    });
    expect(said).not.toContain('GOT OUT');
    await kubectl('delete', 'networkpolicy', '-n', NS, 'sealed');
  });
});

describe('porthole why', () => {
  it('shows each node and a whole way, as text and as data', async () => {
    const said = await why('--from', 'pod/client');
    expect(said.code).toBe(0);
    for (const node of ['node-1', 'node-2', 'node-3']) expect(said.text).toContain(`Node ${node} (iptables `);
    expect(said.text).toMatch(/nat +KUBE-SERVICES +\d+ +\d+ +-d \S+ -p tcp -m tcp --dport 80 +KUBE-SVC-\w+ +cluster IP/);
    expect(said.text).toMatch(/pod why\/web, ready/);
    expect(said.text).toMatch(/ok {4}route +node-1: 10\.244\.\d+\.0\/24 via \S+ dev \S+/);
    keep('healthy', said);
    const fromNode = await why('--from', 'node/node-3', '--node', 'node-3');
    expect([fromNode.code, fromNode.text]).toEqual([0, expect.stringMatching(/From node node-3 to web[\s\S]*Nothing stands in the way/)]);
    const fromOutside = await why('--from', 'outside', '--node', 'node-3');
    expect([fromOutside.code, fromOutside.text]).toEqual([1, expect.stringContaining('no node port and no external address')]);
    const data = JSON.parse((await why('--node', 'node-3', '-o', 'json')).text);
    expect(data.nodes.map((one: { node: string }) => one.node)).toEqual(['node-3']);
    expect(data.nodes[0].table.services[0]).toMatchObject({ namespace: NS, name: 'web' });
  });

  it('is refused to who may not ask nodes, and says what is not there', async () => {
    const one = `/api/v1/nodes/node-1/proxy/proxyz?service=${NS}/web`;
    const answer = JSON.parse(await kubectl('get', '--raw', one)) as Proxyz;
    expect(answer).toMatchObject({ node: 'node-1', differences: [], problems: [] });
    const { stderr } = await kubectlRaw(['get', '--raw', one, '--as', 'jane']);
    expect(stderr).toMatch(/forbidden/i);
    const absent = await run('bin/porthole', ['why', 'service/wbe', '-n', NS, '--kubeconfig', layout.kubeconfig]);
    expect([absent.code, absent.stderr]).toEqual([2, 'porthole why: services "wbe" not found\n']);
  });

  it('a selector that finds nobody: names the pods with nearly the same labels', async () => {
    await patch({ spec: { selector: { app: 'wbe' } } });
    await saysWithin(/FAIL {2}endpoints +no pod in why has the labels app=wbe \(.*web has app=web/);
    await patch({ spec: { selector: { app: 'web' } } });
    await isWell();
  });

  it('a targetPort that nothing listens on, by number and by name', async () => {
    await patch({ spec: { ports: [{ port: 80, targetPort: 8081 }] } });
    await saysWithin(/FAIL {2}endpoint .*nothing listens on port 8081 of pod why\/web; its containers name port 8080/);
    await patch({ spec: { ports: [{ port: 80, targetPort: 'htpp' }] } });
    await saysWithin(/FAIL {2}endpoints +no container of pod web has a port called htpp; it has http:8080/);
    await patch({ spec: { ports: [{ port: 80, targetPort: 'http' }] } });
    await isWell();
  });

  it('a pod that is not ready', async () => {
    await kubectl('exec', '-n', NS, 'web', '--', 'touch', '/tmp/unready');
    const said = await saysWithin(
      /FAIL {2}endpoints +the selector finds 1 pods, none of them ready: web \(container web runs, and its readiness probe/,
    );
    expect(said.text).toContain('pod why/web, not ready');
    keep('not-ready', said);
    await kubectl('exec', '-n', NS, 'web', '--', 'rm', '/tmp/unready');
    await isWell();
  });

  it('rules that somebody flushed', async () => {
    const { stdout } = await onNode('node-1', 'iptables-save', '-t', 'nat');
    const chain = /-A (KUBE-SVC-\w+) .*why\/web -> /.exec(stdout)![1]!;
    const pattern = new RegExp(`FAIL {2}DNAT +node-1: 2 rules are not what they should be; missing in nat ${chain}`);
    // Put back by the agent within seconds: flushed until it has been seen.
    const said = await eventually(
      'the missing rules are named',
      async () => {
        await onNode('node-1', 'iptables', '-w', '5', '-t', 'nat', '-F', chain);
        const now = await why('--from', 'pod/client');
        if (!pattern.test(now.text)) throw new Error(now.text);
        return now;
      },
      60,
    );
    expect(said.text).toContain('MISSING');
    keep('flushed', said);
    await isWell();
  });

  it('a route that is not there', async () => {
    const cidr = await kubectl('get', 'node', 'node-2', '-o', 'jsonpath={.spec.podCIDR}');
    const { stdout: route } = await onNode('node-1', 'ip', 'route', 'show', cidr);
    // Put back by the agent within seconds: taken away until it has been seen.
    await eventually(
      'the missing route is named',
      async () => {
        await onNode('node-1', 'ip', 'route', 'del', cidr);
        return /FAIL {2}route +node-1 has no route to the pods of node-2/.test((await why('--from', 'pod/client')).text);
      },
      30,
    );
    await eventually('the agent has put it back', async () => (await onNode('node-1', 'ip', 'route', 'show', cidr)).stdout === route, 20);
    await isWell();
  });
});
