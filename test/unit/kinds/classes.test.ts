// PodDisruptionBudgets, PriorityClasses, RuntimeClasses and the kinds of storage: defaults, refusals in upstream's words, rows.
import { describe, expect, it } from 'vitest';
import { runtimeClasses } from '../../../src/kinds/node/runtimeclass.js';
import { podDisruptionBudgets } from '../../../src/kinds/policy/poddisruptionbudget.js';
import { priorityClasses } from '../../../src/kinds/scheduling/priorityclass.js';
import { csiDrivers } from '../../../src/kinds/storage/csidriver.js';
import { csiNodes } from '../../../src/kinds/storage/csinode.js';
import { csiStorageCapacities } from '../../../src/kinds/storage/csistoragecapacity.js';
import { storageClasses } from '../../../src/kinds/storage/storageclass.js';
import { volumeAttachments } from '../../../src/kinds/storage/volumeattachment.js';
import { volumeAttributesClasses } from '../../../src/kinds/storage/volumeattributesclass.js';
import { created, errorsOf, headingsOf, rowOf, statusErrorsOf, updateErrorsOf } from './objects.js';

const named = (more: object) => ({ metadata: { name: 'x' }, ...more });

describe('a PodDisruptionBudget', () => {
  it.each([
    [{ minAvailable: '50%' }, []],
    [
      { minAvailable: 1, maxUnavailable: 1 },
      ['spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set'],
    ],
    [{ minAvailable: -1 }, ['spec.minAvailable: Invalid value: -1: must be greater than or equal to 0']],
    [{ maxUnavailable: '150%' }, ['spec.maxUnavailable: Invalid value: "150%": must not be greater than 100%']],
    [
      { unhealthyPodEvictionPolicy: 'Never' },
      ['spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"'],
    ],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(podDisruptionBudgets, named({ spec }))).toEqual(errors);
  });

  it('is a row, and counts from 0', () => {
    expect(headingsOf(podDisruptionBudgets)).toEqual(['NAME', 'MIN AVAILABLE', 'MAX UNAVAILABLE', 'ALLOWED DISRUPTIONS', 'AGE']);
    expect(rowOf(podDisruptionBudgets, created(podDisruptionBudgets, named({ spec: { minAvailable: 2 } })))).toEqual([
      'x',
      '2',
      'N/A',
      0,
      '24h',
    ]);
    expect(statusErrorsOf(podDisruptionBudgets, named({ spec: {} }), {}, { currentHealthy: -1 })).toEqual([
      'status.currentHealthy: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });
});

describe('a PriorityClass', () => {
  it.each([
    [named({ value: 1000 }), []],
    [named({ value: 1_000_000_001 }), ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000']],
    [
      named({ value: 1, preemptionPolicy: 'Maybe' }),
      ['preemptionPolicy: Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"'],
    ],
    [{ metadata: { name: 'system-node-critical' }, value: 2_000_001_000 }, []],
    [
      { metadata: { name: 'system-node-critical' }, value: 5 },
      [
        "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: value of system-node-critical PriorityClass must be 2000001000",
      ],
    ],
    [
      { metadata: { name: 'system-mine' }, value: 5 },
      [
        "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
      ],
    ],
  ])('%j gets the errors %j', (draft, errors) => {
    expect(errorsOf(priorityClasses, draft)).toEqual(errors);
  });

  it('keeps its value and policy, and is a row', () => {
    expect(updateErrorsOf(priorityClasses, named({ value: 1 }), named({ value: 2, preemptionPolicy: 'Never' }))).toEqual([
      'value: Forbidden: may not be changed in an update.',
      'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]);
    expect(headingsOf(priorityClasses)).toEqual(['NAME', 'VALUE', 'GLOBAL-DEFAULT', 'AGE', 'PREEMPTIONPOLICY']);
    expect(rowOf(priorityClasses, created(priorityClasses, named({ value: 7 })))).toEqual(['x', 7, false, '24h', 'PreemptLowerPriority']);
  });
});

describe('a RuntimeClass', () => {
  const toleration = { key: 'gpu', operator: 'Exists', effect: 'NoSchedule' };
  it.each([
    [{ handler: 'runc' }, []],
    [{ handler: 'runc', overhead: { podFixed: { cpu: '100m' } }, scheduling: { nodeSelector: { a: 'b' }, tolerations: [toleration] } }, []],
    [{ handler: 'Run_C' }, [expect.stringMatching(/^handler: Invalid value: "Run_C": a lowercase RFC 1123 label/)]],
    [
      { handler: 'runc', scheduling: { tolerations: [toleration, toleration] } },
      ['scheduling.tolerations[1]: Duplicate value: {"key":"gpu","operator":"Exists","effect":"NoSchedule"}'],
    ],
  ])('%j gets the errors %j', (draft, errors) => {
    expect(errorsOf(runtimeClasses, named(draft))).toEqual(errors);
  });

  it('keeps its handler, and is a row', () => {
    expect(updateErrorsOf(runtimeClasses, named({ handler: 'a' }), named({ handler: 'b' }))).toEqual([
      'handler: Invalid value: "b": field is immutable',
    ]);
    expect(headingsOf(runtimeClasses)).toEqual(['NAME', 'HANDLER', 'AGE']);
    expect(rowOf(runtimeClasses, created(runtimeClasses, named({ handler: 'runc' })))).toEqual(['x', 'runc', '24h']);
  });
});

describe('a StorageClass', () => {
  it('deletes volumes and binds at once by default', () => {
    expect(created(storageClasses, named({ provisioner: 'a/b' }))).toMatchObject({
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'Immediate',
    });
  });

  const expression = (key: string, ...values: string[]) => ({ matchLabelExpressions: [{ key, values }] });
  it.each([
    [{ provisioner: 'kubernetes.io/no-provisioner', allowedTopologies: [expression('zone', 'a', 'b')] }, []],
    [{ provisioner: '' }, ['provisioner: Required value']],
    [{ provisioner: 'a', reclaimPolicy: 'Recycle' }, ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"']],
    [
      { provisioner: 'a', volumeBindingMode: 'Never' },
      ['volumeBindingMode: Unsupported value: "Never": supported values: "Immediate", "WaitForFirstConsumer"'],
    ],
    [{ provisioner: 'a', parameters: { '': 'x' } }, ['parameters: Invalid value: "": field can not be empty.']],
    [
      { provisioner: 'a', allowedTopologies: [expression('zone'), expression('zone', 'a', 'a')] },
      [
        'allowedTopologies[0].matchLabelExpressions[0].values: Required value',
        'allowedTopologies[1].matchLabelExpressions[0].values[1]: Duplicate value: "a"',
      ],
    ],
  ])('%j gets the errors %j', (draft, errors) => {
    expect(errorsOf(storageClasses, named(draft))).toEqual(errors);
  });

  it('stays what it is, and is a row', () => {
    const before = named({ provisioner: 'a', parameters: { a: 'b' } });
    expect(
      updateErrorsOf(
        storageClasses,
        before,
        named({ provisioner: 'b', reclaimPolicy: 'Retain', volumeBindingMode: 'WaitForFirstConsumer' }),
      ),
    ).toEqual([
      'parameters: Forbidden: updates to parameters are forbidden.',
      'provisioner: Forbidden: updates to provisioner are forbidden.',
      'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
      'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
    ]);
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const object = created(storageClasses, { metadata: { name: 'fast', annotations }, provisioner: 'a', allowVolumeExpansion: true });
    expect(headingsOf(storageClasses)).toEqual([
      'NAME',
      'PROVISIONER',
      'RECLAIMPOLICY',
      'VOLUMEBINDINGMODE',
      'ALLOWVOLUMEEXPANSION',
      'AGE',
    ]);
    expect(rowOf(storageClasses, object)).toEqual(['fast (default)', 'a', 'Delete', 'Immediate', true, '24h']);
  });
});

describe('a VolumeAttributesClass', () => {
  it.each([
    [{ driverName: 'd', parameters: { iops: '5' } }, []],
    [{ driverName: '' }, ['driverName: Required value', 'parameters: Required value: must contain at least one key/value pair']],
  ])('%j gets the errors %j', (draft, errors) => {
    expect(errorsOf(volumeAttributesClasses, named(draft))).toEqual(errors);
  });

  it('stays what it is, and is a row', () => {
    const before = named({ driverName: 'd', parameters: { iops: '5' } });
    expect(updateErrorsOf(volumeAttributesClasses, before, named({ driverName: 'e', parameters: { iops: '6' } }))).toEqual([
      'driverName: Forbidden: updates to driverName are forbidden.',
      'parameters: Forbidden: updates to parameters are forbidden.',
    ]);
    expect(headingsOf(volumeAttributesClasses)).toEqual(['NAME', 'DRIVERNAME', 'AGE']);
    expect(rowOf(volumeAttributesClasses, created(volumeAttributesClasses, before))).toEqual(['x', 'd', '24h']);
  });
});

describe('a VolumeAttachment', () => {
  const attachment = (spec: object) =>
    named({ spec: { attacher: 'csi.example.com', nodeName: 'n1', source: { persistentVolumeName: 'pv' }, ...spec } });
  it.each([
    [{}, []],
    [{ attacher: '' }, ['spec.attacher: Required value']],
    [{ source: {} }, ['spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName']],
    [
      { source: { inlineVolumeSpec: {} } },
      [
        'spec.source.inlineVolumeSpec.accessModes: Required value',
        'spec.source.inlineVolumeSpec.capacity: Required value',
        'spec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy: Required value',
        'spec.source.inlineVolumeSpec: Required value: must specify a volume type',
      ],
    ],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(volumeAttachments, attachment(spec))).toEqual(errors);
  });

  it('stays what it is, and is a row', () => {
    expect(updateErrorsOf(volumeAttachments, attachment({}), attachment({ nodeName: 'n2' }))).toEqual([
      'spec: Invalid value: {"attacher":"csi.example.com","nodeName":"n2","source":{"persistentVolumeName":"pv"}}: field is immutable',
    ]);
    expect(headingsOf(volumeAttachments)).toEqual(['NAME', 'ATTACHER', 'PV', 'NODE', 'ATTACHED', 'AGE']);
    expect(rowOf(volumeAttachments, created(volumeAttachments, attachment({})))).toEqual([
      'x',
      'csi.example.com',
      'pv',
      'n1',
      false,
      '24h',
    ]);
  });
});

describe('a CSIDriver', () => {
  it('gets defaults and is a row', () => {
    const object = created(csiDrivers, named({ spec: { tokenRequests: [{ audience: 'a' }, { audience: 'b' }] } }));
    expect(object.spec).toMatchObject({
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      volumeLifecycleModes: ['Persistent'],
      seLinuxMount: false,
    });
    expect(headingsOf(csiDrivers)).toEqual([
      'NAME',
      'ATTACHREQUIRED',
      'PODINFOONMOUNT',
      'STORAGECAPACITY',
      'TOKENREQUESTS',
      'REQUIRESREPUBLISH',
      'MODES',
      'AGE',
    ]);
    expect(rowOf(csiDrivers, object)).toEqual(['x', true, false, false, 'a,b', false, 'Persistent', '24h']);
    expect(rowOf(csiDrivers, created(csiDrivers, named({ spec: {} })))[4]).toBe('<unset>');
  });

  it.each([
    [
      { fsGroupPolicy: 'Some' },
      ['spec.fsGroupPolicy: Unsupported value: "Some": supported values: "File", "None", "ReadWriteOnceWithFSType"'],
    ],
    [
      { tokenRequests: [{ audience: '' }, { audience: '' }, { audience: 'a', expirationSeconds: 5 }] },
      [
        'spec.tokenRequests[1].audience: Duplicate value: ""',
        'spec.tokenRequests[2].expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
      ],
    ],
    [
      { volumeLifecycleModes: ['Eternal'] },
      ['spec.volumeLifecycleModes: Unsupported value: "Eternal": supported values: "Persistent", "Ephemeral"'],
    ],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(csiDrivers, named({ spec }))).toEqual(errors);
  });
});

describe('a CSINode and a CSIStorageCapacity', () => {
  const driver = (more: object = {}) => ({ name: 'csi.example.com', nodeID: 'i-1', ...more });
  const node = (...drivers: object[]) => named({ spec: { drivers } });

  it('of a node may change how much fits, not more', () => {
    expect(errorsOf(csiNodes, node(driver(), driver({ nodeID: '' })))).toEqual([
      'spec.drivers[1].nodeID: Required value',
      'spec.drivers[1].name: Duplicate value: "csi.example.com"',
    ]);
    expect(updateErrorsOf(csiNodes, node(driver()), node(driver({ allocatable: { count: 3 } })))).toEqual([]);
    expect(updateErrorsOf(csiNodes, node(driver()), node(driver({ nodeID: 'i-2' })))).toEqual([
      expect.stringMatching(/^spec\.drivers: Invalid value: .*: field is immutable$/),
    ]);
    expect(headingsOf(csiNodes)).toEqual(['NAME', 'DRIVERS', 'AGE']);
    expect(rowOf(csiNodes, created(csiNodes, node(driver())))).toEqual(['x', 1, '24h']);
  });

  it('says how much room a class has', () => {
    const capacity = (more: object) => named({ storageClassName: 'fast', ...more });
    expect(errorsOf(csiStorageCapacities, capacity({ capacity: '-1' }))).toEqual([
      'capacity: Invalid value: "-1": must be greater than or equal to 0',
    ]);
    expect(updateErrorsOf(csiStorageCapacities, capacity({}), capacity({ storageClassName: 'slow' }))).toEqual([
      'storageClassName: Invalid value: "slow": field is immutable',
    ]);
    expect(headingsOf(csiStorageCapacities)).toEqual(['NAME', 'STORAGECLASSNAME', 'CAPACITY']);
    expect(rowOf(csiStorageCapacities, created(csiStorageCapacities, capacity({})))).toEqual(['x', 'fast', '<unset>']);
  });
});
