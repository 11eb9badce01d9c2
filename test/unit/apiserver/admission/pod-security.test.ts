// PodSecurity as a user meets it: what each level refuses, in upstream's words, what it warns of, and what happens to what is there already.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatusError } from '../../../../src/apimachinery/status.js';
import { namespaces } from '../../../../src/kinds/core/namespace.js';
import { pods } from '../../../../src/kinds/core/pod.js';
import { startTestServer, type TestServer } from '../../../suites/apiserver.js';
import { Kubectl } from '../../../suites/kubectl.js';

let api: TestServer;
beforeAll(async () => {
  api = await startTestServer();
});
afterAll(() => api.stop());

const hardened = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};
const podOf = (container: object = {}, spec: object = {}, metadata: object = {}) => ({
  metadata: { name: 'p', ...metadata },
  spec: { containers: [{ name: 'a', image: 'i', ...container }], ...spec },
});

let made = 0;
async function namespace(labels: { [mode: string]: string }): Promise<string> {
  const name = `ns-${++made}`;
  const prefixed = Object.fromEntries(Object.entries(labels).map(([mode, level]) => [`pod-security.kubernetes.io/${mode}`, level]));
  await api.client.create(namespaces, { metadata: { name, labels: prefixed } });
  return name;
}

const create = (ns: string, pod: ReturnType<typeof podOf>) =>
  api.client.create(pods, { ...pod, metadata: { ...pod.metadata, namespace: ns } } as never);
const why = (ns: string, pod: ReturnType<typeof podOf>): Promise<string> =>
  create(ns, pod).then(
    () => 'allowed',
    (error: StatusError) => error.message.replace(/^pods "p" is forbidden: violates PodSecurity "[a-z]+:latest": /, ''),
  );

describe('baseline', () => {
  let ns: string;
  beforeAll(async () => {
    ns = await namespace({ enforce: 'baseline' });
  });

  test.each<[string, object, object, string]>([
    [
      'privileged containers',
      { securityContext: { privileged: true } },
      {},
      'privileged (container "a" must not set securityContext.privileged=true)',
    ],
    ['host namespaces', {}, { hostNetwork: true, hostPID: true }, 'host namespaces (hostNetwork=true, hostPID=true)'],
    [
      'host paths',
      {},
      {
        volumes: [
          { name: 'v', hostPath: { path: '/x' } },
          { name: 'w', hostPath: { path: '/y' } },
        ],
      },
      'hostPath volumes (volumes "v", "w")',
    ],
    [
      'host ports',
      {
        ports: [
          { containerPort: 80, hostPort: 80 },
          { containerPort: 81, hostPort: 8081 },
        ],
      },
      {},
      'hostPort (container "a" uses hostPorts 80, 8081)',
    ],
    [
      'capabilities',
      { securityContext: { capabilities: { add: ['NET_ADMIN', 'CHOWN'] } } },
      {},
      'non-default capabilities (container "a" must not include "NET_ADMIN" in securityContext.capabilities.add)',
    ],
    [
      'unconfined seccomp',
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
      {},
      'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'SELinux users',
      {},
      { securityContext: { seLinuxOptions: { user: 'u', type: 'spc_t' } } },
      'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
    ],
    ['unsafe sysctls', {}, { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }, 'forbidden sysctls (kernel.msgmax)'],
    [
      'AppArmor profiles',
      {},
      { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
      'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
    ],
    [
      'hosts of probes',
      { livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } },
      {},
      'probe or lifecycle host (container "a" uses probe or lifecycle host "10.0.0.1")',
    ],
  ])('refuses %s', async (_what, container, spec, message) => {
    expect(await why(ns, podOf(container, spec))).toBe(message);
  });

  test('takes a plain pod, and tells all that is wrong with another at once', async () => {
    expect(await why(ns, podOf({}, {}, { name: 'plain' }))).toBe('allowed');
    const bad = podOf(
      { securityContext: { privileged: true } },
      { hostIPC: true, initContainers: [{ name: 'i', image: 'i', securityContext: { privileged: true } }] },
    );
    expect(await why(ns, bad)).toBe(
      'host namespaces (hostIPC=true), privileged (containers "i", "a" must not set securityContext.privileged=true)',
    );
  });
});

describe('restricted', () => {
  test('wants everything set that hardens a pod', async () => {
    const ns = await namespace({ enforce: 'restricted' });
    expect(await why(ns, podOf())).toBe(
      'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
    const nfs = { volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }], securityContext: { runAsUser: 0 } };
    expect(await why(ns, podOf({ securityContext: hardened }, nfs))).toBe(
      'restricted volume types (volume "v" uses restricted volume type "nfs"), runAsUser=0 (pod must not set runAsUser=0)',
    );
    expect(await why(ns, podOf({ securityContext: hardened }))).toBe('allowed');
  });
});

test('an image that changes is looked at again, a label is not', async () => {
  const ns = await namespace({});
  await create(ns, podOf({ securityContext: { privileged: true } }));
  const name = { namespace: ns, name: 'p' };
  await api.client.patch(namespaces, { name: ns }, 'application/merge-patch+json', {
    metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } },
  });
  await api.client.list(namespaces);
  await api.client.patch(pods, name, 'application/merge-patch+json', { metadata: { labels: { a: 'b' } } });
  const patch = { spec: { containers: [{ name: 'a', image: 'other' }] } };
  await expect(api.client.patch(pods, name, 'application/strategic-merge-patch+json', patch)).rejects.toMatchObject({ code: 403 });
});

describe('kubectl', () => {
  test('shows what would be refused, of pods and of what makes them, and what a namespace’s new level finds', async () => {
    const kubectl = new Kubectl('1.35', api.kubeconfig, `${api.dir}/home`);
    const ns = await namespace({ warn: 'restricted', 'warn-version': 'v1.30' });
    const { code, stderr } = await kubectl.run(['create', 'deployment', 'd', '--image=i', '-n', ns]);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^Warning: would violate PodSecurity "restricted:v1.30": allowPrivilegeEscalation != false/),
    ]);
    await create(ns, podOf({ securityContext: { privileged: true } }));
    await create(ns, podOf({ securityContext: { privileged: true } }, {}, { name: 'q' }));
    const labelled = await kubectl.run(['label', 'namespace', ns, 'pod-security.kubernetes.io/enforce=baseline']);
    expect(labelled.stderr).toBe(
      `Warning: existing pods in namespace "${ns}" violate the new PodSecurity enforce level "baseline:latest"\nWarning: p (and 1 other pod): privileged\n`,
    );
    const wrong = await kubectl.fails(['label', 'namespace', ns, 'pod-security.kubernetes.io/enforce=strict', '--overwrite']);
    expect(wrong).toContain(
      'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
    );
  });
});
