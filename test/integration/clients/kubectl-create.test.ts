// kubectl create: every generator, and what each makes.
import { expect } from 'vitest';
import { kubectlVerbs } from './kubectl-verbs.js';

const verb = kubectlVerbs();

/** What Kubernetes says too where an old kubectl asks for a version that it no longer has. */
const gone = (stderr: string) => {
  expect(stderr).toMatch(/could not find the requested resource|no matches for kind/);
  return 'refused' as const;
};

verb('create -f', async (k) => {
  const list = `
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {key: value}}
- {apiVersion: v1, kind: ConfigMap, metadata: {generateName: two-}, binaryData: {key: AAEC}}
`;
  expect(await k.ok('create -f -', list)).toMatch(/^configmap\/one created\nconfigmap\/two-[a-z0-9]{5} created\n$/);
  expect(await k.fails('create -f -', list)).toContain('Error from server (AlreadyExists)');
  expect(await k.get('cm/one', '.data.key')).toBe('value');
});

verb('create --dry-run=server', async (k) => {
  expect(await k.json('create configmap c --from-literal=a=b --dry-run=server')).toMatchObject({ data: { a: 'b' } });
  expect(await k.fails('get cm c')).toContain('(NotFound)');
});

verb('create configmap', async (k) => {
  await k.ok(`create configmap c --from-literal=a=b --from-file=file=${k.file('text', 'a text\n')}`);
  expect((await k.json('get cm c')).data).toEqual({ a: 'b', file: 'a text\n' });
});

verb('create secret generic', async (k) => {
  await k.ok('create secret generic s --from-literal=password=hush');
  expect(await k.json('get secret s')).toMatchObject({ type: 'Opaque', data: { password: Buffer.from('hush').toString('base64') } });
});

verb('create secret docker-registry', async (k) => {
  await k.ok(
    'create secret docker-registry s --docker-server=r.example --docker-username=u --docker-password=p --docker-email=e@r.example',
  );
  const { type, data } = await k.json('get secret s');
  expect(type).toBe('kubernetes.io/dockerconfigjson');
  expect(JSON.parse(Buffer.from(data['.dockerconfigjson'], 'base64').toString()).auths['r.example'].username).toBe('u');
});

verb('create secret tls', async (k) => {
  const { cert, key } = k.cluster.pki.admin;
  await k.ok(`create secret tls s --cert=${k.file('tls.crt', cert)} --key=${k.file('tls.key', key)}`);
  expect(await k.get('secret/s', '.type')).toBe('kubernetes.io/tls');
  const empty = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 't' }, type: 'kubernetes.io/tls' };
  expect(await k.fails('create -f -', JSON.stringify(empty))).toContain('data[tls.crt]: Required value');
});

verb('create namespace', async (k) => {
  await k.ok(`create namespace ${k.namespace}-other`);
  expect(await k.get(`ns/${k.namespace}-other`, '.status.phase')).toBe('Active');
  expect(await k.fails('create namespace Not_A_Name')).toContain('metadata.name: Invalid value: "Not_A_Name"');
});

verb('create deployment', async (k) => {
  await k.ok('create deployment d --image=nginx --replicas=2 --port=80');
  await k.ok('rollout status deployment/d');
  expect(await k.ok('get deployment d --no-headers')).toMatch(/^d +2\/2 +2 +2 /);
});

verb('create job', async (k) => {
  await k.ok('create job j --image=busybox -- true');
  const { spec, metadata } = await k.json('get job j');
  expect(spec).toMatchObject({
    backoffLimit: 6,
    completions: 1,
    parallelism: 1,
    suspend: false,
    template: { spec: { restartPolicy: 'Never' } },
  });
  expect(spec.selector.matchLabels['batch.kubernetes.io/controller-uid']).toBe(metadata.uid);
  await k.ok('wait --for=condition=complete job/j --timeout=60s');
  expect(await k.ok('get job j --no-headers')).toMatch(/^j +Complete +1\/1 /);
});

verb('create cronjob', async (k) => {
  // The oldest asks for batch/v1beta1, which Kubernetes has not had since 1.25.
  if (k.minor < 21) return gone(await k.fails(['create', 'cronjob', 'c', '--image=busybox', '--schedule=0 3 * * *']));
  await k.ok(['create', 'cronjob', 'c', '--image=busybox', '--schedule=0 3 * * *']);
  expect(await k.ok('get cj c --no-headers')).toMatch(/^c +0 3 \* \* \* +(<none> +)?False +0 +<none> /);
  await k.ok('create job now --from=cronjob/c');
  expect(await k.get('job/now', '.metadata.ownerReferences[0].name')).toBe('c');
  expect(await k.fails(['create', 'cronjob', 'd', '--image=busybox', '--schedule=never'])).toContain(
    'spec.schedule: Invalid value: "never"',
  );
});

verb('create ingress', async (k) => {
  await k.ok('create ingress i --class=nginx --rule=example.org/path=web:80');
  expect(await k.ok('get ing i --no-headers')).toMatch(/^i +nginx +example\.org +80 /);
});

verb('create poddisruptionbudget', async (k) => {
  // The oldest asks for policy/v1beta1, which Kubernetes has not had since 1.25.
  const create = 'create pdb p --selector=app=web --min-available=1';
  if (k.minor < 21) return gone(await k.fails(create));
  await k.ok(create);
  expect(await k.ok('get pdb p --no-headers')).toMatch(/^p +1 +N\/A +0 /);
});

verb('create priorityclass', async (k) => {
  await k.ok(`create priorityclass ${k.namespace} --value=1000 --description=high`);
  expect(await k.get(`pc/${k.namespace}`, '.value')).toBe('1000');
  await k.ok(`delete pc ${k.namespace}`);
});

verb('create quota', async (k) => {
  await k.ok('create quota q --hard=configmaps=2');
  expect(await k.get('quota/q', '.spec.hard.configmaps')).toBe('2');
});

verb('create role', async (k) => {
  await k.ok('create role r --verb=get,list --resource=pods,deployments.apps --resource-name=x');
  expect((await k.json('get role r')).rules).toEqual([
    { apiGroups: [''], resourceNames: ['x'], resources: ['pods'], verbs: ['get', 'list'] },
    { apiGroups: ['apps'], resourceNames: ['x'], resources: ['deployments'], verbs: ['get', 'list'] },
  ]);
});

verb('create rolebinding', async (k) => {
  await k.ok('create rolebinding b --clusterrole=view --user=jane --serviceaccount=default:x');
  expect(await k.ok('get rolebinding b --no-headers')).toMatch(/^b +ClusterRole\/view /);
});

verb('create clusterrole', async (k) => {
  await k.ok(`create clusterrole ${k.namespace} --verb=get --non-resource-url=/logs/*`);
  expect((await k.json(`get clusterrole ${k.namespace}`)).rules).toEqual([{ nonResourceURLs: ['/logs/*'], verbs: ['get'] }]);
  await k.ok(`delete clusterrole ${k.namespace}`);
});

verb('create clusterrolebinding', async (k) => {
  await k.ok(`create clusterrolebinding ${k.namespace} --clusterrole=view --group=some`);
  expect(await k.get(`clusterrolebinding/${k.namespace}`, '.subjects[0].name')).toBe('some');
  await k.ok(`delete clusterrolebinding ${k.namespace}`);
});

verb('create service clusterip', async (k) => {
  await k.ok('create service clusterip s --tcp=80:8080');
  expect(await k.get('svc/s', '.spec.clusterIP')).toMatch(/^10\./);
  await k.ok('create service clusterip headless --clusterip=None');
  expect(await k.get('svc/headless', '.spec.clusterIP')).toBe('None');
});

verb('create service nodeport', async (k) => {
  await k.ok('create service nodeport s --tcp=80');
  const port = await k.get('svc/s', '.spec.ports[0].nodePort');
  expect(await k.fails(`create service nodeport t --tcp=80 --node-port=${port}`)).toContain('provided port is already allocated');
});

verb('create service loadbalancer', async (k) => {
  await k.ok('create service loadbalancer s --tcp=80');
  expect(await k.ok('get svc s --no-headers')).toMatch(/^s +LoadBalancer +\S+ +(<pending>|[\d.,]+) +80:\d+\/TCP/);
});

verb('create service externalname', async (k) => {
  await k.ok('create service externalname s --external-name=db.example');
  expect(await k.ok('get svc s --no-headers')).toMatch(/^s +ExternalName +<none> +db\.example/);
});

verb('create serviceaccount', async (k) => {
  await k.ok('create serviceaccount robot');
  expect(await k.ok('get sa -o name')).toBe('serviceaccount/default\nserviceaccount/robot\n');
});

verb(
  'create token',
  async (k) => {
    await k.ok('create serviceaccount robot');
    const token = (await k.ok('create token robot --duration=1h --audience=somebody')).trim();
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    expect(claims).toMatchObject({ sub: `system:serviceaccount:${k.namespace}:robot`, aud: ['somebody'] });
    expect(claims.exp - claims.iat).toBe(3600);
    expect(await k.fails('create token nobody')).toContain('serviceaccounts "nobody" not found');
  },
  '1.29',
);
