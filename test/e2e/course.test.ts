// The course walk: each line of a Kubernetes beginner's course, in its order, with the real kubectl on real nodes.
import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKubeconfig } from '../../src/cluster/read-kubeconfig.js';
import { docker, eventually, get, http, isReady, kubectl, kubectlRaw, layout, node, pod, pods, readyPods, remove, run } from './lab.js';

const file = (name: string) => `manifests/${name}`;

async function cleanUp(): Promise<void> {
  await remove('deployment,replicaset,replicationcontroller,service,pod', '-l', 'app in (myapp, myapp-rc)');
  await remove('pod', 'nginx', 'two-containers', 'posted', 'db', 'client');
  await remove('namespace', 'dev');
  await eventually('the course objects are gone', async () => (await pods('-A', '-l', 'app in (myapp, myapp-rc)')).length === 0);
  await kubectl('wait', '--for=delete', 'namespace/dev', '--timeout=60s');
  await eventually('no other pods are left', async () => (await pods()).every((p) => p.metadata.labels?.['app'] === 'nginx'));
}

beforeAll(cleanUp);
afterAll(cleanUp);

describe('Pods', () => {
  it('kubectl run: the pod is created without a node, scheduled, started by Docker and reported', async () => {
    expect(await kubectl('run', 'nginx', '--image', 'nginx:1.27')).toBe('pod/nginx created\n');
    await kubectl('wait', '--for=condition=Ready', 'pod/nginx', '--timeout=60s');
    expect(await kubectl('get', 'pods', 'nginx')).toMatch(/NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\nnginx\s+1\/1\s+Running\s+0\s+\d+s/);
    const wide = await kubectl('get', 'pods', 'nginx', '-o', 'wide');
    const [, ip, nodeName] = wide.match(/Running\s+0\s+\S+\s+(10\.244\.\d+\.\d+)\s+(node-\d)/)!;
    expect(await docker(nodeName!, 'ps', '--format', '{{.Names}}')).toContain('k8s_nginx_nginx_default');
    expect(ip).toBeTruthy();
    const described = await kubectl('describe', 'pod', 'nginx');
    for (const word of ['Scheduled', 'Pulled', 'Created', 'Started', `${nodeName}/${node(nodeName!).address}`])
      expect(described).toContain(word);
    expect(await kubectl('delete', 'pod', 'nginx')).toContain('pod "nginx" deleted');
    expect((await kubectlRaw(['get', 'pod', 'nginx'])).stderr).toBe('Error from server (NotFound): pods "nginx" not found\n');
  });

  it('curl -X POST to the API server does the same without kubectl', async () => {
    const { ca, cert, key, server } = await readKubeconfig(layout.kubeconfig);
    const body = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'posted' },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'busybox:1.36', command: ['sleep', '1000'] }] },
    });
    const status = await new Promise((resolve, reject) => {
      const outgoing = request(
        `${server}/api/v1/namespaces/default/pods`,
        { method: 'POST', ca, cert, key, headers: { 'content-type': 'application/json' } },
        (response) => resolve(response.resume().statusCode),
      );
      outgoing.on('error', reject).end(body);
    });
    expect(status).toBe(201);
    await kubectl('wait', '--for=condition=Ready', 'pod/posted', '--timeout=60s');
    await remove('pod', 'posted');
  });

  it('kubectl create -f pod-definition.yaml, and two containers that share localhost and storage', async () => {
    expect(await kubectl('create', '-f', file('pod-definition.yaml'))).toBe('pod/myapp-pod created\n');
    expect(await kubectl('create', '-f', file('two-container-pod.yaml'))).toBe('pod/two-containers created\n');
    await kubectl('wait', '--for=condition=Ready', 'pod/myapp-pod', 'pod/two-containers', '--timeout=60s');
    await kubectl('exec', 'two-containers', '-c', 'writer', '--', 'sh', '-c', 'echo shared > /shared/seen');
    expect(await kubectl('exec', 'two-containers', '-c', 'web', '--', 'cat', '/usr/share/nginx/html/seen')).toBe('shared\n');
    expect(await kubectl('exec', 'two-containers', '-c', 'writer', '--', 'wget', '-q', '-O-', 'http://localhost/seen')).toBe('shared\n');
    await remove('pod', 'two-containers');
  });
});

describe('ReplicationController and ReplicaSet', () => {
  it('a ReplicaSet adopts the pod that already matches, and makes only the others', async () => {
    const adopted = (await pod('myapp-pod')).metadata.uid;
    expect(await kubectl('create', '-f', file('replicaset-definition.yaml'))).toBe('replicaset.apps/myapp-replicaset created\n');
    const all = await readyPods('app=myapp', 3);
    expect(all.map((p) => p.metadata.uid)).toContain(adopted);
    expect(await kubectl('get', 'replicaset')).toMatch(/NAME\s+DESIRED\s+CURRENT\s+READY\s+AGE\nmyapp-replicaset\s+3\s+3\s+3/);
  });

  it('scales by file, by name and by a changed file', async () => {
    expect(await kubectl('scale', '--replicas=6', '-f', file('replicaset-definition.yaml'))).toContain('scaled');
    await readyPods('app=myapp', 6);
    await kubectl('scale', 'rs/myapp-replicaset', '--replicas=2');
    await readyPods('app=myapp', 2);
    const changed = join(tmpdir(), 'porthole-replicaset.yaml');
    const { stdout } = await run('sed', ['s/replicas: 3/replicas: 4/', file('replicaset-definition.yaml')]);
    await writeFile(changed, stdout);
    await kubectl('apply', '-f', changed);
    await readyPods('app=myapp', 4);
  });

  it('kubectl edit changes it', async () => {
    const { code, stderr } = await run('sh', [
      '-c',
      `KUBE_EDITOR='sed -i "s/^  replicas: 4/  replicas: 3/"' bin/porthole kubectl --cluster ${layout.name} edit rs myapp-replicaset`,
    ]);
    expect([code, stderr.replace(/^npm.*\n/gm, '')]).toEqual([0, '']);
    await readyPods('app=myapp', 3);
  });

  it('brings a deleted pod back', async () => {
    const [victim] = await pods('-l', 'app=myapp');
    await kubectl('delete', 'pod', victim!.metadata.name);
    const all = await readyPods('app=myapp', 3);
    expect(all.map((p) => p.metadata.uid)).not.toContain(victim!.metadata.uid);
    await kubectl('delete', '-f', file('replicaset-definition.yaml'));
    await eventually('its pods go with it', async () => (await pods('-l', 'app=myapp')).length === 0);
  });

  it("a ReplicationController takes its selector from the template's labels", async () => {
    expect(await kubectl('create', '-f', file('rc-definition.yaml'))).toBe('replicationcontroller/myapp-rc created\n');
    const rc = await get<{ spec: { selector: object; template: { metadata: { labels: object } } } }>('rc', 'myapp-rc');
    expect(rc.spec.selector).toEqual(rc.spec.template.metadata.labels);
    await readyPods('app=myapp-rc', 3);
    expect(await kubectl('get', 'replicationcontroller')).toMatch(/myapp-rc\s+3\s+3\s+3/);
    await kubectl('delete', 'rc', 'myapp-rc');
  });
});

describe('Deployments', () => {
  it('makes all three: deployment, replicaset and pods', async () => {
    expect(await kubectl('create', '-f', file('deployment-definition.yml'))).toBe('deployment.apps/myapp-deployment created\n');
    await kubectl('rollout', 'status', 'deployment/myapp-deployment', '--timeout=90s');
    expect(await kubectl('get', 'deployment', 'myapp-deployment')).toMatch(/myapp-deployment\s+3\/3\s+3\s+3/);
    expect(await kubectl('get', 'replicaset')).toMatch(/myapp-deployment-[a-z0-9]+\s+3\s+3\s+3/);
    const all = await kubectl('get', 'all');
    for (const word of [
      'pod/myapp-deployment-',
      'deployment.apps/myapp-deployment',
      'replicaset.apps/myapp-deployment-',
      'service/kubernetes',
    ])
      expect(all).toContain(word);
  });

  it('rolls out a change pod by pod, undoes it, pauses, resumes and restarts', async () => {
    await kubectl('set', 'image', 'deployment/myapp-deployment', 'nginx-container=nginx:latest');
    expect(await kubectl('rollout', 'status', 'deployment/myapp-deployment', '--timeout=90s')).toContain('successfully rolled out');
    expect(await kubectl('rollout', 'history', 'deployment/myapp-deployment')).toMatch(/^1 .*\n2 /m);
    await kubectl('rollout', 'undo', 'deployment/myapp-deployment');
    await kubectl('rollout', 'status', 'deployment/myapp-deployment', '--timeout=90s');
    expect(await kubectl('get', 'deployment', 'myapp-deployment', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')).toBe(
      'nginx:1.27',
    );
    await kubectl('rollout', 'pause', 'deployment/myapp-deployment');
    await kubectl('set', 'image', 'deployment/myapp-deployment', 'nginx-container=nginx:latest');
    await kubectl('rollout', 'resume', 'deployment/myapp-deployment');
    await kubectl('rollout', 'restart', 'deployment/myapp-deployment');
    await kubectl('rollout', 'status', 'deployment/myapp-deployment', '--timeout=90s');
  });
});

describe('Namespaces', () => {
  it('has the four of every cluster, and makes dev by command and by YAML', async () => {
    expect((await kubectl('get', 'namespaces', '-o', 'name')).split('\n').filter(Boolean)).toEqual(
      ['default', 'kube-node-lease', 'kube-public', 'kube-system'].map((n) => `namespace/${n}`),
    );
    expect(await kubectl('create', 'namespace', 'dev')).toBe('namespace/dev created\n');
    await kubectl('delete', 'namespace', 'dev');
    expect(await kubectl('create', '-f', file('namespace-dev.yaml'))).toBe('namespace/dev created\n');
    expect(await kubectl('create', '-f', file('compute-quota.yaml'))).toContain('resourcequota/compute-quota created');
    expect(await kubectl('get', 'quota', '--namespace=dev')).toContain('compute-quota');
    await kubectl('delete', '-f', file('compute-quota.yaml'));
  });

  it('keeps names apart, and shows them by -n, --all-namespaces and the context', async () => {
    await kubectl('create', '-f', file('pod-definition.yaml'), '-n', 'dev');
    expect(await kubectl('get', 'pods', '--all-namespaces')).toMatch(/dev\s+myapp-pod/);
    expect((await kubectlRaw(['get', 'pod', 'myapp-pod'])).code).toBe(1);
    const config = join(tmpdir(), 'porthole-course-kubeconfig');
    await run('cp', [layout.kubeconfig, config]);
    const own = (...args: string[]) => kubectl('--kubeconfig', config, ...args);
    await own('config', 'set-context', (await own('config', 'current-context')).trim(), '--namespace=dev');
    expect(await own('get', 'pods', '-o', 'name')).toBe('pod/myapp-pod\n');
    await run('rm', [config]);
  });
});

describe('Services', () => {
  beforeAll(async () => {
    await kubectl('create', '-f', file('service-definition.yml'));
    await kubectl('run', 'db', '-n', 'dev', '--image=nginx:1.27', '--port=80', '--labels=app=db');
    await kubectl('expose', 'pod', 'db', '-n', 'dev', '--name=db-service', '--port=80');
    await kubectl('run', 'client', '-n', 'dev', '--image=busybox:1.36', '--command', '--', 'sleep', '10000');
    await kubectl('run', 'client', '--image=busybox:1.36', '--command', '--', 'sleep', '10000');
    await kubectl('wait', '--for=condition=Ready', 'pod/db', 'pod/client', '-n', 'dev', '--timeout=60s');
    await kubectl('wait', '--for=condition=Ready', 'pod/client', '--timeout=60s');
  });

  it('NodePort: every node answers, whichever nodes the pods are on', async () => {
    const { spec } = await get<{ spec: { ports: { port: number; targetPort: number; nodePort: number }[] } }>('service', 'myapp-service');
    expect(spec.ports[0]).toMatchObject({ port: 80, targetPort: 80, nodePort: 30008 });
    for (const count of [3, 1]) {
      await kubectl('scale', 'deployment/myapp-deployment', `--replicas=${count}`);
      await readyPods('app=myapp', count);
      for (const { address } of layout.nodeList)
        await eventually(`${address}:30008`, async () => (await http(`http://${address}:30008/`)).status === 200, 5);
    }
  });

  it('gives a free node port where none is asked for', async () => {
    await kubectl('create', 'service', 'nodeport', 'free', '--tcp=80');
    const port = Number(await kubectl('get', 'service', 'free', '-o', 'jsonpath={.spec.ports[0].nodePort}'));
    expect(port).toBeGreaterThanOrEqual(30000);
    expect(port).toBeLessThanOrEqual(32767);
    await remove('service', 'free');
  });

  it('names: db-service inside its namespace, with namespace and whole from another', async () => {
    const wget = (namespace: string, name: string) =>
      kubectlRaw(['exec', 'client', '-n', namespace, '--', 'timeout', '3', 'wget', '-q', '-O-', `http://${name}/`]);
    for (const [namespace, name] of [
      ['dev', 'db-service'],
      ['default', 'db-service.dev'],
      ['default', 'db-service.dev.svc'],
      ['default', 'db-service.dev.svc.cluster.local'],
    ] as const) {
      await eventually(`${name} from ${namespace}`, async () => (await wget(namespace, name)).code === 0, 5);
    }
    expect((await wget('default', 'db-service')).code).not.toBe(0);
  });
});

describe('the architecture', () => {
  it('has nodes with kubelet and Docker, that report every few seconds', async () => {
    const nodes = await kubectl('get', 'nodes', '-o', 'wide');
    expect(nodes.match(/node-\d\s+Ready\s+<none>\s+\S+\s+v1\.\d+\S*\s+192\.168\.242\.1\d\s+<none>\s+.*docker:\/\//g)).toHaveLength(3);
    const renewed = () => kubectl('get', 'lease', '-n', 'kube-node-lease', 'node-1', '-o', 'jsonpath={.spec.renewTime}');
    const first = await renewed();
    await eventually('a new heartbeat', async () => (await renewed()) !== first, 10);
  });

  it('shows the same objects to whoever asks: kubectl get is what etcd has', async () => {
    const one = await get<{ metadata: { resourceVersion: string } }>('deployment', 'myapp-deployment');
    expect(Number(one.metadata.resourceVersion)).toBeGreaterThan(1);
    expect(await kubectl('get', '--raw', '/readyz')).toBe('ok');
    expect((await pods('-l', 'app=myapp')).every(isReady)).toBe(true);
  });
});
