// Small API objects for tests of controllers and the scheduler: only what a test is about has to be said.
import type { Draft } from '../../../src/apimachinery/json.js';
import type { KubeObject, ObjectName } from '../../../src/apimachinery/object.js';
import { keyOf } from '../../../src/apimachinery/object.js';
import type { OwnerReference } from '../../../src/apimachinery/types/meta_v1.js';
import type { AnyKind, Kind, Lister } from '../../../src/kinds/define.js';
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../../../src/kinds/types/apps_v1.js';
import type { Node, Pod, PodTemplateSpec, Service } from '../../../src/kinds/types/core_v1.js';

export const NOW = Date.UTC(2026, 0, 1);
export const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString().replace('.000', '');

type Extra = { readonly metadata?: Draft<KubeObject['metadata']>; readonly spec?: object; readonly status?: object };

function object<T>(apiVersion: string, kind: string, name: string, base: { spec: object; status: object }, extra: Extra): T {
  return {
    apiVersion,
    kind,
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: at(0), ...extra.metadata },
    spec: { ...base.spec, ...extra.spec },
    status: { ...base.status, ...extra.status },
  } as T;
}

export const pod = (name: string, extra: Extra = {}): Pod =>
  object('v1', 'Pod', name, { spec: { containers: [{ name: 'c', image: 'busybox' }] }, status: { phase: 'Pending' } }, extra);

/** Running, ready since `since` seconds, with an address. */
export const readyPod = (name: string, extra: Extra = {}, since = 0): Pod =>
  pod(name, {
    ...extra,
    spec: { nodeName: 'node-1', ...extra.spec },
    status: {
      phase: 'Running',
      podIP: '10.244.0.2',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(since) }],
      ...extra.status,
    },
  });

export const node = (name: string, extra: Extra = {}): Node =>
  object(
    'v1',
    'Node',
    name,
    {
      spec: {},
      status: {
        allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: at(0) }],
      },
    },
    {
      ...extra,
      metadata: { namespace: undefined, labels: { 'kubernetes.io/hostname': name }, ...extra.metadata } as Extra['metadata'] & object,
    },
  );

export const service = (name: string, extra: Extra = {}): Service =>
  object(
    'v1',
    'Service',
    name,
    { spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }] }, status: {} },
    extra,
  );

export const replicaSet = (name: string, extra: Extra = {}): ReplicaSet =>
  object('apps/v1', 'ReplicaSet', name, { spec: { replicas: 1, template: template() }, status: { replicas: 0 } }, extra);

export const deployment = (name: string, extra: Extra = {}): Deployment =>
  object(
    'apps/v1',
    'Deployment',
    name,
    {
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'web' } },
        template: template(),
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
        progressDeadlineSeconds: 600,
      },
      status: {},
    },
    extra,
  );

export const statefulSet = (name: string, extra: Extra = {}): StatefulSet =>
  object(
    'apps/v1',
    'StatefulSet',
    name,
    {
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'web' } },
        serviceName: name,
        template: template(),
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        revisionHistoryLimit: 10,
      },
      status: { replicas: 0, availableReplicas: 0 },
    },
    extra,
  );

export const daemonSet = (name: string, extra: Extra = {}): DaemonSet =>
  object(
    'apps/v1',
    'DaemonSet',
    name,
    {
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: template(),
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
        revisionHistoryLimit: 10,
      },
      status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
    },
    extra,
  );

export const template = (image = 'nginx') =>
  ({ metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } }) as unknown as PodTemplateSpec;

export const controlledBy = (owner: KubeObject, extra: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
  ...extra,
});

/** A lister over fixed objects. */
export function listerOf(entries: readonly (readonly [AnyKind, readonly KubeObject[]])[]): Lister {
  const of = (kind: AnyKind) => entries.filter(([each]) => each === kind).flatMap(([, objects]) => objects);
  return {
    get: <T extends KubeObject>(kind: Kind<T>, name: ObjectName) =>
      of(kind).find(({ metadata }) => keyOf(metadata) === keyOf(name)) as T | undefined,
    list: <T extends KubeObject>(kind: Kind<T>, namespace?: string) =>
      of(kind).filter(({ metadata }) => !namespace || metadata.namespace === namespace) as unknown as readonly T[],
  };
}
