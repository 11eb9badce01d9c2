// Pods: what is refused and in which words, what may change, how one is bound, how long it may take to go.
import { describe, expect, it } from 'vitest';
import { StatusError } from '../../../src/apimachinery/status.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { podLimits, podRequests } from '../../../src/kinds/core/podutil.js';
import { container, created, errorsOf, NOW_ms, podWith, updateErrorsOf } from './objects.js';

const withContainer = (more: object) => podWith({ containers: [container(more)] });

describe('creating a pod', () => {
  it('takes a plain one', () => {
    expect(errorsOf(pods, podWith())).toEqual([]);
  });

  it('starts Pending, whatever status it was sent with', () => {
    expect(created(pods, podWith({}, { status: { phase: 'Running', podIP: '1.2.3.4' } })).status).toEqual({
      phase: 'Pending',
      qosClass: 'BestEffort',
    });
  });

  it.each([
    ['Guaranteed', { limits: { cpu: '1', memory: '1Gi' } }],
    ['Burstable', { limits: { cpu: '1' } }],
    ['Burstable', { requests: { memory: '1Mi' } }],
    ['Burstable', { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }],
    ['BestEffort', {}],
  ])('is %s with %o', (qosClass, resources) => {
    expect(created(pods, withContainer({ resources })).status.qosClass).toBe(qosClass);
  });

  it.each([
    ['what its containers ask for', { limits: { cpu: '2' } }, { cpu: '500m' }, { cpu: '500m' }],
    ['as much as it may have', { limits: { memory: '1Gi' } }, {}, { memory: '1Gi' }],
    ['what it says itself', { requests: { cpu: '1' }, limits: { cpu: '2' } }, { cpu: '500m' }, { cpu: '1' }],
  ])('as a whole asks for %s', (_what, resources, requests, expected) => {
    const pod = created(pods, podWith({ resources, containers: [container({ resources: { requests } })] }));
    expect(pod.spec.resources?.requests).toEqual(expected);
    expect(pod.status.qosClass).toBe('Burstable');
  });

  it.each([
    ['no containers', podWith({ containers: [] }), 'spec.containers: Required value'],
    ['a container without a name', withContainer({ name: '' }), 'spec.containers[0].name: Required value'],
    ['no image', withContainer({ image: '' }), 'spec.containers[0].image: Required value'],
    ['two containers of a name', podWith({ containers: [container(), container()] }), 'spec.containers[1].name: Duplicate value: "web"'],
    [
      'an unknown restart policy',
      podWith({ restartPolicy: 'Often' }),
      'spec.restartPolicy: Unsupported value: "Often": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      'a port out of range',
      withContainer({ ports: [{ containerPort: 70_000 }] }),
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      'an unknown protocol',
      withContainer({ ports: [{ containerPort: 80, protocol: 'HTTP' }] }),
      'spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      'two ports of a name',
      withContainer({
        ports: [
          { containerPort: 80, name: 'http' },
          { containerPort: 81, name: 'http' },
        ],
      }),
      'spec.containers[0].ports[1].name: Duplicate value: "http"',
    ],
    [
      'a host port used twice',
      withContainer({
        ports: [
          { containerPort: 80, hostPort: 80 },
          { containerPort: 81, hostPort: 80 },
        ],
      }),
      'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"',
    ],
    [
      'a mount of no volume',
      withContainer({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      'spec.containers[0].volumeMounts[0].name: Not found: "data"',
    ],
    [
      'more requested than allowed',
      withContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '500m' } } }),
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 500m',
    ],
    [
      'less than nothing',
      withContainer({ resources: { requests: { memory: '-1' } } }),
      'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      'an unknown resource',
      withContainer({ resources: { requests: { disk: '1' } } }),
      'spec.containers[0].resources.requests[disk]: Invalid value: "disk": must be a standard resource for containers',
    ],
    [
      'a probe without a handler',
      withContainer({ livenessProbe: {} }),
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
    ],
    [
      'a probe with two',
      withContainer({ readinessProbe: { exec: { command: ['true'] }, tcpSocket: { port: 80 } } }),
      'spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
    ],
    [
      'a liveness probe to succeed twice',
      withContainer({ livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }),
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    ['an environment variable without a name', withContainer({ env: [{ value: 'x' }] }), 'spec.containers[0].env[0].name: Required value'],
    [
      'an environment variable with two values',
      withContainer({ env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
    ['two volumes of a name', podWith({ volumes: [{ name: 'a' }, { name: 'a' }] }), 'spec.volumes[1].name: Duplicate value: "a"'],
    [
      'a projected token that hardly lives',
      podWith({ volumes: [{ name: 'a', projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 599 } }] } }] }),
      'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
    ],
    [
      'a projection of two things',
      podWith({ volumes: [{ name: 'a', projected: { sources: [{ secret: { name: 's' }, configMap: { name: 'c' } }] } }] }),
      'spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type',
    ],
    [
      'a volume with two sources',
      podWith({ volumes: [{ name: 'a', emptyDir: {}, hostPath: { path: '/x' } }] }),
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [
      'a toleration of everything that names a value',
      podWith({ tolerations: [{ operator: 'Equal' }] }),
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [
      'an empty node affinity',
      podWith({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } } }),
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
    [
      'DNS from nowhere',
      podWith({ dnsPolicy: 'None' }),
      'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
    ],
  ])('refuses %s', (_name, pod, error) => {
    expect(errorsOf(pods, pod)).toEqual([error]);
  });

  it('says all that is wrong at once', () => {
    expect(errorsOf(pods, { metadata: { name: 'Web' }, spec: {} }).map((line) => line.split(':')[0])).toEqual([
      'metadata.name',
      'spec.containers',
    ]);
  });
});

describe('changing a pod', () => {
  const old = podWith({ activeDeadlineSeconds: 100 });

  it('may change an image, shorten the deadline and add a toleration', () => {
    const spec = {
      activeDeadlineSeconds: 50,
      tolerations: [{ key: 'a', operator: 'Exists' }],
      containers: [container({ image: 'nginx:1.28' })],
    };
    expect(updateErrorsOf(pods, old, podWith(spec))).toEqual([]);
  });

  it('may change nothing else, and says what it was', () => {
    const changed = podWith({ activeDeadlineSeconds: 100, nodeName: 'node-1', containers: [container({ command: ['sh'] })] });
    const [error, ...others] = updateErrorsOf(pods, old, changed);
    expect(others).toEqual([]);
    expect(error).toMatch(/^spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`,/);
    expect(error).toMatch(/\nchanged: spec\.containers\[0\]\.command, spec\.nodeName$/);
  });

  it.each([
    [
      'a container more',
      podWith({ containers: [container(), container({ name: 'b' })] }),
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    ],
    ['no deadline', podWith(), 'spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value'],
    [
      'a later deadline',
      podWith({ activeDeadlineSeconds: 200 }),
      'spec.activeDeadlineSeconds: Invalid value: 200: must be less than or equal to previous value',
    ],
  ])('may not have %s', (_name, pod, error) => {
    expect(updateErrorsOf(pods, old, pod)).toContain(error);
  });
});

describe('binding', () => {
  const binding = pods.subresources?.actions?.['binding'];
  const bind = (pod: ReturnType<typeof created<never>>, target: object) =>
    binding?.apply(pod as never, { metadata: {}, target } as never, NOW_ms);

  it('sets the node and says that the pod is scheduled', () => {
    const pod = created(pods, podWith());
    bind(pod as never, { kind: 'Node', name: 'node-2' });
    expect(pod.spec.nodeName).toBe('node-2');
    expect(pod.status.conditions).toEqual([{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T12:00:00Z' }]);
  });

  it.each([
    ['is bound already', podWith({ nodeName: 'node-1' }), {}, 'pod web is already assigned to node "node-1"'],
    ['is going', podWith(), { deletionTimestamp: '2026-01-01T12:00:00Z' }, 'pod web is being deleted, cannot be assigned to a host'],
  ])('refuses a pod that %s', (_name, draft, metadata, why) => {
    const pod = created(pods, draft);
    Object.assign(pod.metadata, metadata);
    expect(() => bind(pod as never, { name: 'node-2' })).toThrow(
      expect.objectContaining({ code: 409, message: `Operation cannot be fulfilled on pods/binding "web": ${why}` }),
    );
  });

  it('refuses a target that is no node', () => {
    const pod = created(pods, podWith());
    expect(() => bind(pod as never, { kind: 'Pod', name: 'x' })).toThrow(StatusError);
    expect(() => bind(pod as never, { kind: 'Node' })).toThrow('Binding "web" is invalid: target.name: Required value');
  });
});

describe('deleting a pod', () => {
  const period = (spec: object, phase: string, requested?: number) => {
    const pod = created(pods, podWith(spec));
    pod.status.phase = phase;
    return pods.gracePeriodSeconds?.(pod as never, requested);
  };

  it('takes the time it asks for, or the client', () => {
    expect(period({ nodeName: 'n' }, 'Running')).toBe(30);
    expect(period({ nodeName: 'n', terminationGracePeriodSeconds: 5 }, 'Running')).toBe(5);
    expect(period({ nodeName: 'n' }, 'Running', 7)).toBe(7);
    expect(period({ nodeName: 'n' }, 'Running', 0)).toBe(0);
    expect(period({ nodeName: 'n' }, 'Running', -1)).toBe(1);
  });

  it('takes none where no node runs it or it is over', () => {
    expect(period({}, 'Pending')).toBe(0);
    expect(period({ nodeName: 'n' }, 'Succeeded')).toBe(0);
    expect(period({ nodeName: 'n' }, 'Failed', 30)).toBe(0);
  });
});

describe('what a pod requests', () => {
  const needs = (cpu: string, more: object = {}) => container({ resources: { requests: { cpu } }, ...more });

  it('adds its containers up, in millicores and bytes', () => {
    const containers = [container({ resources: { requests: { cpu: '0.1', memory: '1Gi' } } }), needs('250m', { name: 'b' })];
    expect(podRequests(created(pods, podWith({ containers })) as never)).toEqual(
      new Map([
        ['cpu', 350],
        ['memory', 1024 ** 3],
      ]),
    );
  });

  it('is at least what an init container needs, beside the sidecars started before it', () => {
    const sidecar = needs('50m', { name: 's', restartPolicy: 'Always' });
    const init = needs('1', { name: 'i' });
    const cpu = (initContainers: object[]) =>
      podRequests(created(pods, podWith({ containers: [needs('100m')], initContainers })) as never).get('cpu');
    expect(cpu([init])).toBe(1000);
    expect(cpu([sidecar, init])).toBe(1050);
    expect(cpu([init, sidecar])).toBe(1000);
    expect(cpu([sidecar])).toBe(150);
  });

  it('includes overhead, which limits nothing by itself', () => {
    const pod = created(pods, podWith({ overhead: { cpu: '10m' } }));
    expect(podRequests(pod as never).get('cpu')).toBe(10);
    expect(podLimits(pod as never).get('cpu')).toBeUndefined();
  });
});
