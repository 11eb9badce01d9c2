// What a kubelet may see and do: what its own pods need, and nothing of other nodes'.
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../../src/apiserver/authorization/attributes.js';
import { NodeAuthorizer } from '../../../../src/apiserver/authorization/node.js';
import { NodeGraph } from '../../../../src/apiserver/authorization/node-graph.js';
import type { PersistentVolume, Pod } from '../../../../src/kinds/types/core_v1.js';

const n1 = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };

const pod = (name: string, nodeName: string | undefined, spec: object = {}, annotations: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'dev', uid: name, annotations },
    spec: { ...(nodeName ? { nodeName } : {}), serviceAccountName: 'robot', containers: [], ...spec },
  }) as unknown as Pod;

const full = {
  imagePullSecrets: [{ name: 'pull' }],
  initContainers: [{ name: 'i', envFrom: [{ configMapRef: { name: 'init-env' } }, { secretRef: { name: 'init-secret' } }] }],
  containers: [{ name: 'c', env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }] }],
  volumes: [
    { name: 'a', secret: { secretName: 'volume' } },
    { name: 'b', configMap: { name: 'settings' } },
    { name: 'c', projected: { sources: [{ secret: { name: 'projected' } }, { configMap: { name: 'root' } }] } },
    { name: 'd', persistentVolumeClaim: { claimName: 'data' } },
    { name: 'e', ephemeral: {} },
    { name: 'f', csi: { driver: 'd', nodePublishSecretRef: { name: 'csi' } } },
  ],
};

const volume = (name: string, claim: string, spec: object = {}) =>
  ({ metadata: { name }, spec: { claimRef: { namespace: 'dev', name: claim }, ...spec } }) as unknown as PersistentVolume;

function graphOf(pods: readonly Pod[], volumes: readonly PersistentVolume[] = []): NodeGraph {
  const graph = new NodeGraph((name) => (name === 'att1' ? 'n1' : 'n2'));
  graph.podIndex().reset(pods);
  graph.volumeIndex().reset(volumes);
  return graph;
}

type Ask = {
  verb?: string;
  resource: string;
  group?: string;
  subresource?: string;
  namespace?: string | undefined;
  name?: string;
  fields?: [string, string];
};
const ask = ({ verb = 'get', resource, group = '', subresource, namespace = 'dev', name, fields }: Ask, user = n1): Attributes => ({
  isResource: true,
  user,
  verb,
  group,
  version: 'v1',
  resource,
  subresource,
  namespace,
  name,
  ...(fields ? { fields: new Map([fields]) } : {}),
});

describe('the Node authoriser', () => {
  const pv = volume('pv1', 'data', { csi: { driver: 'd', nodeStageSecretRef: { name: 'stage', namespace: 'vault' } } });
  const node = new NodeAuthorizer(
    graphOf(
      [
        pod('p', 'n1', full),
        pod('other', 'n2', { volumes: [{ name: 's', secret: { secretName: 'theirs' } }] }),
        pod('unbound', undefined, full),
      ],
      [pv, volume('pv2', 'elsewhere')],
    ),
  );

  it.each([
    ...['pull', 'init-secret', 'env', 'volume', 'projected', 'csi'].map((name) => ({ resource: 'secrets', name })),
    ...['init-env', 'settings', 'root'].map((name) => ({ resource: 'configmaps', name })),
    { resource: 'configmaps', name: 'settings', verb: 'watch' },
    { resource: 'persistentvolumeclaims', name: 'data' },
    { resource: 'persistentvolumeclaims', name: 'p-e' },
    { resource: 'persistentvolumeclaims', name: 'data', subresource: 'status', verb: 'patch' },
    { resource: 'persistentvolumes', namespace: '', name: 'pv1' },
    { resource: 'secrets', namespace: 'vault', name: 'stage' },
    { resource: 'volumeattachments', group: 'storage.k8s.io', name: 'att1' },
    { resource: 'serviceaccounts', subresource: 'token', verb: 'create', name: 'robot' },
    { resource: 'pods', name: 'p' },
    { resource: 'pods', verb: 'list', namespace: '', fields: ['spec.nodeName', 'n1'] as [string, string] },
    { resource: 'pods', verb: 'patch', subresource: 'status', name: 'p' },
    { resource: 'nodes', namespace: '', name: 'n1' },
    { resource: 'nodes', namespace: '', verb: 'watch', name: 'n1' },
    { resource: 'nodes', namespace: '', verb: 'create' },
    { resource: 'leases', group: 'coordination.k8s.io', namespace: 'kube-node-lease', name: 'n1', verb: 'update' },
    { resource: 'csinodes', group: 'storage.k8s.io', name: 'n1', verb: 'patch' },
    { resource: 'services', verb: 'list', namespace: '' },
    { resource: 'certificatesigningrequests', group: 'certificates.k8s.io', verb: 'create' },
    { resource: 'events', verb: 'create' },
  ])('allows $verb $namespace $resource $subresource $name', (request) => {
    expect(node.authorize(ask(request)).allowed).toBe(true);
  });

  const unrelated = "no relationship found between node 'n1' and this object";
  it.each<[Ask, string]>([
    [{ resource: 'secrets', name: 'theirs' }, unrelated],
    [{ resource: 'secrets', name: 'volume', namespace: 'prod' }, unrelated],
    [{ resource: 'secrets', verb: 'list' }, 'No Object name found'],
    [{ resource: 'secrets', verb: 'list', namespace: '' }, 'can only read namespaced object of this type'],
    [{ resource: 'secrets', verb: 'update', name: 'volume' }, 'can only read resources of this type'],
    [{ resource: 'persistentvolumes', namespace: '', name: 'pv2' }, unrelated],
    [{ resource: 'persistentvolumes', namespace: '', verb: 'list' }, 'can only get individual resources of this type'],
    [{ resource: 'volumeattachments', group: 'storage.k8s.io', name: 'att2' }, unrelated],
    [{ resource: 'serviceaccounts', verb: 'get', name: 'robot' }, 'can only create tokens for individual service accounts'],
    [{ resource: 'serviceaccounts', verb: 'create', subresource: 'token', name: 'default' }, unrelated],
    [{ resource: 'pods', name: 'other' }, unrelated],
    [{ resource: 'pods', verb: 'list', namespace: '' }, 'can only list/watch pods with spec.nodeName field selector'],
    [{ resource: 'pods', verb: 'list', fields: ['spec.nodeName', 'n2'] }, 'can only list/watch pods with spec.nodeName field selector'],
    [{ resource: 'pods', verb: 'create', subresource: 'exec', name: 'p' }, ''],
    [{ resource: 'nodes', namespace: '', name: 'n2' }, "node 'n1' cannot read 'n2', only its own Node object"],
    [{ resource: 'nodes', namespace: '', verb: 'list' }, "node 'n1' cannot read all nodes, only its own Node object"],
    [{ resource: 'nodes', namespace: '', verb: 'delete', name: 'n1' }, ''],
    [
      { resource: 'leases', group: 'coordination.k8s.io', namespace: 'kube-node-lease', name: 'n2' },
      'can only access node lease with the same name as the requesting node',
    ],
    [
      { resource: 'leases', group: 'coordination.k8s.io', namespace: 'kube-system', name: 'n1' },
      'can only access leases in the "kube-node-lease" system namespace',
    ],
    [{ resource: 'csinodes', group: 'storage.k8s.io', name: 'n2' }, 'can only access CSINode with the same name as the requesting node'],
    [{ resource: 'deployments', group: 'apps', verb: 'list' }, ''],
  ])('does not allow %j and says why', (request, reason) => {
    expect(node.authorize(ask(request))).toEqual({ allowed: false, reason });
  });

  it('has no opinion of others, and none of a node without the group', () => {
    for (const user of [
      { name: 'bob', groups: ['system:nodes'] },
      { name: 'system:node:n1', groups: [] },
    ]) {
      expect(node.authorize(ask({ resource: 'secrets', name: 'volume' }, user))).toEqual({ allowed: false, reason: '' });
    }
  });

  it('follows pods as they come, are bound, and go', () => {
    const graph = graphOf([]);
    const index = graph.podIndex();
    const sees = () => graph.isRelated('n1', 'secrets', 'dev', 'volume');
    index.set(pod('p', undefined, full));
    expect(sees()).toBe(false);
    index.set(pod('p', 'n1', full));
    index.set(pod('q', 'n1', full));
    index.set(pod('q', 'n1', full));
    expect(sees()).toBe(true);
    index.delete(pod('p', 'n1', full));
    expect(sees()).toBe(true);
    index.delete(pod('q', 'n1', full));
    expect(sees()).toBe(false);
  });

  it('sees what an ephemeral container needs, which comes later', () => {
    const graph = graphOf([pod('p', 'n1')]);
    graph.podIndex().set(pod('p', 'n1', { ephemeralContainers: [{ name: 'debug', envFrom: [{ secretRef: { name: 'late' } }] }] }));
    expect(graph.isRelated('n1', 'secrets', 'dev', 'late')).toBe(true);
  });

  it('gets nothing by a mirror pod, which it can make itself', () => {
    const graph = graphOf([pod('p', 'n1', full, { 'kubernetes.io/config.mirror': 'x' })]);
    expect(graph.isRelated('n1', 'secrets', 'dev', 'volume')).toBe(false);
    expect(graph.isRelated('n1', 'pods', 'dev', 'p')).toBe(true);
  });
});
