// What every namespace has of itself, its default ServiceAccount and the cluster's CA, and what its quotas say is used.
import { expect, test } from 'vitest';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { resourceQuotas } from '../../../src/kinds/core/resourcequota.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import { useControlPlane } from './control-plane.js';

const plane = useControlPlane();

test('a namespace gets its default account and the CA, and gets them again', async () => {
  await plane.api.create(namespaces, { metadata: { name: 'fresh' }, spec: {}, status: { phase: 'Active' } } as never);
  await plane.quiet();
  const accounts = () => plane.api.objects(serviceAccounts).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  const authorities = () => plane.api.objects(configMaps).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  expect(accounts()).toContain('fresh/default');
  expect(authorities()).toContain('fresh/kube-root-ca.crt');
  await plane.api.delete(serviceAccounts, { namespace: 'fresh', name: 'default' });
  await plane.api.delete(configMaps, { namespace: 'fresh', name: 'kube-root-ca.crt' });
  await plane.quiet();
  expect(accounts()).toContain('fresh/default');
  expect(authorities()).toContain('fresh/kube-root-ca.crt');
});

test('a quota says what is used: what there is at once, what has gone a moment later, so that what is on its way stays charged', async () => {
  const pod = (name: string, phase = 'Running') => ({
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '250m' } } }] },
    status: { phase },
  });
  await plane.api.create(pods, pod('a') as never);
  await plane.api.create(pods, pod('done', 'Succeeded') as never);
  await plane.api.create(resourceQuotas, {
    metadata: { name: 'q', namespace: 'default' },
    spec: { hard: { pods: '4', 'requests.cpu': '1', 'count/pods': '9' } },
    status: {},
  } as never);
  const used = () => plane.api.objects(resourceQuotas)[0]!.status.used;
  await plane.quiet();
  expect(used()).toEqual({ pods: '1', 'requests.cpu': '250m', 'count/pods': '2' });
  await plane.api.create(pods, pod('b') as never);
  await plane.quiet();
  expect(used()).toEqual({ pods: '2', 'requests.cpu': '500m', 'count/pods': '3' });
  await plane.api.delete(pods, { namespace: 'default', name: 'b' }, { gracePeriodSeconds: 0 });
  await plane.quiet();
  expect(used()).toEqual({ pods: '2', 'requests.cpu': '500m', 'count/pods': '3' });
  await plane.clock.advance(1000);
  await plane.quiet();
  expect(used()).toEqual({ pods: '1', 'requests.cpu': '250m', 'count/pods': '2' });
});
