// kubectl's verbs for what runs, on nodes where pods run by declaration: deployments and their rollouts, Services, nodes.
import { expect } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { addNode } from '../../suites/declared-nodes.js';
import { until } from '../../suites/until.js';
import { type KubectlSession, kubectlVerbs } from './kubectl-verbs.js';

const verb = kubectlVerbs();

async function deployment(k: KubectlSession, replicas = 1): Promise<void> {
  await k.ok(`create deployment d --image=nginx:1 --replicas=${replicas} --port=80`);
  expect(await k.ok('rollout status deployment/d')).toMatch(/successfully rolled out\n$/);
}
const image = '.spec.template.spec.containers[0].image';

/** The StatefulSet s of two pods and the DaemonSet a, rolled out. */
async function sets(k: KubectlSession): Promise<void> {
  const make = (kind: string, name: string, spec: object) => {
    const labels = { app: name };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } };
    return { apiVersion: 'apps/v1', kind, metadata: { name }, spec: { selector: { matchLabels: labels }, template, ...spec } };
  };
  const items = [make('StatefulSet', 's', { serviceName: 's', replicas: 2 }), make('DaemonSet', 'a', {})];
  await k.ok('apply -f -', JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  await setsRolledOut(k);
}

async function setsRolledOut(k: KubectlSession): Promise<void> {
  expect(await k.ok('rollout status sts/s')).toMatch(/partitioned roll out complete: 2 new pods have been updated\.\.\.\n$/);
  expect(await k.ok('rollout status ds/a')).toContain('daemon set "a" successfully rolled out');
}

verb('run', async (k) => {
  expect(await k.ok('run web --image=nginx --labels=a=b --env=K=V --port=80 --expose')).toBe('service/web created\npod/web created\n');
  const { metadata, spec } = await k.json('get pod web');
  expect(metadata.labels).toEqual({ a: 'b' });
  expect(spec.containers).toMatchObject([
    { name: 'web', image: 'nginx', env: [{ name: 'K', value: 'V' }], ports: [{ containerPort: 80 }] },
  ]);
  expect(await k.get('svc/web', '.spec.selector.a')).toBe('b');
});

verb('scale', async (k) => {
  await deployment(k);
  expect(await k.ok('scale deployment/d --replicas=3 --current-replicas=1')).toBe('deployment.apps/d scaled\n');
  await k.ok('rollout status deployment/d');
  expect(await k.ok('get deployment d --no-headers')).toMatch(/^d +3\/3 /);
  expect(await k.fails('scale deployment/d --replicas=1 --current-replicas=9')).toContain('Expected replicas to be 9, was 3');
  await sets(k);
  expect(await k.ok('scale sts/s --replicas=1')).toBe('statefulset.apps/s scaled\n');
  await until('the last is gone', async () => (await k.ok('get pods -l app=s -o name')) === 'pod/s-0\n');
});

verb('autoscale', async (k) => {
  await deployment(k);
  expect(await k.ok('autoscale deployment d --min=1 --max=5 --cpu-percent=80')).toContain('autoscaled');
  const isSeen = /^d +Deployment\/d +.*<unknown>\/80% +1 +5 +1 /;
  await until('its replicas are seen', async () => isSeen.test(await k.ok('get hpa d --no-headers')));
  // These nodes have no kubelets to say what pods use.
  await until('what is missing is told of', async () => (await k.ok('describe hpa d')).includes('FailedGetResourceMetric'));
});

verb('set image', async (k) => {
  await deployment(k);
  await k.ok('set image deployment/d nginx=nginx:2');
  expect(await k.get('deployment/d', image)).toBe('nginx:2');
});

verb('set env', async (k) => {
  await deployment(k);
  await k.ok('create configmap c --from-literal=KEY=value');
  await k.ok('set env deployment/d A=1 --containers=*');
  await k.ok('set env deployment/d --from=configmap/c');
  expect(await k.ok('set env deployment/d --list')).toMatch(/A=1\n# KEY from configmap c, key KEY/);
  await k.ok('set env deployment/d A-');
  expect(await k.get('deployment/d', '.spec.template.spec.containers[0].env[*].name')).toBe('KEY');
});

verb('set resources', async (k) => {
  await deployment(k);
  await k.ok('set resources deployment d --limits=cpu=200m,memory=64Mi --requests=cpu=0.1');
  expect((await k.json('get deployment d')).spec.template.spec.containers[0].resources).toEqual({
    limits: { cpu: '200m', memory: '64Mi' },
    requests: { cpu: '100m' },
  });
});

verb('set selector', async (k) => {
  await k.ok('create service clusterip s --tcp=80');
  await k.ok('set selector service s app=other');
  expect((await k.json('get svc s')).spec.selector).toEqual({ app: 'other' });
});

verb('set serviceaccount', async (k) => {
  await deployment(k);
  await k.ok('create serviceaccount robot');
  await k.ok('set serviceaccount deployment d robot');
  expect(await k.get('deployment/d', '.spec.template.spec.serviceAccountName')).toBe('robot');
});

verb('set subject', async (k) => {
  await k.ok('create rolebinding b --clusterrole=view --user=jane');
  await k.ok('set subject rolebinding b --group=staff');
  expect(await k.get('rolebinding/b', '.subjects[*].name')).toBe('jane staff');
});

verb('rollout status', async (k) => {
  await deployment(k, 2);
  await k.ok('set image deployment/d nginx=nginx:2');
  expect(await k.ok('rollout status deployment/d --timeout=20s')).toContain('deployment "d" successfully rolled out');
  await sets(k);
  expect(await k.ok('get pods -l app=s -o name')).toBe('pod/s-0\npod/s-1\n');
  expect(await k.ok('get sts s --no-headers')).toMatch(/^s +2\/2 /);
  expect(await k.ok('get ds a --no-headers')).toMatch(/^a +2 +2 +2 +2 +2 +<none>/);
});

verb('rollout history, undo', async (k) => {
  await deployment(k);
  await k.ok('set image deployment/d nginx=nginx:2');
  await k.ok('rollout status deployment/d');
  expect(await k.ok('rollout history deployment/d')).toMatch(/REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>\n/);
  expect(await k.ok('rollout history deployment/d --revision=1')).toMatch(/Image:\s+nginx:1/);
  await k.ok('rollout undo deployment/d');
  expect(await k.get('deployment/d', image)).toBe('nginx:1');
  expect(await k.fails('rollout undo deployment/d --to-revision=7')).toContain('unable to find specified revision 7 in history');
  await sets(k);
  for (const set of ['sts/s', 'ds/a']) {
    await k.ok(`set image ${set} c=nginx:2`);
    await k.ok(`rollout status ${set}`);
    expect(await k.ok(`rollout history ${set}`)).toMatch(/REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>\n/);
    expect(await k.ok(`rollout history ${set} --revision=1`)).toMatch(/Image:\s+nginx:1/);
    await k.ok(`rollout undo ${set}`);
    expect(await k.get(set, image)).toBe('nginx:1');
    await k.ok(`rollout status ${set}`);
    expect(await k.ok(`rollout history ${set}`)).toMatch(/\n2 +<none>\n3 +<none>\n/);
  }
});

verb('rollout pause, resume', async (k) => {
  await deployment(k);
  await k.ok('rollout pause deployment/d');
  expect(await k.get('deployment/d', '.spec.paused')).toBe('true');
  await k.ok('rollout resume deployment/d');
  expect(await k.get('deployment/d', '.spec.paused')).toBe('');
  expect(await k.fails('rollout resume deployment/d')).toContain('is not paused');
});

verb('rollout restart', async (k) => {
  await deployment(k);
  await k.ok('rollout restart deployment/d');
  expect(await k.ok('rollout status deployment/d')).toContain('successfully rolled out');
  expect(await k.ok('get rs -l app=d -o name')).toMatch(/^(replicaset\.apps\/d-\w+\n){2}$/);
  await sets(k);
  await k.ok('rollout restart sts/s ds/a');
  await setsRolledOut(k);
});

verb('expose', async (k) => {
  await deployment(k, 2);
  await k.ok('expose deployment d --port=80 --target-port=8080 --type=NodePort --name=web');
  const { spec } = await k.json('get svc web');
  expect(spec).toMatchObject({ type: 'NodePort', selector: { app: 'd' }, ports: [{ port: 80, targetPort: 8080 }] });
  const addresses = async () => (await k.get('endpoints/web', '.subsets[0].addresses[*].ip')).split(' ');
  await until('it has its endpoints', async () => (await addresses()).length === 2);
  expect(await k.ok('get endpointslices -l kubernetes.io/service-name=web --no-headers')).toMatch(/^web-\w+ +IPv4 +8080 +10\./);
});

verb('delete', async (k) => {
  await deployment(k, 2);
  expect(await k.ok('delete pods --all --dry-run=server')).toMatch(/(pod "d-\S+" deleted.*\n){2}/);
  expect((await k.json('get pods')).items).toHaveLength(2);
  expect(await k.ok('delete deployment d --cascade=orphan')).toMatch(/^deployment.apps "d" deleted/);
  expect(await k.ok('get rs -o name')).toMatch(/^replicaset\.apps\/d-\w+\n$/);
  await k.ok('delete rs -l app=d --cascade=foreground');
  expect((await k.run('get pods')).stderr).toMatch(/^No resources found/);
  expect(await k.ok('delete pod nobody --ignore-not-found')).toBe('');
  expect(await k.fails('delete pod nobody')).toBe('Error from server (NotFound): pods "nobody" not found\n');
  await k.ok('run a --image=nginx');
  await k.ok('run b --image=nginx');
  await k.ok('delete pod a --now');
  await k.ok('delete pod --field-selector metadata.name=b --grace-period=0 --force');
  expect(await k.ok('get pods -o name')).toBe('');
  await k.ok(`delete namespace ${k.namespace} --wait=false`);
  await until('the namespace is gone', async () => (await k.run(`get ns ${k.namespace}`)).code !== 0);
});

verb('cordon, uncordon', async (k) => {
  const node = await addedNode(k);
  expect(await k.ok(`cordon ${node}`)).toBe(`node/${node} cordoned\n`);
  expect(await k.ok(`get node ${node} --no-headers`)).toContain('Ready,SchedulingDisabled');
  expect(await k.ok(`uncordon ${node}`)).toBe(`node/${node} uncordoned\n`);
  expect(await k.get(`node/${node}`, '.spec.unschedulable')).toBe('');
});

verb('drain', async (k) => {
  const node = await addedNode(k);
  const tolerations = [{ key: 'own', operator: 'Exists', effect: 'NoSchedule' }];
  const overrides = JSON.stringify({ spec: { nodeSelector: { 'kubernetes.io/hostname': node }, tolerations } });
  await k.ok(['run', 'bare', '--image=nginx', `--overrides=${overrides}`]);
  await k.ok('wait --for=condition=Ready pod/bare');
  expect(await k.fails(`drain ${node} --timeout=20s`)).toMatch(/cannot delete .*Pods/);
  expect(await k.ok(`drain ${node} --force --timeout=20s`)).toMatch(/pod\/bare evicted\nnode\/\S+ (evicted|drained)\n$/);
  expect(await k.ok('get pods -o name')).toBe('');
});

verb('taint', async (k) => {
  const node = await addedNode(k);
  expect(await k.ok(`taint node ${node} key=value:NoExecute other:NoSchedule`)).toBe(`node/${node} tainted\n`);
  expect(await k.get(`node/${node}`, '.spec.taints[*].key')).toMatch(/key other/);
  expect(await k.ok(`taint node ${node} key- other:NoSchedule-`)).toBe(`node/${node} untainted\n`);
});

/** A node of the test's own, with a taint that keeps other tests' pods away. */
async function addedNode({ namespace, cluster: { client } }: KubectlSession): Promise<string> {
  const name = `node-${namespace}`;
  await addNode(client, name, systemClock, [{ key: 'own', value: namespace, effect: 'NoSchedule' }]);
  await until('it takes pods', async () => (await client.get(nodes, { name })).spec.taints?.length === 1);
  return name;
}

verb('debug', async (k) => {
  await k.ok('run web --image=nginx');
  await k.ok('wait --for=condition=Ready pod/web');
  // The oldest has it, and asks for it in a form that Kubernetes has not had since 1.22.
  const container = 'debug web --image=busybox --container=tools --target=web';
  if (k.minor < 21) {
    expect(await k.fails(`alpha ${container}`)).not.toBe('');
    return 'refused';
  }
  await k.ok(`${container} --attach=false -- sleep 1`);
  expect(await k.get('pod/web', '.spec.ephemeralContainers[*].name')).toBe('tools');
  await k.ok('debug web --image=busybox --copy-to=copy --attach=false -- sleep 1');
  expect(await k.get('pod/copy', '.spec.containers[*].image')).toBe('nginx busybox');
});
