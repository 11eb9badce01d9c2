// Services' endpoints, and what goes along when something is deleted.
import { describe, expect, test } from 'vitest';
import { isBeingDeleted } from '../../../src/apimachinery/object.js';
import { endpoints as endpointsController } from '../../../src/controllers/endpoints.js';
import { apiServices } from '../../../src/kinds/apiregistration/apiservice.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { replicaSets } from '../../../src/kinds/apps/replicaset.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { endpoints } from '../../../src/kinds/core/endpoints.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { services } from '../../../src/kinds/core/service.js';
import { endpointSlices } from '../../../src/kinds/discovery/endpointslice.js';
import { one, stored, useControlPlane, web } from './control-plane.js';
import { controlledBy, listerOf, service } from './objects.js';

const plane = useControlPlane();

describe('services', () => {
  test('endpoints and slices follow the pods', async () => {
    await plane.api.create(services, service('web'));
    await plane.quiet();
    expect(one(plane.api.objects(endpointSlices)).endpoints ?? []).toEqual([]);
    await plane.api.create(deployments, web(2));
    await plane.settled();
    const ready = () => one(plane.api.objects(endpointSlices)).endpoints.filter(({ conditions }) => conditions.ready);
    const addresses = () => one(plane.api.objects(endpoints)).subsets?.flatMap(({ addresses: all }) => all ?? []) ?? [];
    expect([ready().length, addresses().length]).toEqual([2, 2]);
    expect(one(plane.api.objects(endpointSlices)).ports).toEqual([{ name: '', protocol: 'TCP', port: 8080 }]);
    const [sick] = plane.active();
    await plane.api.patch(
      pods,
      sick!.metadata,
      'application/strategic-merge-patch+json',
      { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
      'status',
    );
    await plane.quiet();
    expect([ready().length, addresses().length]).toEqual([1, 1]);
    await plane.api.delete(services, { namespace: 'default', name: 'web' });
    await plane.quiet();
    expect([plane.api.objects(endpointSlices), plane.api.objects(endpoints)]).toEqual([[], []]);
  });

  test('a Service without a selector keeps the endpoints that someone else wrote', async () => {
    await plane.api.create(services, service('db', { spec: { selector: undefined } }));
    await plane.api.create(endpoints, { metadata: { name: 'db', namespace: 'default' }, subsets: [{ addresses: [{ ip: '192.0.2.1' }] }] });
    await plane.quiet();
    expect(one(plane.api.objects(endpoints)).subsets).toHaveLength(1);
    // Mirrored, not made of pods.
    const managers = plane.api.objects(endpointSlices).map(({ metadata }) => metadata.labels?.['endpointslice.kubernetes.io/managed-by']);
    expect(managers).toEqual(['endpointslicemirroring-controller.k8s.io']);
  });

  test('endpoints that someone else wrote outlive a cache that does not know their Service yet', async () => {
    const [name, spec] = [{ name: 'db', namespace: 'default' }, { selector: undefined }];
    await plane.api.create(services, service('db', { spec }));
    const mine = await plane.api.create(endpoints, { metadata: name, subsets: [{ addresses: [{ ip: '192.0.2.1' }] }] });
    const late = listerOf([[endpoints, [mine]]]);
    await endpointsController.reconcile('default/db', { ...late, client: plane.api } as never);
    expect(plane.api.objects(endpoints)).toHaveLength(1);
    await plane.api.delete(services, name);
    await endpointsController.reconcile('default/db', { ...late, client: plane.api } as never);
    expect(plane.api.objects(endpoints)).toEqual([]);
  });
});

describe('deletion', () => {
  test('a deployment takes its sets and pods with it', async () => {
    await plane.api.create(deployments, web(2));
    await plane.settled();
    await plane.api.delete(deployments, stored(plane).metadata, { propagationPolicy: 'Background' });
    await plane.settled();
    expect([plane.api.objects(deployments), plane.api.objects(replicaSets), plane.api.objects(pods)]).toEqual([[], [], []]);
  });

  test('in the foreground it goes last', async () => {
    await plane.api.create(deployments, web(2));
    await plane.settled();
    await plane.api.delete(deployments, stored(plane).metadata, { propagationPolicy: 'Foreground' });
    await plane.quiet();
    expect(stored(plane).metadata.finalizers).toEqual(['foregroundDeletion']);
    expect(plane.api.objects(pods).every(isBeingDeleted)).toBe(true);
    await plane.settled();
    expect([plane.api.objects(deployments), plane.api.objects(replicaSets), plane.api.objects(pods)]).toEqual([[], [], []]);
  });

  test('orphans stay, and a set of the same selector takes the pods over', async () => {
    await plane.api.create(deployments, web(2));
    await plane.settled();
    await plane.api.delete(deployments, stored(plane).metadata, { propagationPolicy: 'Orphan' });
    await plane.settled();
    expect(plane.api.objects(deployments)).toEqual([]);
    expect(one(plane.api.objects(replicaSets)).metadata.ownerReferences).toEqual([]);
    expect(plane.active()).toHaveLength(2);
  });

  test('what names an owner that is not there goes; what names one that is, and one that is not, keeps the first', async () => {
    await plane.api.create(configMaps, { metadata: { name: 'owner', namespace: 'default', uid: 'uid-owner' } });
    const real = one(plane.api.objects(configMaps));
    const gone = controlledBy(real, { name: 'gone', uid: 'uid-gone', controller: false });
    await plane.api.create(configMaps, { metadata: { name: 'lost', namespace: 'default', ownerReferences: [gone] } });
    await plane.api.create(configMaps, { metadata: { name: 'half', namespace: 'default', ownerReferences: [gone, controlledBy(real)] } });
    await plane.quiet();
    expect(plane.api.objects(configMaps).map(({ metadata }) => metadata.name)).toEqual(['owner', 'half']);
    expect(plane.api.objects(configMaps)[1]!.metadata.ownerReferences).toEqual([controlledBy(real)]);
  });

  test('an owner in another namespace is none, and the reference is told of', async () => {
    await plane.api.create(configMaps, { metadata: { name: 'far', namespace: 'other', uid: 'uid-far' } });
    const far = one(plane.api.objects(configMaps));
    await plane.api.create(configMaps, { metadata: { name: 'near', namespace: 'default', ownerReferences: [controlledBy(far)] } });
    await plane.quiet();
    expect(plane.api.objects(configMaps).map(({ metadata }) => metadata.name)).toEqual(['far']);
    expect(plane.told).toContain(
      'ConfigMap near Warning OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: default, name: far, uid: uid-far] does not exist in namespace "default"',
    );
  });

  test('a namespace goes once everything in it has gone', async () => {
    await plane.api.create(namespaces, { metadata: { name: 'dev' }, spec: { finalizers: ['kubernetes'] } });
    await plane.api.create(deployments, { ...web(2), metadata: { ...web(2).metadata, namespace: 'dev' } });
    await plane.api.create(configMaps, { metadata: { name: 'c', namespace: 'dev' } });
    await plane.api.create(configMaps, { metadata: { name: 'c', namespace: 'default' } });
    await plane.settled();
    await plane.api.delete(namespaces, { name: 'dev' });
    await plane.quiet();
    const messages = one(plane.api.objects(namespaces)).status.conditions?.map(
      ({ type, status, message }) => `${type} ${status} ${message}`,
    );
    expect(messages).toEqual([
      'NamespaceDeletionDiscoveryFailure False All resources successfully discovered',
      'NamespaceDeletionGroupVersionParsingFailure False All legacy kube types successfully parsed',
      'NamespaceDeletionContentFailure False All content successfully deleted, may be waiting on finalization',
      'NamespaceContentRemaining True Some resources are remaining: pods. has 2 resource instances',
      'NamespaceFinalizersRemaining False All content-preserving finalizers finished',
    ]);
    // What pods lean on stays while they run.
    const named = () => plane.api.objects(configMaps).filter(({ metadata }) => metadata.name === 'c');
    expect(named().map(({ metadata }) => metadata.namespace)).toEqual(['dev', 'default']);
    await plane.settled();
    expect([plane.api.objects(namespaces), plane.api.objects(pods), plane.api.objects(deployments)]).toEqual([[], [], []]);
    expect(named().map(({ metadata }) => metadata.namespace)).toEqual(['default']);
  });

  test('a namespace names the finalizers that hold it, and waits for other servers that do not answer', async () => {
    const service = { name: 'metrics', namespace: 'default' };
    const metadata = { name: 'v1.away.example.com' };
    await plane.api.create(apiServices, { metadata, spec: { group: 'away.example.com', version: 'v1', service }, status: {} } as never);
    await plane.api.create(namespaces, { metadata: { name: 'dev' }, spec: { finalizers: ['kubernetes'] } });
    await plane.api.create(configMaps, { metadata: { name: 'held', namespace: 'dev', finalizers: ['example.com/held'] } });
    await plane.api.delete(namespaces, { name: 'dev' });
    await plane.quiet();
    const said = (type: string) => one(plane.api.objects(namespaces)).status.conditions?.find((each) => each.type === type)?.message;
    expect(said('NamespaceFinalizersRemaining')).toBe(
      'Some content in the namespace has finalizers remaining: example.com/held in 1 resource instances',
    );
    expect(said('NamespaceDeletionDiscoveryFailure')).toMatch(
      /^Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: away.example.com\/v1:/,
    );
    const held = plane.api.objects(configMaps).find(({ metadata: { name } }) => name === 'held')!;
    await plane.api.update(configMaps, { ...held, metadata: { ...held.metadata, finalizers: [] } });
    await plane.quiet();
    expect(said('NamespaceContentRemaining')).toBe('All content successfully removed');
    await plane.api.delete(apiServices, metadata);
    await plane.quiet();
    expect(plane.api.objects(namespaces)).toEqual([]);
  });
});
