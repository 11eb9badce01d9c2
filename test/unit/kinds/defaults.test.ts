// What the server fills in: upstream's defaults, and that filling in twice changes nothing.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { daemonSets } from '../../../src/kinds/apps/daemonset.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { replicaSets } from '../../../src/kinds/apps/replicaset.js';
import { statefulSets } from '../../../src/kinds/apps/statefulset.js';
import { limitRanges } from '../../../src/kinds/core/limitrange.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { pullPolicyOf } from '../../../src/kinds/core/podspec-defaults.js';
import { replicationControllers } from '../../../src/kinds/core/replicationcontroller.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { services } from '../../../src/kinds/core/service.js';
import { endpointSlices } from '../../../src/kinds/discovery/endpointslice.js';
import { container, decoded, podWith, template, workload } from './objects.js';

describe('a pod', () => {
  it('gets what kubectl get -o yaml shows of a plain pod', () => {
    const { spec } = decoded(pods, podWith({ containers: [container({ ports: [{ containerPort: 80 }] })] }));
    expect(spec).toEqual({
      containers: [
        {
          name: 'web',
          image: 'nginx:1.27',
          imagePullPolicy: 'IfNotPresent',
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    });
  });

  it('keeps what it says, zeros too', () => {
    const { spec } = decoded(pods, podWith({ terminationGracePeriodSeconds: 0, enableServiceLinks: false, restartPolicy: 'Never' }));
    expect(spec).toMatchObject({ terminationGracePeriodSeconds: 0, enableServiceLinks: false, restartPolicy: 'Never' });
  });

  it('requests what it limits, unless it says otherwise', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } };
    const { spec } = decoded(pods, podWith({ containers: [container({ resources })] }));
    expect(spec.containers[0]?.resources.requests).toEqual({ cpu: '100m', memory: '1Gi' });
  });

  it('has its ports on the host when it uses the host network', () => {
    const { spec } = decoded(pods, podWith({ hostNetwork: true, containers: [container({ ports: [{ containerPort: 80 }] })] }));
    expect(spec.containers[0]?.ports?.[0]?.hostPort).toBe(80);
  });

  it('has probes with upstream’s numbers', () => {
    const probes = { livenessProbe: { httpGet: { port: 80 } }, readinessProbe: { grpc: { port: 9000 }, periodSeconds: 3 } };
    const { spec } = decoded(pods, podWith({ containers: [container(probes)] }));
    const numbers = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
    expect(spec.containers[0]?.livenessProbe).toEqual({ httpGet: { path: '/', port: 80, scheme: 'HTTP' }, ...numbers });
    expect(spec.containers[0]?.readinessProbe).toEqual({ grpc: { port: 9000, service: '' }, ...numbers, periodSeconds: 3 });
  });

  it('has volumes with modes, and an emptyDir where no source is named', () => {
    const volumes = [{ name: 'a' }, { name: 'b', configMap: { name: 'c' } }, { name: 'd', hostPath: { path: '/srv' } }];
    expect(decoded(pods, podWith({ volumes })).spec.volumes).toEqual([
      { name: 'a', emptyDir: {} },
      { name: 'b', configMap: { name: 'c', defaultMode: 420 } },
      { name: 'd', hostPath: { path: '/srv', type: '' } },
    ]);
  });

  it.each([
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.27', 'IfNotPresent'],
    ['registry.local:5000/nginx', 'Always'],
    ['registry.local:5000/nginx:1.27', 'IfNotPresent'],
    ['nginx@sha256:0123', 'IfNotPresent'],
    ['nginx:latest@sha256:0123', 'Always'],
  ])('pulls %s %s', (image, policy) => {
    expect(pullPolicyOf(image)).toBe(policy);
  });
});

describe('a Service', () => {
  const spec = (more: object) => decoded(services, { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }], ...more } }).spec;

  it('is a ClusterIP without affinity, its target port its port', () => {
    expect(spec({})).toEqual({
      internalTrafficPolicy: 'Cluster',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
    });
  });

  it('has an external policy only where traffic can come from outside', () => {
    expect(spec({ type: 'NodePort' }).externalTrafficPolicy).toBe('Cluster');
    expect(spec({ externalIPs: ['10.0.0.9'] }).externalTrafficPolicy).toBe('Cluster');
    expect(spec({ type: 'ExternalName', externalName: 'example.com' })).not.toHaveProperty('internalTrafficPolicy');
  });

  it('sticks to an endpoint for three hours with ClientIP', () => {
    expect(spec({ sessionAffinity: 'ClientIP' }).sessionAffinityConfig).toEqual({ clientIP: { timeoutSeconds: 10_800 } });
  });
});

describe('workloads', () => {
  it('a Deployment rolls by quarters', () => {
    expect(decoded(deployments, workload()).spec).toMatchObject({
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    });
    expect(decoded(deployments, workload({ strategy: { type: 'Recreate' } })).spec.strategy).toEqual({ type: 'Recreate' });
    expect(decoded(deployments, workload({ replicas: 0 })).spec.replicas).toBe(0);
  });

  it('their templates get no more than upstream’s', () => {
    const { template } = decoded(replicaSets, workload()).spec;
    expect(template.spec).not.toHaveProperty('enableServiceLinks');
    expect(template.spec.restartPolicy).toBe('Always');
  });

  it('a ReplicationController takes selector and labels from its template', () => {
    const controller = decoded(replicationControllers, { metadata: { name: 'web' }, spec: { template: template() } });
    expect(controller.spec.selector).toEqual({ app: 'web' });
    expect(controller.metadata.labels).toEqual({ app: 'web' });
    expect(controller.spec.replicas).toBe(1);
  });

  it('DaemonSets and StatefulSets roll one by one', () => {
    expect(decoded(daemonSets, workload()).spec.updateStrategy.rollingUpdate).toEqual({ maxUnavailable: 1, maxSurge: 0 });
    expect(decoded(statefulSets, workload()).spec).toMatchObject({
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    });
  });
});

describe('other kinds', () => {
  it('a Namespace is labelled with its name', () => {
    expect(decoded(namespaces, { metadata: { name: 'dev' } }).metadata.labels).toEqual({ 'kubernetes.io/metadata.name': 'dev' });
  });

  it('a Secret’s stringData becomes data, over which it wins', () => {
    const secret = decoded(secrets, { metadata: { name: 's' }, data: { a: 'b2xk', b: 'b2xk' }, stringData: { a: 'new' } });
    expect(secret).toMatchObject({ type: 'Opaque', data: { a: 'bmV3', b: 'b2xk' } });
    expect(secret).not.toHaveProperty('stringData');
  });

  it('a LimitRange’s maximum is the default limit, and that the default request', () => {
    const spec = { limits: [{ type: 'Container', max: { cpu: '2' }, default: { memory: '1Gi' } }] };
    expect(decoded(limitRanges, { metadata: { name: 'l' }, spec }).spec.limits[0]).toEqual({
      type: 'Container',
      max: { cpu: '2' },
      default: { cpu: '2', memory: '1Gi' },
      defaultRequest: { cpu: '2', memory: '1Gi' },
    });
  });
});

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const amounts = fc.dictionary(fc.constantFrom('cpu', 'memory'), fc.constantFrom('100m', '1', '2Gi'));
const probe = fc.record({
  httpGet: maybe(fc.record({ port: fc.constantFrom(80, 'http'), path: maybe(fc.constant('/ok')) })),
  grpc: maybe(fc.record({ port: fc.constant(90) })),
  periodSeconds: maybe(fc.nat(20)),
  successThreshold: maybe(fc.nat(3)),
});
const anyContainer = fc.record({
  name: fc.constantFrom('a', 'b'),
  image: fc.constantFrom('nginx', 'nginx:1.27', 'busybox@sha256:00'),
  ports: maybe(fc.array(fc.record({ containerPort: fc.nat(65_535), hostPort: maybe(fc.nat(9000)) }), { maxLength: 2 })),
  env: maybe(fc.array(fc.record({ name: fc.constant('E'), valueFrom: maybe(fc.constant({ fieldRef: { fieldPath: 'metadata.name' } })) }))),
  resources: maybe(fc.record({ limits: maybe(amounts), requests: maybe(amounts) })),
  livenessProbe: maybe(probe),
  lifecycle: maybe(fc.record({ preStop: fc.constant({ httpGet: { port: 80 } }) })),
});
const volume = fc.constantFrom(
  {},
  { emptyDir: {} },
  { hostPath: { path: '/srv' } },
  { configMap: { name: 'c' } },
  { secret: { secretName: 's' } },
  { projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { downwardAPI: { items: [{ path: 'x' }] } }] } },
);
const podSpec = fc.record({
  containers: fc.array(anyContainer, { maxLength: 2 }),
  initContainers: maybe(fc.array(anyContainer, { maxLength: 1 })),
  volumes: maybe(fc.array(volume, { maxLength: 3 })),
  hostNetwork: maybe(fc.boolean()),
  terminationGracePeriodSeconds: maybe(fc.nat(60)),
  serviceAccountName: maybe(fc.constant('robot')),
  serviceAccount: maybe(fc.constant('older')),
});
const workloadSpec = fc.record({
  replicas: maybe(fc.nat(3)),
  template: fc.record({ metadata: fc.constantFrom({}, { labels: { app: 'web' } }), spec: podSpec }),
  strategy: maybe(fc.record({ type: maybe(fc.constantFrom('Recreate', 'RollingUpdate')) })),
  updateStrategy: maybe(fc.record({ type: maybe(fc.constantFrom('OnDelete', 'RollingUpdate')) })),
});
const serviceSpec = fc.record({
  type: maybe(fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName')),
  sessionAffinity: maybe(fc.constantFrom('None', 'ClientIP')),
  ports: maybe(fc.array(fc.record({ port: fc.nat(65_535), targetPort: maybe(fc.constantFrom(0, 8080, 'http')) }), { maxLength: 2 })),
});

describe('defaults are idempotent', () => {
  const cases = [
    [pods, podSpec],
    [deployments, workloadSpec],
    [replicaSets, workloadSpec],
    [replicationControllers, workloadSpec],
    [daemonSets, workloadSpec],
    [statefulSets, workloadSpec],
    [services, serviceSpec],
  ] as const;
  it.each(cases.map(([kind, spec]) => [kind.kind, kind, spec] as const))('%s', (_name, kind, spec) => {
    fc.assert(
      fc.property(spec as fc.Arbitrary<object>, (draft) => {
        // Through JSON, as a stored object comes back; without the members that the draft leaves undefined.
        const once = decoded<never>(kind as never, JSON.parse(JSON.stringify({ metadata: { name: 'x' }, spec: draft })));
        const again = structuredClone(once);
        kind.defaults?.(again);
        expect(again).toEqual(once);
        expect(decoded<never>(kind as never, structuredClone(once))).toEqual(once);
      }),
      { numRuns: 200 },
    );
  });

  it('EndpointSlice', () => {
    const slice = decoded(endpointSlices, { addressType: 'IPv4', endpoints: [], ports: [{ port: 80 }] });
    expect(slice.ports).toEqual([{ name: '', port: 80, protocol: 'TCP' }]);
    expect(decoded(endpointSlices, structuredClone(slice))).toEqual(slice);
  });
});
