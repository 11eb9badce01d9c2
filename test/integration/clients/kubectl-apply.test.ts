// kubectl's ways of changing objects: apply and its kin, patch, edit, replace, label and annotate.
import { expect } from 'vitest';
import { kubectlVerbs } from './kubectl-verbs.js';

const verb = kubectlVerbs();

const config = (data: object) => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data });
const deployment = (spec: object = {}, container: object = {}) =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'd' } },
      template: {
        metadata: { labels: { app: 'd' } },
        spec: { containers: [{ name: 'main', image: 'nginx:1', env: [{ name: 'A', value: '1' }], ...container }] },
      },
      ...spec,
    },
  });

verb('apply', async (k) => {
  expect(await k.ok('apply -f -', deployment())).toBe('deployment.apps/d created\n');
  expect(await k.ok('apply -f -', deployment())).toBe('deployment.apps/d unchanged\n');
  await k.ok('set env deployment/d B=2');
  // What others have set stays, what was applied and is no longer there goes.
  expect(await k.ok('apply -f -', deployment({}, { env: [{ name: 'C', value: '3' }] }))).toBe('deployment.apps/d configured\n');
  expect(await k.get('deployment/d', '.spec.template.spec.containers[0].env[*].name')).toBe('C B');
});

verb('apply --prune', async (k) => {
  const labelled = (name: string) => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { set: 'x' } } });
  const allow = k.minor < 29 ? '--prune-whitelist' : '--prune-allowlist';
  await k.ok('apply -f -', labelled('old'));
  expect(await k.ok(`apply --prune -l set=x ${allow}=core/v1/ConfigMap -n ${k.namespace} -f -`, labelled('new'))).toMatch(
    /configmap\/old pruned/,
  );
  expect(await k.fails('get cm old')).toContain('(NotFound)');
});

verb('apply view-last-applied', async (k) => {
  await k.ok('apply -f -', config({ key: 'one' }));
  expect(await k.ok('apply view-last-applied cm/c')).toContain('key: one');
});

verb('apply set-last-applied', async (k) => {
  await k.ok('create -f -', config({ key: 'one' }));
  await k.ok(`apply set-last-applied --create-annotation -f ${k.file('c.json', config({ key: 'one' }))}`);
  expect(await k.ok('apply -f -', config({}))).toBe('configmap/c configured\n');
  expect(await k.get('cm/c', '.data')).toBe('');
});

verb('apply edit-last-applied', async (k) => {
  await k.ok('apply -f -', config({ key: 'one' }));
  k.editWith('s/key: one/key: two/');
  await k.ok('apply edit-last-applied cm/c');
  expect(await k.ok('apply view-last-applied cm/c')).toContain('key: two');
});

verb('apply --server-side', async (k) => {
  const apply = (text: string, flags = '') => k.run(`apply --server-side -f - --field-manager=mine${flags}`, text);
  expect(await apply(config({ key: 'one', other: 'x' }))).toMatchObject({ stdout: 'configmap/c serverside-applied\n' });
  expect((await apply(config({ key: 'one' }))).stdout).toBe('configmap/c serverside-applied\n');
  expect((await k.json('get cm c')).data).toEqual({ key: 'one' });
  await k.ok(['patch', 'cm', 'c', '-p', '{"data":{"key":"theirs"}}']);
  const { code, stderr } = await apply(config({ key: 'two' }));
  expect(code).toBe(1);
  expect(stderr).toContain('Apply failed with 1 conflict: conflict with "kubectl-patch"');
  expect(stderr).toContain('.data.key');
  expect((await apply(config({ key: 'two' }), ' --force-conflicts')).code).toBe(0);
  const { metadata, data } = await k.json(`get cm c${k.minor < 21 ? '' : ' --show-managed-fields'}`);
  expect(data).toEqual({ key: 'two' });
  expect(metadata.managedFields).toMatchObject([{ manager: 'mine', operation: 'Apply', fieldsV1: { 'f:data': { 'f:key': {} } } }]);
});

verb('apply, then --server-side', async (k) => {
  await k.ok('apply -f -', config({ key: 'one', gone: 'x' }));
  const { stdout } = await k.run('apply --server-side -f - --force-conflicts', config({ key: 'two' }));
  expect(stdout).toBe('configmap/c serverside-applied\n');
  // The oldest does not hand over what it owned as a client; its fields stay.
  expect((await k.json('get cm c')).data).toEqual(k.minor < 21 ? { key: 'two', gone: 'x' } : { key: 'two' });
});

verb('diff', async (k) => {
  await k.ok('apply -f -', config({ key: 'one' }));
  expect(await k.run('diff -f -', config({ key: 'one' }))).toMatchObject({ code: 0, stdout: '' });
  const { code, stdout } = await k.run('diff -f -', config({ key: 'two' }));
  expect(code).toBe(1);
  expect(stdout).toMatch(/- {2}key: one\n\+ {2}key: two/);
  expect((await k.run('diff --server-side --force-conflicts -f -', config({ key: 'two' }))).stdout).toContain('+  key: two');
});

verb('edit', async (k) => {
  await k.ok('create -f -', deployment());
  k.editWith('s/image: nginx:1/image: nginx:2/');
  expect(await k.ok('edit deployment d')).toBe('deployment.apps/d edited\n');
  expect(await k.get('deployment/d', '.spec.template.spec.containers[0].image')).toBe('nginx:2');
  k.editWith('s/nothing/else/');
  expect((await k.run('edit deployment d')).stderr).toBe('Edit cancelled, no changes made.\n');
});

verb('patch (strategic merge)', async (k) => {
  const { spec } = JSON.parse(deployment());
  await k.ok('create -f -', JSON.stringify({ apiVersion: 'v1', kind: 'PodTemplate', metadata: { name: 't' }, template: spec.template }));
  const patch = { template: { spec: { containers: [{ name: 'main', env: [{ name: 'B', value: '2' }] }] } } };
  expect(await k.ok(['patch', 'podtemplate', 't', '-p', JSON.stringify(patch)])).toBe('podtemplate/t patched\n');
  expect(await k.ok(['patch', 'podtemplate', 't', '-p', JSON.stringify(patch)])).toBe('podtemplate/t patched (no change)\n');
  expect(await k.get('podtemplate/t', '.template.spec.containers[0].env[*].name')).toBe('B A');
  await k.ok('create -f -', deployment());
  expect(await k.fails(['patch', 'deployment', 'd', '-p', '{"spec":{"replicas":-1}}'])).toContain(
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
});

verb('patch --type=merge', async (k) => {
  await k.ok('create -f -', config({ a: '1', b: '2' }));
  await k.ok(['patch', 'cm', 'c', '--type=merge', '-p', '{"data":{"a":null,"c":"3"}}']);
  expect((await k.json('get cm c')).data).toEqual({ b: '2', c: '3' });
});

verb('patch --type=json', async (k) => {
  await k.ok('create -f -', config({ a: '1', b: '2' }));
  const patch = (...ops: object[]) => ['patch', 'cm', 'c', '--type=json', '-p', JSON.stringify(ops)];
  await k.ok(patch({ op: 'test', path: '/data/a', value: '1' }, { op: 'move', from: '/data/a', path: '/data/c' }));
  expect((await k.json('get cm c')).data).toEqual({ b: '2', c: '1' });
  expect(await k.fails(patch({ op: 'test', path: '/data/b', value: 'x' }))).toMatch(/^The request is invalid/);
  expect(await k.fails(patch({ op: 'remove', path: '/data/nothing' }))).toMatch(/^The request is invalid/);
});

verb(
  'patch --subresource',
  async (k) => {
    await k.ok('create -f -', deployment());
    await k.ok(['patch', 'deployment', 'd', '--subresource=scale', '--type=merge', '-p', '{"spec":{"replicas":3}}']);
    expect(await k.get('deployment/d', '.spec.replicas')).toBe('3');
    await k.ok(['patch', 'ns', k.namespace, '--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Terminating"}}']);
    expect(await k.get(`ns/${k.namespace}`, '.status.phase')).toBe('Terminating');
  },
  '1.29',
);

verb('replace', async (k) => {
  await k.ok('create -f -', config({ a: '1' }));
  expect(await k.ok('replace -f -', config({ b: '2' }))).toBe('configmap/c replaced\n');
  expect((await k.json('get cm c')).data).toEqual({ b: '2' });
  const stale = await k.ok('get cm c -o json');
  await k.ok('label cm c changed=yes');
  expect(await k.fails('replace -f -', stale)).toContain('the object has been modified; please apply your changes to the latest version');
});

verb('replace --force', async (k) => {
  await k.ok('create -f -', config({ a: '1' }));
  const uid = await k.get('cm/c', '.metadata.uid');
  expect(await k.ok('replace --force -f -', config({ b: '2' }))).toMatch(/"c" (force )?deleted.*\nconfigmap\/c replaced/);
  expect(await k.get('cm/c', '.metadata.uid')).not.toBe(uid);
});

verb('label', async (k) => {
  await k.ok('create -f -', config({}));
  expect(await k.ok('label cm c tier=web stage=one')).toBe('configmap/c labeled\n');
  expect(await k.fails('label cm c tier=db')).toContain("'tier' already has a value (web), and --overwrite is false");
  await k.ok('label cm -l tier=web tier=db stage- --overwrite');
  expect((await k.json('get cm c')).metadata.labels).toEqual({ tier: 'db' });
  expect(await k.ok('label cm c --list')).toBe('tier=db\n');
});

verb('annotate', async (k) => {
  await k.ok('create -f -', config({}));
  await k.ok(['annotate', 'cm', '--all', 'note=some words']);
  expect(await k.get('cm/c', '.metadata.annotations.note')).toBe('some words');
  await k.ok('annotate cm c note-');
  expect(await k.get('cm/c', '.metadata.annotations')).toBe('');
});

verb('kustomize', async (k) => {
  k.file('c.yaml', config({ key: 'one' }));
  k.file('kustomization.yaml', `namePrefix: my-\nresources: [c.yaml]\nconfigMapGenerator: [{name: made, literals: [a=b]}]\n`);
  expect(await k.ok(`kustomize ${k.dir}`)).toMatch(/name: my-c/);
  expect(await k.ok(`apply -k ${k.dir}`)).toMatch(/configmap\/my-c created/);
  expect(await k.ok('get cm -o name')).toMatch(/configmap\/my-made-\w+\n/);
});
