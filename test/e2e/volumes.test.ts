// What a cluster of its own gives: volumes that are folders of nodes, addresses for load balancers, and a folder of manifests.
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apply, eventually, get, http, kubectl, kubectlRaw, layout, remove } from './lab.js';

const user = (name: string, command: string) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {suite: volumes}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsUser: 1000, runAsGroup: 1000}
  containers:
  - name: c
    image: busybox:1.36
    command: [sh, -c, '${command}; sleep 100000']
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
`;
const CLAIM = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, labels: {suite: volumes}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`;

interface Named {
  readonly metadata: { readonly name: string };
}
interface Volume extends Named {
  readonly spec: { readonly local: { readonly path: string } };
}

const cleanUp = async () => {
  await remove('pod,service,deployment,pvc', '-l', 'suite=volumes');
  await eventually('no claims', async () => (await get<{ items: Named[] }>('pvc')).items.length === 0);
};
beforeAll(cleanUp);
afterAll(cleanUp);

it('a claim of the default class is a folder on its first pod’s node, which outlives the pods and goes with the claim', async () => {
  expect(await kubectl('get', 'storageclass')).toMatch(/local-path \(default\) +porthole\/local-path +Delete +WaitForFirstConsumer +true/);
  await apply(CLAIM);
  await apply(user('writer', 'echo precious > /data/file'));
  await kubectl('wait', '--for=condition=Ready', 'pod/writer', '--timeout=60s');
  expect(await kubectl('get', 'pvc', 'data')).toMatch(/data +Bound +pvc-\S+ +1Gi +RWO +local-path/);
  const [volume] = (await get<{ items: Volume[] }>('pv')).items;
  const { path } = volume!.spec.local;
  await eventually('it is written', async () => (await readFile(join(path, 'file'), 'utf8').catch(() => '')) === 'precious\n');
  await remove('pod', 'writer');
  await eventually('the writer is gone', async () => (await kubectlRaw(['get', 'pod', 'writer'])).code !== 0);
  await apply(user('reader', 'cat /data/file'));
  await kubectl('wait', '--for=condition=Ready', 'pod/reader', '--timeout=60s');
  expect(await kubectl('logs', 'reader')).toBe('precious\n');
  await remove('pvc', 'data');
  expect(existsSync(join(path, 'file'))).toBe(true);
  await remove('pod', 'reader');
  await eventually('the volume is gone', async () => (await get<{ items: Volume[] }>('pv')).items.length === 0);
  expect(existsSync(path)).toBe(false);
});

it('a LoadBalancer has the nodes’ addresses as EXTERNAL-IP, and answers there', async () => {
  await apply(`
apiVersion: v1
kind: Pod
metadata: {name: echo, labels: {suite: volumes, app: balanced}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: echo, image: 'porthole/echo:1', imagePullPolicy: IfNotPresent}]
---
apiVersion: v1
kind: Service
metadata: {name: balanced, labels: {suite: volumes}}
spec: {type: LoadBalancer, selector: {app: balanced}, ports: [{port: 8090, targetPort: 8080}]}
`);
  const addresses = layout.nodeList.map(({ address }) => address);
  await eventually('it has them', async () => {
    const shown = await kubectl('get', 'service', 'balanced');
    return addresses.every((each) => shown.includes(each));
  });
  await kubectl('wait', '--for=condition=Ready', 'pod/echo', '--timeout=60s');
  for (const address of addresses)
    await eventually(`it answers at ${address}`, async () => (await http(`http://${address}:8090/`)).status === 200, 20);
});

it('a manifest in the server’s folder is applied, and gone with its file', async () => {
  const folder = join(layout.serverDir, 'server', 'manifests');
  const file = join(folder, 'greeting.yaml');
  expect(await readdir(folder)).toEqual([]);
  await writeFile(file, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: greeting}\ndata: {text: hello}\n');
  await eventually('it is there', async () => (await kubectlRaw(['get', 'configmap', 'greeting'])).code === 0);
  await kubectl('wait', '-n', 'kube-system', '--for=condition=Applied', 'addon/greeting', '--timeout=30s');
  expect(await kubectl('get', 'addons', '-n', 'kube-system')).toMatch(/greeting +greeting.yaml +True +AppliedManifest/);
  await rm(file);
  await eventually('it is gone', async () => (await kubectlRaw(['get', 'configmap', 'greeting'])).code !== 0);
});
