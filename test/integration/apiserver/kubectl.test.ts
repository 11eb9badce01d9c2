// The API server as the real kubectl sees it, each supported version.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { KUBECTL_VERSIONS, Kubectl } from '../../suites/kubectl.js';

const MANIFESTS = join(import.meta.dirname, '../../../manifests');
const yaml = (text: string) => text.replaceAll(/^ {6}/gm, '');

for (const version of KUBECTL_VERSIONS) {
  describe(`kubectl ${version}`, () => {
    let api: TestServer;
    let kubectl: Kubectl;

    beforeAll(async () => {
      api = await startTestServer();
      kubectl = new Kubectl(version, api.kubeconfig, join(api.dir, 'home'));
      await kubectl.ok(['create', 'namespace', 'dev']);
    });
    afterAll(() => api?.stop());

    it('lists the kinds that there are, with short names', async () => {
      const lines = (await kubectl.ok(['api-resources'])).split('\n').map((line) => line.split(/\s+/).join(' '));
      expect(lines).toContain('pods po v1 true Pod');
      expect(lines).toContain('deployments deploy apps/v1 true Deployment');
      expect(lines).toContain('nodes no v1 false Node');
    });

    it('creates every object of the course', async () => {
      const files = ['pod-definition.yaml', 'rc-definition.yaml', 'replicaset-definition.yaml', 'deployment-definition.yml'];
      for (const file of [...files, 'service-definition.yml', 'compute-quota.yaml', 'two-container-pod.yaml']) {
        expect(await kubectl.ok(['create', '-f', join(MANIFESTS, file)])).toMatch(/ created$/m);
      }
      const all = await kubectl.ok(['get', 'all']);
      for (const name of ['pod/myapp-pod', 'replicationcontroller/myapp-rc', 'deployment.apps/myapp-deployment'])
        expect(all).toContain(name);
    });

    it('shows a pod in every form', async () => {
      expect(await kubectl.ok(['get', 'pod', 'myapp-pod'])).toMatch(
        /^NAME +READY +STATUS +RESTARTS +AGE\nmyapp-pod +0\/1 +Pending +0 +\d+s\n$/,
      );
      expect(await kubectl.ok(['get', 'pods', '-o', 'wide'])).toMatch(/IP +NODE/);
      expect(await kubectl.ok(['get', 'pod', 'myapp-pod', '-o', 'yaml'])).toContain('phase: Pending');
      const { metadata, spec } = JSON.parse(await kubectl.ok(['get', 'pod', 'myapp-pod', '-o', 'json']));
      expect(metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(spec.tolerations).toHaveLength(2);
      expect(await kubectl.ok(['get', 'pods', '-o', 'name', '-l', 'app=myapp'])).toBe('pod/myapp-pod\n');
      expect(await kubectl.ok(['get', 'pods', '-A', '--field-selector', 'metadata.name=two-containers', '-o', 'name'])).toContain(
        'two-containers',
      );
      expect(await kubectl.ok(['get', 'pods', '-A', '--field-selector', 'spec.nodeName=nowhere'])).toBe('');
      expect(await kubectl.ok(['describe', 'pod', 'myapp-pod'])).toMatch(/Name: +myapp-pod[\s\S]*Status: +Pending[\s\S]*Events: +<none>/);
    });

    it('explains fields', async () => {
      const text = await kubectl.ok(['explain', 'pod.spec.containers.image']);
      expect(text).toMatch(/KIND: +Pod[\s\S]*FIELD: +image <string>/);
      expect(await kubectl.ok(['explain', 'deployment.spec.strategy'])).toContain('rollingUpdate\t<RollingUpdateDeployment>');
      expect(await kubectl.fails(['explain', 'pod.spec.nothing'])).toContain('field "nothing" does not exist');
    });

    it('applies, changes, and applies again', async () => {
      const file = join(api.dir, 'config.yaml');
      const write = (value: string) =>
        writeFileSync(file, `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: dev}\ndata: {key: ${value}, other: x}\n`);
      write('one');
      expect(await kubectl.ok(['apply', '-f', file])).toBe('configmap/c created\n');
      expect(await kubectl.ok(['apply', '-f', file])).toBe('configmap/c unchanged\n');
      write('two');
      expect(await kubectl.ok(['diff', '-f', file]).catch((error) => String(error))).toContain('key: two');
      expect(await kubectl.ok(['apply', '-f', file])).toBe('configmap/c configured\n');
      expect(await kubectl.ok(['get', 'cm', 'c', '-n', 'dev', '-o', 'jsonpath={.data.key}'])).toBe('two');
    });

    it('runs, labels, annotates and deletes a pod', async () => {
      expect(await kubectl.ok(['run', 'nginx', '--image', 'nginx'])).toBe('pod/nginx created\n');
      await kubectl.ok(['label', 'pod', 'nginx', 'tier=web']);
      await kubectl.ok(['annotate', 'pod', 'nginx', 'note=hello']);
      expect(await kubectl.ok(['get', 'pod', 'nginx', '--show-labels', '--no-headers'])).toContain('run=nginx,tier=web');
      expect(await kubectl.ok(['delete', 'pod', 'nginx'])).toContain('pod "nginx" deleted');
      expect(await kubectl.fails(['get', 'pod', 'nginx'])).toBe('Error from server (NotFound): pods "nginx" not found\n');
    });

    it('scales by name and by file', async () => {
      expect(await kubectl.ok(['scale', '--replicas=6', '-f', join(MANIFESTS, 'replicaset-definition.yaml')])).toContain('scaled');
      expect(await kubectl.ok(['get', 'rs', 'myapp-replicaset', '-o', 'jsonpath={.spec.replicas}'])).toBe('6');
      expect(await kubectl.ok(['scale', 'deployment/myapp-deployment', '--replicas=4', '--current-replicas=3'])).toContain('scaled');
      expect(await kubectl.ok(['get', 'deployment', 'myapp-deployment', '-o', 'jsonpath={.metadata.generation}'])).toBe('2');
      expect(await kubectl.fails(['scale', 'deployment/myapp-deployment', '--replicas=-1'])).toContain(
        'COUNT must be greater than or equal to 0',
      );
      expect(await kubectl.fails(['scale', 'pod/myapp-pod', '--replicas=2'])).toContain('could not find the requested resource');
    });

    it('sets an image, shows the rollout history’s object, and patches three ways', async () => {
      await kubectl.ok(['set', 'image', 'deployment/myapp-deployment', '*=nginx:1.27']);
      await kubectl.ok(['patch', 'deployment', 'myapp-deployment', '-p', '{"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}}']);
      await kubectl.ok(['patch', 'deployment', 'myapp-deployment', '--type=merge', '-p', '{"spec":{"paused":true}}']);
      await kubectl.ok(['patch', 'deployment', 'myapp-deployment', '--type=json', '-p', '[{"op":"remove","path":"/spec/paused"}]']);
      const { spec } = JSON.parse(await kubectl.ok(['get', 'deployment', 'myapp-deployment', '-o', 'json']));
      expect(spec.paused).toBeUndefined();
      expect(spec.template.metadata.labels.a).toBe('b');
      expect(spec.template.spec.containers[0].image).toBe('nginx:1.27');
    });

    it('follows changes with get -w', async () => {
      const child = kubectl.spawn(['get', 'cm', '-n', 'dev', '-w', '-o', 'custom-columns=N:.metadata.name,D:.data.key']);
      let out = '';
      const seen = (text: string) =>
        new Promise<void>((resolve) => {
          const check = () => out.includes(text) && resolve();
          child.stdout?.on('data', check);
          check();
        });
      child.stdout?.on('data', (chunk) => {
        out += chunk;
      });
      await seen('two');
      await kubectl.ok(['create', 'cm', 'w', '-n', 'dev', '--from-literal=key=first']);
      await seen('first');
      await kubectl.ok(['patch', 'cm', 'w', '-n', 'dev', '-p', '{"data":{"key":"second"}}']);
      await seen('second');
      child.kill();
    });

    it('refuses to overwrite what somebody else changed meanwhile', async () => {
      const stale = await kubectl.ok(['get', 'cm', 'c', '-n', 'dev', '-o', 'json']);
      await kubectl.ok(['label', 'cm', 'c', '-n', 'dev', 'changed=yes']);
      expect(await kubectl.fails(['replace', '-f', '-'], stale)).toContain(
        'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to the latest version and try again',
      );
    });

    it('exposes a deployment, and says why a Service cannot be had', async () => {
      await kubectl.ok(['expose', 'deployment', 'myapp-deployment', '--port=80', '--name=web', '--type=NodePort']);
      const { spec } = JSON.parse(await kubectl.ok(['get', 'svc', 'web', '-o', 'json']));
      expect(spec.clusterIP).toMatch(/^10\./);
      expect(spec.ports[0].nodePort).toBeGreaterThanOrEqual(30000);
      const nodePort = (port: number) => ['create', 'service', 'nodeport', 'x', '--tcp=80', `--node-port=${port}`];
      expect(await kubectl.fails(nodePort(80))).toContain(
        'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
      );
      expect(await kubectl.fails(nodePort(spec.ports[0].nodePort))).toContain('provided port is already allocated');
      await kubectl.ok(['delete', 'svc', 'web']);
      await kubectl.ok(nodePort(spec.ports[0].nodePort));
    });

    it('says in one line what is wrong with a manifest', async () => {
      const pod = (spec: string) => yaml(`apiVersion: v1\n      kind: Pod\n      metadata: {name: bad}\n      spec: ${spec}\n`);
      const create = (text: string) => kubectl.fails(['create', '-f', '-'], text);
      expect(await create(pod('{containers: [{name: a, image: b, imag: c}]}'))).toContain(
        'strict decoding error: unknown field "spec.containers[0].imag"',
      );
      expect(await create(pod('{containers: {name: a}}'))).toContain('json: cannot unmarshal object into Go struct field');
      expect(await create(pod('{containers: [{name: a}], restartPolicy: Sometimes}'))).toMatch(
        /The Pod "bad" is invalid:[\s\S]*Unsupported value: "Sometimes"/,
      );
      expect(await create('apiVersion: v1\nkind: Podd\nmetadata: {name: bad}\n')).toContain('no matches for kind "Podd" in version "v1"');
      expect(await create('apiVersion: v1\nkind: [\n')).toContain('error parsing STDIN');
      expect(await create(pod('{}').replace('name: bad', 'name: Bad_Name'))).toContain('a lowercase RFC 1123 subdomain must consist of');
      const { stderr } = await kubectl.run(['create', '--validate=warn', '-f', '-'], pod('{containers: [{name: a, image: b}], foo: 1}'));
      expect(stderr).toContain('Warning: unknown field "spec.foo"');
    });

    it('keeps what a dry run only tries', async () => {
      expect(await kubectl.ok(['run', 'dry', '--image', 'x', '--dry-run=server', '-o', 'name'])).toBe('pod/dry\n');
      expect(await kubectl.fails(['get', 'pod', 'dry'])).toContain('not found');
    });

    it('deletes a namespace once it is empty, and no system namespace at all', async () => {
      expect(await kubectl.fails(['delete', 'ns', 'default'])).toContain(
        'namespaces "default" is forbidden: this namespace may not be deleted',
      );
      await kubectl.ok(['create', 'ns', 'gone']);
      await kubectl.ok(['delete', 'ns', 'gone', '--wait=false']);
      expect(await kubectl.ok(['get', 'ns', 'gone', '--no-headers'])).toMatch(/gone +Terminating/);
      expect(await kubectl.fails(['create', 'cm', 'x', '-n', 'gone'])).toContain('because it is being terminated');
      expect(await kubectl.fails(['create', 'cm', 'x', '-n', 'nowhere'])).toContain('namespaces "nowhere" not found');
      const namespace = await api.client.get(namespaces, { name: 'gone' });
      await api.client.update(namespaces, { ...namespace, spec: {} }, 'finalize');
      expect(await kubectl.fails(['get', 'ns', 'gone'])).toContain('not found');
    });

    it('says what a log or a shell needs', async () => {
      expect(await kubectl.ok(['logs', 'myapp-pod'])).toBe('');
      expect(await kubectl.fails(['exec', 'myapp-pod', '--', 'ls'])).toContain('pod myapp-pod does not have a host assigned');
      expect(await kubectl.fails(['get', '--raw', '/api/v1/namespaces/default/pods/two-containers/log'])).toContain(
        'a container name must be specified for pod two-containers, choose one of: [',
      );
      expect(await kubectl.fails(['logs', 'myapp-pod', '-c', 'nope'])).toContain('container nope is not valid for pod myapp-pod');
    });

    it('evicts and deletes all', async () => {
      const eviction = JSON.stringify({
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'two-containers', namespace: 'default' },
      });
      await kubectl.ok(['create', '--raw', '/api/v1/namespaces/default/pods/two-containers/eviction', '-f', '-'], eviction);
      expect(await kubectl.fails(['get', 'pod', 'two-containers'])).toContain('not found');
      await kubectl.ok(['delete', 'pods', '--all']);
      expect((await api.client.list(pods, { namespace: 'default' })).items).toEqual([]);
    });

    it('asks how the server is', async () => {
      expect(await kubectl.ok(['get', '--raw', '/readyz'])).toBe('ok');
      expect(await kubectl.ok(['get', '--raw', '/livez?verbose'])).toContain('[+]etcd ok');
      expect(await kubectl.ok(['version'])).toContain('Server Version: v1.35.0+porthole');
      expect(await kubectl.ok(['get', '--raw', '/metrics'])).toMatch(
        /^apiserver_request_total\{code="200",component="apiserver",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1",dry_run=""\} \d+$/m,
      );
    });
  });
}
