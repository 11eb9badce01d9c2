// StatefulSets, DaemonSets and draining a node: the real kubectl on real nodes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, eventually, get, kubectl, kubectlRaw, layout, pod, pods, readyPods, remove } from './lab.js';

const cleanUp = async () => {
  await remove('statefulset,daemonset,deployment,pod,service,pdb,pvc', '-l', 'suite=sets');
  await eventually('no pods of the suite', async () => (await pods('-l', 'suite=sets')).length === 0);
  for (const { name } of layout.nodeList) await kubectl('uncordon', name);
};
beforeAll(cleanUp);
afterAll(cleanUp);

const sleeper = (extra = '') =>
  `terminationGracePeriodSeconds: 1, containers: [{name: c, image: 'busybox:1.36', command: [sleep, '10000']${extra}}]`;
const labels = (app: string) => `labels: {app: ${app}, suite: sets}`;
const workload = (kind: string, name: string, spec: string, extra = '') =>
  `apiVersion: apps/v1
kind: ${kind}
metadata: {name: ${name}, ${labels(name)}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template: {metadata: {${labels(name)}}, spec: {${spec}}}
${extra}`;
const rolledOut = (what: string) => kubectl('rollout', 'status', what, '--timeout=120s');

describe('a StatefulSet', () => {
  const inPod = (name: string, command: string) => kubectl('exec', name, '--', 'sh', '-c', command);

  it('has pods with names and volumes of their own, which a pod that comes back finds again', async () => {
    await apply(`apiVersion: v1
kind: Service
metadata: {name: db, ${labels('db')}}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 80}]}
---
${workload(
  'StatefulSet',
  'db',
  sleeper(', volumeMounts: [{name: data, mountPath: /data}]'),
  `  serviceName: db
  replicas: 2
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}
  volumeClaimTemplates:
  - metadata: {name: data, ${labels('db')}}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
`,
)}`);
    expect(await rolledOut('sts/db')).toContain('partitioned roll out complete: 2 new pods have been updated');
    expect(await inPod('db-1', 'hostname; echo kept > /data/file')).toBe('db-1\n');
    const before = await pod('db-1');
    await kubectl('delete', 'pod', 'db-1');
    await eventually('it is back', async () => (await pod('db-1')).metadata.uid !== before.metadata.uid);
    await rolledOut('sts/db');
    expect(await inPod('db-1', 'cat /data/file')).toBe('kept\n');
    expect((await pod('db-1')).spec.nodeName).toBe(before.spec.nodeName);
    expect(await kubectl('get', 'pvc', '-l', 'app=db', '-o', 'name')).toBe(
      'persistentvolumeclaim/data-db-0\npersistentvolumeclaim/data-db-1\n',
    );
  });

  it('is updated, undone, scaled and gone with its claims', async () => {
    await kubectl('set', 'env', 'sts/db', 'A=1');
    await rolledOut('sts/db');
    expect(await inPod('db-0', 'echo $A')).toBe('1\n');
    expect(await kubectl('rollout', 'history', 'sts/db')).toMatch(/\n1 .*\n2 /);
    await kubectl('rollout', 'undo', 'sts/db');
    await rolledOut('sts/db');
    expect(await inPod('db-0', 'echo $A')).toBe('\n');
    await kubectl('scale', 'sts/db', '--replicas=1');
    await readyPods('app=db', 1);
    await kubectl('delete', 'sts', 'db');
    await eventually('its claims are gone', async () => (await get<{ items: unknown[] }>('pvc', '-l', 'app=db')).items.length === 0);
  });
});

describe('a DaemonSet, and a node that is drained', () => {
  const [, , last] = layout.nodeList;
  const onLast = async (app: string) => (await pods('-l', `app=${app}`)).filter(({ spec }) => spec.nodeName === last!.name);

  it('runs on every node, and is updated and restarted', async () => {
    await apply(workload('DaemonSet', 'agent', sleeper()));
    expect(await rolledOut('ds/agent')).toContain('daemon set "agent" successfully rolled out');
    const all = await readyPods('app=agent', 3);
    expect(all.map(({ spec }) => spec.nodeName).sort()).toEqual(layout.nodeList.map(({ name }) => name));
    await kubectl('rollout', 'restart', 'ds/agent');
    await rolledOut('ds/agent');
    expect(await kubectl('get', 'ds', 'agent', '--no-headers')).toMatch(/^agent +3 +3 +3 +3 +3 +<none>/);
  });

  it('is left alone by drain, which takes the rest as far as told to and as budgets allow', async () => {
    const there = `nodeSelector: {kubernetes.io/hostname: ${last!.name}}`;
    await apply(`${workload('Deployment', 'web', sleeper())}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, ${labels('web')}}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, ${labels('bare')}}
spec: {${there}, volumes: [{name: v, emptyDir: {}}], ${sleeper()}}
`);
    await kubectl('scale', 'deployment/web', '--replicas=4');
    await rolledOut('deployment/web');
    await kubectl('wait', '--for=condition=Ready', 'pod/bare', '--timeout=60s');
    const refused = (await kubectlRaw(['drain', last!.name])).stderr;
    // Of each pod kubectl tells the first reason only.
    for (const word of ['DaemonSet-managed Pods', 'default/agent-', 'local storage', 'default/bare']) expect(refused).toContain(word);
    const flags = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', '--grace-period=1', '--timeout=90s'];
    await kubectl('patch', 'pdb', 'web', '-p', '{"spec":{"minAvailable":4}}');
    await eventually('nothing may go', async () => (await kubectl('get', 'pdb', 'web', '--no-headers')).match(/^web +4 +N\/A +0 /));
    const held = await kubectlRaw(['drain', last!.name, ...flags.slice(0, -1), '--timeout=8s']);
    expect(held.stderr + held.stdout).toContain("Cannot evict pod as it would violate the pod's disruption budget.");
    expect((await onLast('web')).length).toBeGreaterThan(0);
    await kubectl('patch', 'pdb', 'web', '-p', '{"spec":{"minAvailable":1}}');
    expect(await kubectl('drain', last!.name, ...flags)).toContain(`node/${last!.name} drained`);
    expect([await onLast('web'), await onLast('bare'), (await onLast('agent')).length]).toEqual([[], [], 1]);
    expect(await kubectl('get', 'node', last!.name, '--no-headers')).toContain('SchedulingDisabled');
    await kubectl('uncordon', last!.name);
    await readyPods('app=web', 4);
  });
});
