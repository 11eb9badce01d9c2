// Every kind that upstream serves, as kubectl lists it; and the kinds that kubectl can make, made and shown by it.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { Kubectl } from '../../suites/kubectl.js';

let api: TestServer;
let kubectl: Kubectl;
beforeAll(async () => {
  const scheduler = { name: 'scheduler', check: () => Promise.reject(new Error('its caches are not filled yet')) };
  const controllers = { name: 'controller-manager', check: () => Promise.resolve() };
  api = await startTestServer({ components: [scheduler, controllers] });
  kubectl = new Kubectl('1.35', api.kubeconfig, join(api.dir, 'home'));
});
afterAll(() => api?.stop());

/** Name, short names, group and version, whether namespaced, kind, categories: as kubectl 1.35 lists them of upstream 1.35. */
const RESOURCES = `
bindings | | v1 | true | Binding |
componentstatuses | cs | v1 | false | ComponentStatus |
configmaps | cm | v1 | true | ConfigMap |
endpoints | ep | v1 | true | Endpoints |
events | ev | v1 | true | Event |
limitranges | limits | v1 | true | LimitRange |
namespaces | ns | v1 | false | Namespace |
nodes | no | v1 | false | Node |
persistentvolumeclaims | pvc | v1 | true | PersistentVolumeClaim |
persistentvolumes | pv | v1 | false | PersistentVolume |
pods | po | v1 | true | Pod | all
podtemplates | | v1 | true | PodTemplate |
replicationcontrollers | rc | v1 | true | ReplicationController | all
resourcequotas | quota | v1 | true | ResourceQuota |
secrets | | v1 | true | Secret |
serviceaccounts | sa | v1 | true | ServiceAccount |
services | svc | v1 | true | Service | all
mutatingwebhookconfigurations | | admissionregistration.k8s.io/v1 | false | MutatingWebhookConfiguration | api-extensions
validatingwebhookconfigurations | | admissionregistration.k8s.io/v1 | false | ValidatingWebhookConfiguration | api-extensions
validatingadmissionpolicies | | admissionregistration.k8s.io/v1 | false | ValidatingAdmissionPolicy | api-extensions
validatingadmissionpolicybindings | | admissionregistration.k8s.io/v1 | false | ValidatingAdmissionPolicyBinding | api-extensions
customresourcedefinitions | crd,crds | apiextensions.k8s.io/v1 | false | CustomResourceDefinition | api-extensions
apiservices | | apiregistration.k8s.io/v1 | false | APIService | api-extensions
controllerrevisions | | apps/v1 | true | ControllerRevision |
daemonsets | ds | apps/v1 | true | DaemonSet | all
deployments | deploy | apps/v1 | true | Deployment | all
replicasets | rs | apps/v1 | true | ReplicaSet | all
statefulsets | sts | apps/v1 | true | StatefulSet | all
selfsubjectreviews | | authentication.k8s.io/v1 | false | SelfSubjectReview |
tokenreviews | | authentication.k8s.io/v1 | false | TokenReview |
localsubjectaccessreviews | | authorization.k8s.io/v1 | true | LocalSubjectAccessReview |
selfsubjectaccessreviews | | authorization.k8s.io/v1 | false | SelfSubjectAccessReview |
selfsubjectrulesreviews | | authorization.k8s.io/v1 | false | SelfSubjectRulesReview |
subjectaccessreviews | | authorization.k8s.io/v1 | false | SubjectAccessReview |
horizontalpodautoscalers | hpa | autoscaling/v2 | true | HorizontalPodAutoscaler | all
cronjobs | cj | batch/v1 | true | CronJob | all
jobs | | batch/v1 | true | Job | all
certificatesigningrequests | csr | certificates.k8s.io/v1 | false | CertificateSigningRequest |
leases | | coordination.k8s.io/v1 | true | Lease |
endpointslices | | discovery.k8s.io/v1 | true | EndpointSlice |
events | ev | events.k8s.io/v1 | true | Event |
flowschemas | | flowcontrol.apiserver.k8s.io/v1 | false | FlowSchema |
prioritylevelconfigurations | | flowcontrol.apiserver.k8s.io/v1 | false | PriorityLevelConfiguration |
ingressclasses | | networking.k8s.io/v1 | false | IngressClass |
ingresses | ing | networking.k8s.io/v1 | true | Ingress |
ipaddresses | ip | networking.k8s.io/v1 | false | IPAddress |
nodes | | metrics.k8s.io/v1beta1 | false | NodeMetrics |
pods | | metrics.k8s.io/v1beta1 | true | PodMetrics |
networkpolicies | netpol | networking.k8s.io/v1 | true | NetworkPolicy |
servicecidrs | | networking.k8s.io/v1 | false | ServiceCIDR |
runtimeclasses | | node.k8s.io/v1 | false | RuntimeClass |
poddisruptionbudgets | pdb | policy/v1 | true | PodDisruptionBudget |
clusterrolebindings | | rbac.authorization.k8s.io/v1 | false | ClusterRoleBinding |
clusterroles | | rbac.authorization.k8s.io/v1 | false | ClusterRole |
rolebindings | | rbac.authorization.k8s.io/v1 | true | RoleBinding |
roles | | rbac.authorization.k8s.io/v1 | true | Role |
deviceclasses | | resource.k8s.io/v1 | false | DeviceClass |
resourceclaims | | resource.k8s.io/v1 | true | ResourceClaim |
resourceclaimtemplates | | resource.k8s.io/v1 | true | ResourceClaimTemplate |
resourceslices | | resource.k8s.io/v1 | false | ResourceSlice |
priorityclasses | pc | scheduling.k8s.io/v1 | false | PriorityClass |
csidrivers | | storage.k8s.io/v1 | false | CSIDriver |
csinodes | | storage.k8s.io/v1 | false | CSINode |
csistoragecapacities | | storage.k8s.io/v1 | true | CSIStorageCapacity |
storageclasses | sc | storage.k8s.io/v1 | false | StorageClass |
volumeattachments | | storage.k8s.io/v1 | false | VolumeAttachment |
volumeattributesclasses | vac | storage.k8s.io/v1 | false | VolumeAttributesClass |`;

const EVERY_VERB = 'create,delete,deletecollection,get,list,patch,update,watch';
function verbsOf(name: string, apiVersion: string): string {
  if (name === 'componentstatuses' || apiVersion.startsWith('metrics.')) return 'get,list';
  return name === 'bindings' || name.endsWith('reviews') ? 'create' : EVERY_VERB;
}

function expectedRow(row: string): string {
  const [name = '', shortNames, ...rest] = row.split('|').map((cell) => cell.trim());
  const categories = rest.pop();
  return [name, shortNames, ...rest, verbsOf(name, rest[0] ?? ''), categories].filter(Boolean).join(' ');
}

it('kubectl api-resources lists what upstream serves, and nothing else', async () => {
  const rows = (await kubectl.ok(['api-resources', '-o', 'wide', '--no-headers'])).trim().split('\n');
  const found = rows.map((row) => row.trimEnd().split(/\s+/).join(' '));
  expect(found.sort()).toEqual(RESOURCES.trim().split('\n').map(expectedRow).sort());
});

it('every cluster has the system’s priorities, flow schemas and range of addresses', async () => {
  const rows = async (what: string) =>
    (await kubectl.ok(['get', what, '--no-headers']))
      .trim()
      .split('\n')
      .map((row) => row.split(/\s+/));
  expect((await rows('pc')).map(([name, value]) => [name, value])).toEqual([
    ['system-cluster-critical', '2000000000'],
    ['system-node-critical', '2000001000'],
  ]);
  expect((await rows('flowschemas')).map((row) => row.slice(0, 4).join(' '))).toEqual([
    'catch-all catch-all 10000 ByUser',
    'exempt exempt 1 <none>',
    'global-default global-default 9900 ByUser',
    'kube-controller-manager workload-high 800 ByNamespace',
    'kube-scheduler workload-high 800 ByNamespace',
    'kube-system-service-accounts workload-high 900 ByNamespace',
    'probes exempt 2 <none>',
    'service-accounts workload-low 9000 ByUser',
    'system-leader-election leader-election 100 ByUser',
    'system-node-high node-high 400 ByUser',
    'system-nodes system 500 ByUser',
  ]);
  expect((await rows('prioritylevelconfigurations')).map((row) => row.slice(0, 6).join(' '))).toEqual([
    'catch-all Limited 5 <none> <none> <none>',
    'exempt Exempt 0 <none> <none> <none>',
    'global-default Limited 20 128 6 50',
    'leader-election Limited 10 16 4 50',
    'node-high Limited 40 64 6 50',
    'system Limited 30 64 6 50',
    'workload-high Limited 40 128 6 50',
    'workload-low Limited 100 128 6 50',
  ]);
  expect((await rows('servicecidrs'))[0]?.slice(0, 2)).toEqual(['kubernetes', '10.96.0.0/12']);
});

it('kubectl get cs shows how the parts of the control plane are, and that it is deprecated', async () => {
  const { stdout, stderr } = await kubectl.run(['get', 'cs']);
  expect(stderr).toBe('Warning: v1 ComponentStatus is deprecated in v1.19+\n');
  expect(stdout.split('\n').map((row) => row.trimEnd().split(/ {2,}/))).toEqual([
    ['NAME', 'STATUS', 'MESSAGE', 'ERROR'],
    ['scheduler', 'Unhealthy', 'its caches are not filled yet'],
    ['controller-manager', 'Healthy', 'ok'],
    ['etcd-0', 'Healthy', 'ok'],
    [''],
  ]);
  expect(await kubectl.ok(['get', 'cs', 'etcd-0', '-o', 'jsonpath={.conditions[0].status}'])).toBe('True');
  expect((await kubectl.run(['get', 'cs', 'nobody'])).stderr).toContain('componentstatuses "nobody" not found');
  expect((await kubectl.run(['delete', 'cs', 'etcd-0'])).stderr).toContain('(MethodNotAllowed)');
});

it('kubectl is warned of what is deprecated in what it makes, and of owners that are named twice', async () => {
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u' };
  const template = {
    metadata: { labels: { a: 'b' } },
    spec: { containers: [{ name: 'c', image: 'i' }], nodeSelector: { 'beta.kubernetes.io/os': 'linux' } },
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'warned', ownerReferences: [owner, owner] },
    spec: { selector: { matchLabels: { a: 'b' } }, template },
  };
  const warnings = async (...args: string[]) => (await kubectl.run(args, JSON.stringify(deployment))).stderr.trim().split('\n');
  const label = 'Warning: spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead';
  expect(await warnings('create', '-f', '-')).toEqual([
    expect.stringMatching(/^Warning: \.metadata\.ownerReferences contains duplicate entries; API server dedups .* observed: u$/),
    label,
  ]);
  expect(JSON.parse(await kubectl.ok(['get', 'deployment', 'warned', '-o', 'json'])).metadata.ownerReferences).toEqual([owner]);
  expect(await warnings('label', 'deployment', 'warned', 'x=y')).toEqual(['']);
  expect(await warnings('scale', 'deployment', 'warned', '--replicas=0')).toEqual([label]);
  expect(await warnings('set', 'image', 'deployment/warned', 'c=j')).toEqual([label]);
});

it('kubectl is told that Endpoints are deprecated', async () => {
  const { stderr } = await kubectl.run(['get', 'endpoints']);
  expect(stderr).toBe('Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n');
});

describe('kubectl makes and shows', () => {
  it.each([
    [
      'job.batch/pi created',
      ['create', 'job', 'pi', '--image=perl'],
      ['get', 'job', 'pi'],
      /^NAME +STATUS +COMPLETIONS +DURATION +AGE\npi +Running +0\/1 +\d+s\n$/,
    ],
    [
      'cronjob.batch/nightly created',
      ['create', 'cronjob', 'nightly', '--image=busybox', '--schedule=0 3 * * *'],
      ['get', 'cj', 'nightly'],
      /^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE +LAST SCHEDULE +AGE\nnightly +0 3 \* \* \* +<none> +False +0 +<none> +\d+s\n$/,
    ],
    [
      'job.batch/now created',
      ['create', 'job', 'now', '--from=cronjob/nightly'],
      ['describe', 'job', 'now'],
      /Controlled By: +CronJob\/nightly/,
    ],
    [
      'ingress.networking.k8s.io/web created',
      ['create', 'ingress', 'web', '--class=nginx', '--rule=a.example.com/*=web:80,tls=cert'],
      ['get', 'ing', 'web'],
      /^NAME +CLASS +HOSTS +ADDRESS +PORTS +AGE\nweb +nginx +a\.example\.com +80, 443 +\d+s\n$/,
    ],
    [
      'poddisruptionbudget.policy/web created',
      ['create', 'pdb', 'web', '--selector=app=web', '--min-available=50%'],
      ['get', 'pdb', 'web'],
      /^NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS +AGE\nweb +50% +N\/A +0 +\d+s\n$/,
    ],
    [
      'priorityclass.scheduling.k8s.io/high created',
      ['create', 'priorityclass', 'high', '--value=1000'],
      ['get', 'pc', 'high'],
      /^NAME +VALUE +GLOBAL-DEFAULT +AGE +PREEMPTIONPOLICY\nhigh +1000 +false +\d+s +PreemptLowerPriority\n$/,
    ],
    [
      'resourcequota/q created',
      ['create', 'quota', 'q', '--hard=count/jobs.batch=3'],
      ['get', 'quota', 'q', '-o', 'jsonpath={.spec.hard}'],
      /"3"/,
    ],
    ['deployment.apps/web created', ['create', 'deployment', 'web', '--image=nginx'], ['get', 'deployment', 'web'], /^web +0\/1/m],
    [
      'horizontalpodautoscaler.autoscaling/web autoscaled',
      ['autoscale', 'deployment', 'web', '--min=1', '--max=3', '--cpu=70%'],
      ['get', 'hpa', 'web'],
      /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nweb +Deployment\/web +cpu: <unknown>\/70% +1 +3 +0 +\d+s\n$/,
    ],
  ])('%s', async (said, create, show, shown) => {
    expect(await kubectl.ok(create)).toContain(said);
    expect(await kubectl.ok(show)).toMatch(shown);
  });

  it('an autoscaler of v1 and of v2, which are one', async () => {
    const v1 = await kubectl.ok(['get', 'horizontalpodautoscalers.v1.autoscaling', 'web', '-o', 'json']);
    expect(JSON.parse(v1)).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 70 } });
    const patch = JSON.stringify({ spec: { targetCPUUtilizationPercentage: 55 } });
    await kubectl.ok(['patch', 'horizontalpodautoscalers.v1.autoscaling', 'web', '--type=merge', '-p', patch]);
    const target = 'jsonpath={.spec.metrics[0].resource.target.averageUtilization}';
    expect(await kubectl.ok(['get', 'hpa', 'web', '-o', target])).toBe('55');
  });

  it('what is refused, all at once', async () => {
    const refused = await kubectl.fails(['create', 'cronjob', 'bad', '--image=busybox', '--schedule=61 * * *', '--restart=Always']);
    const schedule = 'spec.schedule: Invalid value: "61 * * *": expected exactly 5 fields, found 4: [61 * * *]';
    const policy = 'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"';
    expect(refused).toContain(`CronJob.batch "bad" is invalid: [${schedule}, ${policy}]`);
  });
});
