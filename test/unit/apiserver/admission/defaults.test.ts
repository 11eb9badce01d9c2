// The plugins that fill in what a pod, a claim or an Ingress left to the cluster, and refuse what does not go with it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatusError } from '../../../../src/apimachinery/status.js';
import { namespaces } from '../../../../src/kinds/core/namespace.js';
import { persistentVolumeClaims } from '../../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../../src/kinds/core/pod.js';
import { services } from '../../../../src/kinds/core/service.js';
import { serviceAccounts } from '../../../../src/kinds/core/serviceaccount.js';
import { ingresses } from '../../../../src/kinds/networking/ingress.js';
import { ingressClasses } from '../../../../src/kinds/networking/ingressclass.js';
import { runtimeClasses } from '../../../../src/kinds/node/runtimeclass.js';
import { priorityClasses } from '../../../../src/kinds/scheduling/priorityclass.js';
import { storageClasses } from '../../../../src/kinds/storage/storageclass.js';
import { startTestServer, type TestServer } from '../../../suites/apiserver.js';
import { showsFields } from '../../../suites/pod-spec.js';

let api: TestServer;
beforeAll(async () => {
  api = await startTestServer();
});
afterAll(() => api.stop());

let made = 0;
const createPod = (spec: object = {}, to = api) =>
  to.client.create(pods, {
    metadata: { name: `p${++made}`, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  } as never);
const refusal = (request: Promise<unknown>): Promise<string> =>
  request.then(
    () => 'allowed',
    (error: StatusError) => error.message.replace(/"p\d+"/, '"P"'),
  );

describe('Priority', () => {
  test('a pod has the priority of its class, of the default class, or none', async (context) => {
    showsFields(context, 'spec.priorityClassName');
    expect((await createPod()).spec).toMatchObject({ priority: 0, preemptionPolicy: 'PreemptLowerPriority' });
    expect((await createPod({ priorityClassName: 'system-node-critical' })).spec).toMatchObject({ priority: 2_000_001_000 });
    const name = 'calm';
    await api.client.create(priorityClasses, { metadata: { name }, value: 7, preemptionPolicy: 'Never', globalDefault: true } as never);
    expect((await createPod()).spec).toMatchObject({ priorityClassName: name, priority: 7, preemptionPolicy: 'Never' });
    const second = api.client.create(priorityClasses, { metadata: { name: 'other' }, value: 8, globalDefault: true } as never);
    expect(await refusal(second)).toBe(
      'priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass calm is already marked as default. Only one default can exist',
    );
    await api.client.delete(priorityClasses, { name });
  });

  test('a class that is not there, and a priority that is not its class’s, are refused', async () => {
    expect(await refusal(createPod({ priorityClassName: 'none' }))).toBe(
      'pods "P" is forbidden: no PriorityClass with name none was found',
    );
    expect(await refusal(createPod({ priority: 5 }))).toBe(
      'pods "P" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    );
  });
});

test('RuntimeClass: overhead, node selector and tolerations', async () => {
  const scheduling = { nodeSelector: { vm: 'yes' }, tolerations: [{ key: 'vm', operator: 'Exists' }] };
  const overhead = { podFixed: { memory: '64Mi' } };
  await api.client.create(runtimeClasses, { metadata: { name: 'vm' }, handler: 'vm', overhead, scheduling } as never);
  const { spec } = await createPod({ runtimeClassName: 'vm' });
  expect(spec).toMatchObject({ overhead: { memory: '64Mi' }, nodeSelector: { vm: 'yes' } });
  expect(spec.tolerations).toContainEqual({ key: 'vm', operator: 'Exists' });
  expect(await refusal(createPod({ runtimeClassName: 'none' }))).toBe('pods "P" is forbidden: pod rejected: RuntimeClass "none" not found');
  expect(await refusal(createPod({ runtimeClassName: 'vm', nodeSelector: { vm: 'no' } }))).toBe(
    'pods "P" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
  );
  expect(await refusal(createPod({ overhead: { memory: '1Mi' } }))).toContain(
    'Pod Overhead set without corresponding RuntimeClass defined Overhead',
  );
});

test('DefaultStorageClass and PersistentVolumeClaimResize', async () => {
  const claim = (name: string, spec: object = {}) =>
    api.client.create(persistentVolumeClaims, {
      metadata: { name, namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    } as never);
  expect((await claim('before')).spec.storageClassName).toBeUndefined();
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  await api.client.create(storageClasses, {
    metadata: { name: 'fast', annotations },
    provisioner: 'x.io/y',
    allowVolumeExpansion: true,
  } as never);
  await api.client.create(storageClasses, { metadata: { name: 'rigid' }, provisioner: 'x.io/y' } as never);
  expect((await claim('after')).spec.storageClassName).toBe('fast');
  expect((await claim('none', { storageClassName: '' })).spec.storageClassName).toBe('');
  await claim('fixed', { storageClassName: 'rigid' });
  const grow = async (name: string) => {
    const current = await api.client.get(persistentVolumeClaims, { namespace: 'default', name });
    await api.client.update(persistentVolumeClaims, { ...current, status: { ...current.status, phase: 'Bound' } } as never, 'status');
    const patch = { spec: { resources: { requests: { storage: '2Gi' } } } };
    return api.client.patch(persistentVolumeClaims, current.metadata, 'application/merge-patch+json', patch);
  };
  expect((await grow('after')).spec.resources?.requests).toEqual({ storage: '2Gi' });
  expect(await refusal(grow('fixed'))).toBe(
    'persistentvolumeclaims "fixed" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  );
});

test('DefaultIngressClass', async () => {
  const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
  await api.client.create(ingressClasses, { metadata: { name: 'gate', annotations }, spec: { controller: 'example.com/gate' } } as never);
  const spec = { defaultBackend: { service: { name: 's', port: { number: 80 } } } };
  const ingress = await api.client.create(ingresses, { metadata: { name: 'i', namespace: 'default' }, spec } as never);
  expect(ingress.spec.ingressClassName).toBe('gate');
});

describe('plugins that have to be asked for, or that need a controller', () => {
  test('do what their names say', async () => {
    const enableAdmissionPlugins = [
      'AlwaysPullImages',
      'NamespaceAutoProvision',
      'ExtendedResourceToleration',
      'LimitPodHardAntiAffinityTopology',
      'DenyServiceExternalIPs',
    ];
    const strict = await startTestServer({ enableAdmissionPlugins, disableAdmissionPlugins: ['ServiceAccount'] });
    try {
      const containers = [{ name: 'c', image: 'i:1', resources: { limits: { 'x.io/gpu': '1' } } }];
      const { spec } = await createPod({ containers }, strict);
      expect(spec.containers[0]!.imagePullPolicy).toBe('Always');
      expect(spec.tolerations).toContainEqual({ key: 'x.io/gpu', operator: 'Exists' });
      await strict.client.create(services, { metadata: { name: 's', namespace: 'new' }, spec: { ports: [{ port: 80 }] } } as never);
      expect(await strict.client.get(namespaces, { name: 'new' })).toMatchObject({ status: { phase: 'Active' } });
      const terms = [{ topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } }];
      const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } };
      expect(await refusal(createPod({ affinity }, strict))).toContain(
        'has TopologyKey zone but only key kubernetes.io/hostname is allowed',
      );
      const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
      const made = await strict.client.create(persistentVolumeClaims, { metadata: { name: 'c', namespace: 'new' }, spec: claim } as never);
      expect(made.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
      const external = { ports: [{ port: 80 }], externalIPs: ['192.0.2.9'] };
      const service = strict.client.create(services, { metadata: { name: 'e', namespace: 'new' }, spec: external } as never);
      expect(await refusal(service)).toBe('services "e" is forbidden: Use of external IPs is denied by admission control.');
    } finally {
      await strict.stop();
    }
  });

  test('of one that there is not, the server says so', async () => {
    await expect(startTestServer({ enableAdmissionPlugins: ['Nonsense'] })).rejects.toThrow(
      '--enable-admission-plugins: there is no plugin Nonsense',
    );
  });
});

test('ServiceAccount: a token is mounted into every container, unless the pod or its account does without', async (context) => {
  showsFields(context, 'spec.automountServiceAccountToken');
  const server = await startTestServer({ disableAdmissionPlugins: [] });
  try {
    for (const [name, automountServiceAccountToken] of [
      ['default', true],
      ['shy', false],
    ] as const)
      await server.client.create(serviceAccounts, { metadata: { name, namespace: 'default' }, automountServiceAccountToken });
    const mountsToken = async (spec: object) => {
      const pod = await createPod(spec, server);
      const mounts = pod.spec.containers[0]!.volumeMounts ?? [];
      return (
        mounts.some(({ mountPath }) => mountPath === '/var/run/secrets/kubernetes.io/serviceaccount') && pod.spec.volumes?.length === 1
      );
    };
    expect(await mountsToken({})).toBe(true);
    expect(await mountsToken({ automountServiceAccountToken: false })).toBe(false);
    expect(await mountsToken({ serviceAccountName: 'shy' })).toBe(false);
    expect(await mountsToken({ serviceAccountName: 'shy', automountServiceAccountToken: true })).toBe(true);
  } finally {
    await server.stop();
  }
});
