// helm 3 and 4 with a chart of the tests' own: a release's whole life.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import type { TestServer } from '../../suites/apiserver.js';
import { startTestCluster } from '../../suites/cluster.js';
import { shows } from '../../suites/compatibility.js';
import { ClientTool, Kubectl, toolPath } from '../../suites/kubectl.js';
import { until } from '../../suites/until.js';

const CHART = join(import.meta.dirname, 'chart');
const WAIT = ['--wait', '--timeout=40s'];

let cluster: TestServer;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster?.stop());

/** Shipped beside that kubectl. */
const VERSIONS = [
  { helm: '3.17', kubectl: '1.32' },
  { helm: '4.1', kubectl: '1.35' },
] as const;

describe.each(VERSIONS)('helm $helm', ({ helm: version, kubectl: release }) => {
  const namespace = `helm-${version[0]}`;
  let tool: ClientTool;
  let kubectl: Kubectl;

  const verb = (name: string, body: () => Promise<void>) =>
    it(name, async (context) => {
      shows(context, { client: 'helm', version, verb: name, result: 'works' });
      await body();
    });
  const helm = (...args: readonly string[]) => tool.ok([...args, '-n', namespace]);
  const get = (object: string, path: string) => kubectl.ok(['get', object, '-n', namespace, '-o', `jsonpath={${path}}`]);
  const namesOf = async (kind: typeof pods | typeof configMaps | typeof secrets) =>
    (await cluster.client.list(kind as typeof pods, { namespace })).items.map(({ metadata }) => metadata.name);

  beforeAll(async () => {
    const home = join(cluster.dir, `helm-${version}`);
    mkdirSync(home);
    tool = new ClientTool(toolPath(release, 'helm'), cluster.kubeconfig, home);
    kubectl = new Kubectl(release, cluster.kubeconfig, home);
    await kubectl.ok(['create', 'namespace', namespace]);
    await until('there is a service account', async () => (await cluster.client.list(serviceAccounts, { namespace })).items.length > 0);
  });

  verb('template', async () => {
    expect(await helm('template', 'web', CHART)).toContain('kind: Deployment');
    expect(await helm('template', 'web', CHART, '--set=greeting=ahoy,custom=false', '--validate')).toContain('greeting: ahoy');
  });

  verb('install --dry-run=server', async () => {
    // What a template looks up is there.
    expect(await helm('install', 'web', CHART, '--dry-run=server', '--skip-crds', '--set=custom=false')).toContain(
      'in a namespace that is Active',
    );
    expect(await namesOf(configMaps)).toEqual(['kube-root-ca.crt']);
  });

  verb('install', async () => {
    expect(await helm('install', 'web', CHART, ...WAIT)).toMatch(/STATUS: deployed\nREVISION: 1\n[\s\S]*web greets with hello/);
    expect(await get('deployment/web', '.status.readyReplicas')).toBe('1');
    expect(await get('greetings.greeter.example/web', '.spec')).toBe('{"text":"hello","times":1}');
    expect(await get('secret/web', '.data.password')).toBe(Buffer.from('hush').toString('base64'));
    expect(await get('rolebinding/web', '.roleRef.name')).toBe('web');
    expect(await get('pod/web-pre-install', '.status.phase')).toBe('Succeeded');
    expect(await get('configmap/web-before', '.data.revision')).toBe('1');
    expect(await namesOf(secrets)).toContain('sh.helm.release.v1.web.v1');
  });

  verb('list', async () => {
    expect(JSON.parse(await helm('list', '-o', 'json'))).toMatchObject([
      { name: 'web', namespace, revision: '1', status: 'deployed', chart: 'greeter-0.1.0', app_version: '1' },
    ]);
    expect(await tool.ok(['list', '--all-namespaces', '--filter', '^web$', '-q'])).toContain('web\n');
  });

  verb('status', async () => {
    const { info, manifest } = JSON.parse(await helm('status', 'web', '-o', 'json'));
    expect(info.status).toBe('deployed');
    expect(manifest).toContain('kind: RoleBinding');
  });

  verb('get', async () => {
    expect(await helm('get', 'manifest', 'web')).toContain('kind: Greeting');
    expect(await helm('get', 'hooks', 'web')).toContain('web-pre-install');
    expect(await helm('get', 'notes', 'web')).toContain('greets with hello');
    expect(await helm('get', 'values', 'web', '--all')).toContain('replicas: 1');
  });

  verb('test', async () => {
    expect(await helm('test', 'web', '--timeout=40s')).toMatch(/TEST SUITE: +web-test\n[\s\S]*Phase: +Succeeded/);
  });

  verb('upgrade', async () => {
    // What another has changed outside of the chart stays.
    await kubectl.ok(['label', 'deployment', 'web', '-n', namespace, 'ours=yes']);
    expect(await helm('upgrade', 'web', CHART, '--set=greeting=ahoy,replicas=2', ...WAIT)).toContain('REVISION: 2\n');
    expect(await get('deployment/web', '.status.readyReplicas')).toBe('2');
    expect(await get('configmap/web', '.data.greeting')).toBe('ahoy');
    expect(await get('greetings.greeter.example/web', '.spec.text')).toBe('ahoy');
    expect(await get('deployment/web', '.metadata.labels.ours')).toBe('yes');
    expect(await get('configmap/web-before', '.data.revision')).toBe('2');
    expect(await namesOf(pods)).toContain('web-post-upgrade');
  });

  verb('upgrade --atomic', async () => {
    const { code, stderr } = await tool.run(['upgrade', 'web', CHART, '-n', namespace, '--set=broken=true', '--atomic', '--timeout=40s']);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/rolled back due to (atomic|rollback-on-failure)/);
    expect(stderr).toContain('spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive');
    expect(await get('configmap/web', '.data.greeting')).toBe('ahoy');
  });

  verb('history', async () => {
    const revisions = JSON.parse(await helm('history', 'web', '-o', 'json'));
    expect(revisions.map(({ status }: { status: string }) => status)).toEqual(['superseded', 'superseded', 'failed', 'deployed']);
  });

  verb('rollback', async () => {
    await helm('rollback', 'web', '1', ...WAIT);
    expect(await get('deployment/web', '.spec.replicas')).toBe('1');
    expect(await get('configmap/web', '.data.greeting')).toBe('hello');
    expect(await namesOf(pods)).toContain('web-post-rollback');
  });

  verb('install --atomic', async () => {
    const { code, stderr } = await tool.run(['install', 'bad', CHART, '-n', namespace, '--set=broken=true', '--atomic', '--timeout=40s']);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/uninstalled due to (atomic|rollback-on-failure)/);
    expect(await helm('list', '-q')).toBe('web\n');
  });

  verb('uninstall', async () => {
    expect(await helm('uninstall', 'web', ...WAIT)).toBe('release "web" uninstalled\n');
    expect(
      await kubectl.ok([
        'get',
        'deployment,svc,cm,secret,sa,role,rolebinding,greetings',
        '-n',
        namespace,
        '-o',
        'name',
        '-l',
        'app.kubernetes.io/instance=web',
      ]),
    ).toBe('');
    expect(await helm('list', '-q')).toBe('');
    expect(await namesOf(secrets)).toEqual([]);
    // helm leaves what a chart keeps in crds/.
    expect(await kubectl.ok(['get', 'crd', 'greetings.greeter.example', '-o', 'name'])).toContain('greetings.greeter.example');
  });
});
