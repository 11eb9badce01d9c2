// Deployments, ReplicaSets, ReplicationControllers and the like: refusals, scale, and their rows in kubectl get.
import { describe, expect, it } from 'vitest';
import { controllerRevisions } from '../../../src/kinds/apps/controllerrevision.js';
import { daemonSets } from '../../../src/kinds/apps/daemonset.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { replicaSets } from '../../../src/kinds/apps/replicaset.js';
import { statefulSets } from '../../../src/kinds/apps/statefulset.js';
import { replicationControllers } from '../../../src/kinds/core/replicationcontroller.js';
import type { DaemonSet } from '../../../src/kinds/types/apps_v1.js';
import { container, created, errorsOf, headingsOf, rowOf, template, updateErrorsOf, workload } from './objects.js';

const controller = (spec: object = {}) => ({ metadata: { name: 'web' }, spec: { template: template(), ...spec } });

describe.each([deployments, replicaSets, daemonSets, statefulSets])('a $kind', (kind) => {
  const errors = (spec: object) => errorsOf<never>(kind as never, workload(spec));

  it('is taken as the course writes it', () => {
    expect(errors({})).toEqual([]);
  });

  it.each([
    ['without a selector', { selector: undefined }, 'spec.selector: Required value'],
    ['whose selector is empty', { selector: {} }, `spec.selector: Invalid value: {}: empty selector is invalid for ${kind.singular}`],
    [
      'whose selector is not its template’s',
      { selector: { matchLabels: { app: 'other' } } },
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
    [
      'whose pods would not restart',
      { template: template({ restartPolicy: 'Never' }) },
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      'whose pods have a deadline',
      { template: template({ activeDeadlineSeconds: 5 }) },
      `spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ${kind === deployments ? 'ReplicaSet' : kind.kind} is not Supported`,
    ],
  ])('is refused %s', (_name, spec, error) => {
    expect(errors(spec)).toEqual([error]);
  });

  it('is refused without an image, unless its pods are looked at only when they are made', () => {
    const expected = kind === statefulSets ? [] : ['spec.template.spec.containers[0].image: Required value'];
    expect(errors({ template: template({ containers: [container({ image: '' })] }) })).toEqual(expected);
  });

  it('keeps its selector', () => {
    const both = { metadata: { labels: { app: 'web', tier: 'a' } }, spec: template().spec };
    const before = workload({ template: both });
    const after = workload({ template: both, selector: { matchLabels: { tier: 'a' } } });
    const [error] = updateErrorsOf<never>(kind as never, before, after);
    if (kind.kind === 'StatefulSet')
      expect(error).toMatch(/^spec: Forbidden: updates to statefulset spec for fields other than 'replicas', /);
    else expect(error).toBe('spec.selector: Invalid value: {"matchLabels":{"tier":"a"}}: field is immutable');
  });
});

describe('a Deployment’s strategy', () => {
  const errors = (strategy: object) => errorsOf(deployments, workload({ strategy }));
  it.each([
    [{ type: 'Replace' }, 'spec.strategy.type: Unsupported value: "Replace": supported values: "Recreate", "RollingUpdate"'],
    [
      { type: 'Recreate', rollingUpdate: {} },
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
    [
      { rollingUpdate: { maxUnavailable: 0, maxSurge: '0%' } },
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    ],
    [
      { rollingUpdate: { maxUnavailable: '101%' } },
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    ],
    [
      { rollingUpdate: { maxSurge: 'half' } },
      "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"half\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ],
  ])('refuses %o', (strategy, error) => {
    expect(errors(strategy)).toEqual([error]);
  });

  it('must make progress later than it is ready', () => {
    expect(errorsOf(deployments, workload({ minReadySeconds: 600 }))).toEqual([
      'spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds',
    ]);
  });
});

describe('a StatefulSet', () => {
  const errors = (spec: object) => errorsOf(statefulSets, workload(spec));
  const rolling = (rollingUpdate: object) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });

  it('mounts the volumes of its claims, which its template does not have', () => {
    const mounting = template({ containers: [container({ volumeMounts: [{ name: 'data', mountPath: '/data' }] })] });
    expect(errors({ template: mounting, volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] })).toEqual([]);
  });

  it.each([
    [{ podManagementPolicy: 'Random' }, `spec.podManagementPolicy: Invalid value: "Random": must be 'OrderedReady' or 'Parallel'`],
    [
      { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } },
      `spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy 'RollingUpdate'`,
    ],
    [{ updateStrategy: { type: 'Now' } }, `spec.updateStrategy: Invalid value: {"type":"Now"}: must be 'RollingUpdate' or 'OnDelete'`],
    [rolling({ partition: -1 }), 'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0'],
    [rolling({ maxUnavailable: 0 }), 'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0'],
    [{ ordinals: { start: -1 } }, 'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0'],
    [
      { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Keep' } },
      'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Keep": supported values: "Retain", "Delete"',
    ],
  ])('is refused with %o', (spec, error) => {
    expect(errors(spec)).toEqual([error]);
  });

  it('has a name that may be a host name', () => {
    const [error] = errorsOf(statefulSets, { ...workload({}), metadata: { name: 'db.example' } });
    expect(error).toMatch(/^metadata.name: Invalid value: "db.example": a lowercase RFC 1123 label must consist of/);
  });
});

describe('a DaemonSet', () => {
  const changed = (before: object, after: object) => {
    const old = created(daemonSets, { ...workload({}), ...before });
    return `${old.metadata.annotations?.['deprecated.daemonset.template.generation']}>${String(generationAfter(old, after))}`;
  };
  const generationAfter = (old: DaemonSet, spec: object) => {
    const object = structuredClone({ ...old, metadata: { ...old.metadata, annotations: {} }, spec: { ...old.spec, ...spec } });
    daemonSets.prepareForUpdate!(object as never, old);
    return object.metadata.annotations?.['deprecated.daemonset.template.generation' as never];
  };

  it('counts the changes of its template, whatever a client says', () => {
    expect(changed({}, { minReadySeconds: 5 })).toBe('1>1');
    expect(changed({}, { template: template({ hostNetwork: true }) })).toBe('1>2');
    expect(changed({ metadata: { name: 'a', annotations: { 'deprecated.daemonset.template.generation': '7' } } }, {})).toBe('7>7');
  });

  it('is refused where no pod could ever be updated', () => {
    expect(errorsOf(daemonSets, workload({ updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } }))).toEqual([
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
    ]);
  });
});

describe('a ReplicationController', () => {
  it('needs no selector, but labels to take it from, and a template', () => {
    expect(errorsOf(replicationControllers, controller())).toEqual([]);
    expect(errorsOf(replicationControllers, controller({ template: { spec: template().spec } }))).toEqual([
      'spec.selector: Required value',
    ]);
    expect(errorsOf(replicationControllers, { metadata: { name: 'web' }, spec: { selector: { app: 'web' } } })).toEqual([
      'spec.template: Required value',
    ]);
  });

  it('must select its own pods, but may select others later', () => {
    expect(errorsOf(replicationControllers, controller({ selector: { app: 'other' } }))).toEqual([
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ]);
    const labelled = (app: string) => controller({ template: { metadata: { labels: { app } }, spec: template().spec } });
    expect(updateErrorsOf(replicationControllers, labelled('a'), labelled('b'))).toEqual([]);
  });
});

describe.each([deployments, replicaSets, statefulSets, replicationControllers])('scaling a $kind', (kind) => {
  it('reads and sets the replicas', () => {
    const object = created<never>(
      kind as never,
      kind === replicationControllers ? controller({ replicas: 2 }) : workload({ replicas: 2 }),
    ) as never;
    expect(kind.subresources?.scale?.get(object)).toEqual({ specReplicas: 2, statusReplicas: 0, selector: 'app=web' });
    kind.subresources?.scale?.set(object, 6);
    expect(kind.subresources?.scale?.get(object).specReplicas).toBe(6);
  });

  it('refuses less than none', () => {
    const draft = kind === replicationControllers ? controller({ replicas: -1 }) : workload({ replicas: -1 });
    expect(errorsOf<never>(kind as never, draft)).toEqual(['spec.replicas: Invalid value: -1: must be greater than or equal to 0']);
  });
});

describe('kubectl get', () => {
  const two = { template: template({ containers: [container(), container({ name: 'side', image: 'busybox:1.36' })] }), replicas: 3 };
  const wide = ['web,side', 'nginx:1.27,busybox:1.36'];

  it('deployments', () => {
    const object = {
      ...created(deployments, workload(two)),
      status: { replicas: 4, readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 },
    };
    expect(headingsOf(deployments, true)).toEqual([
      ...['NAME', 'READY', 'UP-TO-DATE', 'AVAILABLE', 'AGE', 'CONTAINERS', 'IMAGES', 'SELECTOR'],
    ]);
    expect(rowOf(deployments, object, true)).toEqual(['web', '2/3', 1, 2, '24h', ...wide, 'app=web']);
  });

  it('replicasets and replicationcontrollers', () => {
    const headings = ['NAME', 'DESIRED', 'CURRENT', 'READY', 'AGE', 'CONTAINERS', 'IMAGES', 'SELECTOR'];
    const status = { replicas: 2, readyReplicas: 1 };
    expect(headingsOf(replicaSets, true)).toEqual(headings);
    expect(headingsOf(replicationControllers, true)).toEqual(headings);
    const row = ['web', 3, 2, 1, '24h', ...wide, 'app=web'];
    expect(rowOf(replicaSets, { ...created(replicaSets, workload(two)), status }, true)).toEqual(row);
    expect(rowOf(replicationControllers, { ...created(replicationControllers, controller(two)), status }, true)).toEqual(row);
  });

  it('daemonsets and statefulsets', () => {
    expect(headingsOf(daemonSets)).toEqual([...['NAME', 'DESIRED', 'CURRENT', 'READY', 'UP-TO-DATE', 'AVAILABLE', 'NODE SELECTOR', 'AGE']]);
    expect(rowOf(daemonSets, created(daemonSets, workload()))).toEqual(['web', 0, 0, 0, 0, 0, '<none>', '24h']);
    expect(headingsOf(statefulSets, true)).toEqual(['NAME', 'READY', 'AGE', 'CONTAINERS', 'IMAGES']);
    expect(rowOf(statefulSets, created(statefulSets, workload()))).toEqual(['web', '0/1', '24h']);
  });

  it('controllerrevisions', () => {
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'u', controller: true }];
    const revision = created(controllerRevisions, { metadata: { name: 'db-1', ownerReferences }, revision: 2, data: {} });
    expect(rowOf(controllerRevisions, revision)).toEqual(['db-1', 'statefulset.apps/db', '2', '24h']);
  });
});
