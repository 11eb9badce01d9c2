// kubectl's ways of looking: get in every form, describe, explain, events, and what there is to ask the server about itself.
import { get } from 'node:http';
import { expect } from 'vitest';
import { events } from '../../../src/kinds/core/event.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { until } from '../../suites/until.js';
import { type KubectlSession, kubectlVerbs } from './kubectl-verbs.js';

const verb = kubectlVerbs();

const pod = (name: string, labels: object = { app: 'web' }) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels },
  spec: { containers: [{ name: 'main', image: 'nginx:1' }] },
});
const list = (...items: object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

async function threePods(k: KubectlSession): Promise<void> {
  await k.ok('create -f -', list(pod('one'), pod('two', { app: 'db', tier: 'back' }), pod('three')));
  const running = async () => (await k.cluster.client.list(pods, k)).items.every(({ status }) => status.phase === 'Running');
  await until('they run', running);
}

verb('get', async (k) => {
  await threePods(k);
  const table = (await k.ok('get pods')).split('\n');
  expect(table[0]).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE$/);
  expect(table[1]).toMatch(/^one +1\/1 +Running +0 +\d+s$/);
  expect(await k.ok('get pods -o wide')).toMatch(/NODE +NOMINATED NODE +READINESS GATES\n.* node-\d +<none> +<none>\n/);
  expect(await k.ok('get pods,sa -o name')).toMatch(/^pod\/one\npod\/three\npod\/two\nserviceaccount\/default\n/);
  expect(await k.ok('get pods -o jsonpath={.items[*].metadata.name}')).toBe('one three two');
  expect(await k.ok('get pods -o custom-columns=N:.metadata.name,I:.spec.containers[*].image')).toBe(
    'N       I\none     nginx:1\nthree   nginx:1\ntwo     nginx:1\n',
  );
  expect(await k.ok('get pods --sort-by={.metadata.labels.app} -o name')).toMatch(/^pod\/two\n/);
  expect(await k.ok('get pod one -o yaml')).toMatch(/^apiVersion: v1\nkind: Pod\n/);
  expect((await k.json('get pods')).items).toHaveLength(3);
  expect(await k.fails('get pod four')).toBe('Error from server (NotFound): pods "four" not found\n');
  expect(await k.fails('get things')).toBe('error: the server doesn\'t have a resource type "things"\n');
});

verb('get -l', async (k) => {
  await threePods(k);
  expect(await k.ok('get pods -l app=web -o name')).toBe('pod/one\npod/three\n');
  expect(await k.ok(['get', 'pods', '-l', 'app in (db, none),tier', '-L', 'tier', '--no-headers'])).toMatch(/^two .* back\n$/);
  expect(await k.ok('get pods -l app!=web -o name')).toBe('pod/two\n');
  expect(await k.fails(['get', 'pods', '-l', 'app in web'])).toContain('unable to parse requirement');
});

verb('get --field-selector', async (k) => {
  await threePods(k);
  expect(await k.ok('get pods --field-selector metadata.name=two,status.phase=Running -o name')).toBe('pod/two\n');
  expect(await k.ok('get pods --field-selector spec.nodeName=nowhere -o name')).toBe('');
  expect(await k.fails('get pods --field-selector spec.nothing=x')).toContain('field label not supported: spec.nothing');
});

verb('get --chunk-size', async (k) => {
  await threePods(k);
  const { stdout, stderr } = await k.run('get pods --chunk-size=1 -o name -v=6');
  expect(stdout).toBe('pod/one\npod/three\npod/two\n');
  expect(stderr.match(/continue=/g)).toHaveLength(2);
});

verb('get -w', async (k) => {
  await k.ok('create cm w --from-literal=key=first');
  await k.during('get cm -w -o custom-columns=N:.metadata.name,D:.data.key', async (output) => {
    await until('the object is shown', () => output().includes('first'));
    await k.ok(['patch', 'cm', 'w', '-p', '{"data":{"key":"second"}}']);
    await until('its change is shown', () => output().includes('second'));
  });
  await k.during('get cm --watch-only --output-watch-events', async (output) => {
    // A watch that is not open yet misses what is made before.
    await until('a new object is shown', async () => {
      await k.run(['patch', 'cm', 'w', '-p', `{"data":{"key":"${Math.random()}"}}`]);
      return output().includes('MODIFIED');
    });
    await k.ok('delete cm w');
    await until('its end is shown', () => /DELETED +w /.test(output()));
  });
});

verb(
  'get --subresource',
  async (k) => {
    await k.ok('create deployment d --image=nginx --replicas=2');
    expect(await k.ok('get deployment d --subresource=scale -o jsonpath={.kind}:{.spec.replicas}')).toBe('Scale:2');
    expect(await k.ok('get deployment d --subresource=status --no-headers')).toMatch(/^d /);
  },
  '1.29',
);

verb('get --raw', async (k) => {
  expect(await k.ok('get --raw /readyz')).toBe('ok');
  expect(await k.ok('get --raw /livez?verbose')).toContain('[+]ping ok');
  expect(JSON.parse(await k.ok(`get --raw /api/v1/namespaces/${k.namespace}`)).kind).toBe('Namespace');
  expect(await k.ok('get --raw /metrics')).toContain('apiserver_request_total{');
  expect(await k.fails('get --raw /nothing')).toContain('the server could not find the requested resource');
});

verb('describe', async (k) => {
  await threePods(k);
  expect(await k.ok('describe pod one')).toMatch(
    /^Name: +one\n[\s\S]*Labels: +app=web\n[\s\S]*Status: +Running\n[\s\S]*Image: +nginx:1\n[\s\S]*Events:[\s\S]*Scheduled[\s\S]*default-scheduler/,
  );
  expect(await k.ok('describe node node-1')).toMatch(/Non-terminated Pods: +\(\d+ in total\)/);
  expect(await k.ok(`describe ns ${k.namespace}`)).toMatch(/Status: +Active/);
  await k.ok('create deployment d --image=nginx');
  await k.ok('rollout status deployment/d');
  expect(await k.ok('describe deployment d')).toMatch(/NewReplicaSet: +d-\w+ \(1\/1 replicas created\)/);
  await k.ok('expose deployment d --port=80');
  await until('the Service has its endpoint', async () => /Endpoints: +10\.\S+:80/.test(await k.ok('describe svc d')));
  expect(await k.fails('describe pod four')).toContain('pods "four" not found');
});

verb('explain', async (k) => {
  expect(await k.ok('explain pod.spec.containers.image')).toMatch(/KIND: +Pod[\s\S]*FIELD: +image <string>/);
  expect(await k.ok('explain deployment.spec.strategy')).toMatch(/rollingUpdate\s+<(RollingUpdateDeployment|Object)>/);
  expect(await k.ok('explain --recursive service.spec')).toMatch(/nodePort\s+<integer>/);
  expect(await k.fails('explain pod.spec.nothing')).toContain('field "nothing" does not exist');
});

verb('api-resources', async (k) => {
  const names = (await k.ok('api-resources --namespaced=true -o name')).split('\n');
  expect(names).toEqual(expect.arrayContaining(['pods', 'deployments.apps', 'leases.coordination.k8s.io']));
  expect(await k.ok('api-resources --verbs=list,patch --api-group=apps --no-headers')).toMatch(
    /^daemonsets +ds +apps\/v1 +true +DaemonSet$/m,
  );
  expect(await k.ok('api-resources --namespaced=false')).toMatch(/^nodes +no +v1 +false +Node$/m);
});

verb('api-versions', async (k) => {
  expect((await k.ok('api-versions')).split('\n')).toEqual(expect.arrayContaining(['v1', 'apps/v1', 'coordination.k8s.io/v1']));
});

verb('version', async (k) => {
  const { serverVersion } = JSON.parse(await k.ok('version -o json'));
  expect(serverVersion).toMatchObject({ major: '1', minor: '35', platform: expect.stringMatching(/^linux\//) });
});

verb('cluster-info', async (k) => {
  expect(await k.ok('cluster-info')).toMatch(/is running at .*https:\/\/127\.0\.0\.1:/);
});

verb('cluster-info dump', async (k) => {
  await k.ok(['create', '-f', '-'], list({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } }));
  expect(await k.ok(`cluster-info dump --namespaces=${k.namespace}`)).toMatch(
    /"kind": "NodeList"[\s\S]*"kind": "ServiceList"[\s\S]*"name": "s"/,
  );
});

verb('config', async (k) => {
  await k.ok('config set-context other --cluster=test --user=admin --namespace=default');
  await k.ok('config use-context other');
  expect(await k.ok('config get-contexts -o name')).toBe('other\ntest\n');
  expect(await k.ok('config view --minify -o jsonpath={..namespace}')).toBe('default');
  expect(await k.ok('get svc -o name')).toContain('service/kubernetes\n');
});

verb(
  'events',
  async (k) => {
    await threePods(k);
    const told = async () => (await k.cluster.client.list(events, k)).items.filter(({ reason }) => reason === 'Scheduled').length;
    await until('they are told of', async () => (await told()) === 3);
    expect(await k.ok('events --for=pod/one')).toMatch(/Normal +Scheduled +Pod\/one +Successfully assigned/);
    expect((await k.run('events --types=Warning')).stderr).toBe(`No events found in ${k.namespace} namespace.\n`);
    expect(await k.ok('get events --field-selector reason=Scheduled,involvedObject.name=two --no-headers')).toMatch(/pod\/two/);
  },
  '1.29',
);

verb('proxy', async (k) => {
  await k.during('proxy --port=0', async (output) => {
    await until('it serves', () => /127\.0\.0\.1:\d+/.test(output()));
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(output())!;
    expect(JSON.parse(await textOf(`http://127.0.0.1:${port}/api/v1/namespaces/${k.namespace}`)).kind).toBe('Namespace');
  });
});

const textOf = (url: string) =>
  new Promise<string>((resolve, reject) => {
    get(url, async (response) => resolve(Buffer.concat(await response.toArray()).toString())).on('error', reject);
  });

verb('wait', async (k) => {
  await threePods(k);
  expect(await k.ok('wait --for=condition=Ready pod -l app=web')).toBe('pod/one condition met\npod/three condition met\n');
  const [gone] = await Promise.all([k.run('wait --for=delete pod/one --timeout=20s'), k.ok('delete pod one --wait=false')]);
  // 1.20 takes it for an error where the deletion was quicker than its first or its second look.
  expect(gone.stdout + gone.stderr).toMatch(/^(pod\/one condition met\n|.*pods "one" not found\n|error: no matching resources found\n)?$/);
  expect(await k.fails('wait --for=condition=Never pod/two --timeout=1s')).toContain('timed out waiting for the condition on pods/two');
});

verb(
  'wait --for=jsonpath',
  async (k) => {
    await threePods(k);
    expect(await k.ok('wait --for=jsonpath={.status.phase}=Running pod/two')).toBe('pod/two condition met\n');
  },
  '1.29',
);

verb(
  'wait --for=create',
  async (k) => {
    const [made] = await Promise.all([k.ok('wait --for=create cm/late --timeout=20s'), k.ok('create cm late')]);
    expect(made).toBe('configmap/late condition met\n');
  },
  '1.32',
);
