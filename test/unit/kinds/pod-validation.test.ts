// What the API takes of a pod's spec though not every node can do it, and what it refuses, in upstream's words.
import { describe, expect, it } from 'vitest';
import { persistentVolumes } from '../../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { container, created, errorsOf, podWith, updateErrorsOf } from './objects.js';

const errors = (spec: object) => errorsOf(pods, podWith(spec));
const inContainer = (more: object, spec: object = {}) => errors({ containers: [container(more)], ...spec });
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };

describe('a volume', () => {
  it.each([
    [{ nfs: { server: 'a', path: '/b' } }],
    [{ iscsi: { targetPortal: 'a', iqn: 'iqn.2001-04.com.example:disk', lun: 0 } }],
    [{ csi: { driver: 'csi.example.com' } }],
    [{ cephfs: { monitors: ['a'] } }],
    [{ rbd: { monitors: ['a'], image: 'b' } }],
    [{ azureFile: { secretName: 'a', shareName: 'b' } }],
    [{ fc: { wwids: ['a'] } }],
    [{ image: { reference: 'example.com/files:v1' } }],
    [{ ephemeral: { volumeClaimTemplate: { spec: claim } } }],
    [{ projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { configMap: { name: 'a' } }] } }],
    [{ downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } }],
  ])('of %j is taken', (source) => {
    expect(errors({ volumes: [{ name: 'v', ...source }] })).toEqual([]);
  });

  const at = 'spec.volumes[0]';
  it.each([
    [
      { nfs: { server: '', path: 'b' } },
      [`${at}.nfs.server: Required value`, `${at}.nfs.path: Invalid value: "b": must be an absolute path`],
    ],
    [
      { iscsi: { targetPortal: 'a', iqn: 'disk', lun: 256 } },
      [
        `${at}.iscsi.iqn: Invalid value: "disk": must be valid format`,
        `${at}.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive`,
      ],
    ],
    [{ csi: { driver: '' } }, [`${at}.csi.driver: Required value`]],
    [{ image: {} }, [`${at}.image.reference: Required value`]],
    [
      { hostPath: { path: '/a', type: 'Pipe' } },
      [
        `${at}.hostPath.type: Unsupported value: "Pipe": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"`,
      ],
    ],
    [{ ephemeral: {} }, [`${at}.ephemeral.volumeClaimTemplate: Required value`]],
    [
      { ephemeral: { volumeClaimTemplate: { spec: {} } } },
      [
        `${at}.ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required`,
        `${at}.ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value`,
      ],
    ],
    [
      {
        projected: {
          sources: [
            { secret: { name: 's', items: [{ key: 'k', path: 'p' }] } },
            { serviceAccountToken: { path: 'p', expirationSeconds: 5 } },
          ],
        },
      },
      [
        `${at}.projected.sources[1].serviceAccountToken.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes`,
        `${at}.projected: Invalid value: "p": conflicting duplicate paths`,
      ],
    ],
    [
      { downwardAPI: { items: [{ path: '../x', fieldRef: { fieldPath: 'spec.nodeName' } }, { path: 'y' }] } },
      [
        `${at}.downwardAPI.path: Invalid value: "../x": must not contain '..'`,
        `${at}.downwardAPI.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"`,
        `${at}.downwardAPI: Required value: one of fieldRef and resourceFieldRef is required`,
      ],
    ],
  ])('of %j is refused', (source, expected) => {
    expect(errors({ volumes: [{ name: 'v', ...source }] })).toEqual(expected);
  });

  it('that is an image is pulled by its tag', () => {
    const { spec } = created(pods, podWith({ volumes: [{ name: 'v', image: { reference: 'example.com/files' } }] }));
    expect(spec.volumes?.[0]?.image?.pullPolicy).toBe('Always');
  });
});

describe('a container', () => {
  const at = 'spec.containers[0]';
  const disk = {
    volumes: [
      { name: 'disk', persistentVolumeClaim: { claimName: 'c' } },
      { name: 'files', emptyDir: {} },
    ],
  };
  it.each([
    [{ volumeDevices: [{ name: 'disk', devicePath: '/dev/xvda' }] }, []],
    [
      {
        volumeDevices: [
          { name: 'files', devicePath: '' },
          { name: 'none', devicePath: '/../x' },
        ],
      },
      [
        `${at}.volumeDevices[0].name: Invalid value: "files": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode`,
        `${at}.volumeDevices[0].devicePath: Required value`,
        `${at}.volumeDevices[1].name: Not found: "none"`,
        `${at}.volumeDevices[1].devicePath: Invalid value: "/../x": can not contain backsteps ('..')`,
      ],
    ],
    [
      { volumeDevices: [{ name: 'disk', devicePath: '/d' }], volumeMounts: [{ name: 'disk', mountPath: '/m' }] },
      [`${at}.volumeDevices[0].name: Invalid value: "disk": must not already exist in volumeMounts`],
    ],
    [
      { volumeMounts: [{ name: 'files', mountPath: '/m', mountPropagation: 'Bidirectional' }] },
      [`${at}.volumeMounts[0].mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers`],
    ],
    [
      { volumeMounts: [{ name: 'files', mountPath: '/m', recursiveReadOnly: 'Enabled' }] },
      [`${at}.volumeMounts[0].recursiveReadOnly: Forbidden: may only be specified when readOnly is true`],
    ],
    [
      {
        resizePolicy: [
          { resourceName: 'cpu', restartPolicy: 'NotRequired' },
          { resourceName: 'disk', restartPolicy: 'Never' },
        ],
      },
      [
        `${at}.resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"`,
        `${at}.resizePolicy: Unsupported value: "Never": supported values: "NotRequired", "RestartContainer"`,
      ],
    ],
    [{ env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'files', path: 'a.env', key: 'A' } } }] }, []],
    [
      { env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: '', path: '/a', key: '' } } }] },
      [
        `${at}.env[0].valueFrom.fileKeyRef.volumeName: Required value`,
        `${at}.env[0].valueFrom.fileKeyRef.path: Invalid value: "/a": must be a relative path`,
        `${at}.env[0].valueFrom.fileKeyRef.key: Required value`,
      ],
    ],
    [{ livenessProbe: { grpc: { port: 0 } } }, [`${at}.livenessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive`]],
    [
      { securityContext: { privileged: true, allowPrivilegeEscalation: false } },
      [
        `${at}.securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set \`allowPrivilegeEscalation\` to false and \`privileged\` to true`,
      ],
    ],
    [
      { securityContext: { seccompProfile: { type: 'Localhost' }, appArmorProfile: { type: 'Strict' } } },
      [
        `${at}.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost`,
        `${at}.securityContext.appArmorProfile.type: Unsupported value: "Strict": supported values: "Localhost", "RuntimeDefault", "Unconfined"`,
      ],
    ],
    [
      { securityContext: { procMount: 'Hidden' } },
      [`${at}.securityContext.procMount: Unsupported value: "Hidden": supported values: "Default", "Unmasked"`],
    ],
  ])('with %j gets the errors %j', (more, expected) => {
    expect(inContainer(more, disk)).toEqual(expected);
  });
});

describe('a pod', () => {
  it.each([
    [{ initContainers: [container({ name: 'sidecar', restartPolicy: 'Always', readinessProbe: { exec: { command: ['true'] } } })] }, []],
    [
      {
        containers: [
          container({ restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }] }),
        ],
      },
      [],
    ],
    [
      { containers: [container({ restartPolicyRules: [{ action: 'Stop' }] })] },
      [
        'spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
        'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart"',
        'spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified',
      ],
    ],
    [{ resources: { requests: { cpu: '1' }, limits: { cpu: '2' } } }, []],
    [{ hostnameOverride: 'a.example.com' }, []],
    [{ os: { name: 'plan9' } }, ['spec.os.name: Unsupported value: "plan9": supported values: "linux", "windows"']],
    [
      { shareProcessNamespace: true, hostPID: true },
      ['spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled'],
    ],
    [
      {
        securityContext: {
          sysctls: [
            { name: 'net.core.somaxconn', value: '1' },
            { name: 'A', value: '1' },
          ],
        },
        hostNetwork: true,
      },
      [
        'spec.securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be specified when \'hostNetwork\' is true',
        expect.stringMatching(
          /^spec\.securityContext\.sysctls\[1\]\.name: Invalid value: "A": must have at most 253 characters and match regex/,
        ),
      ],
    ],
    [
      { securityContext: { supplementalGroups: [-1], fsGroupChangePolicy: 'Never' } },
      [
        'spec.securityContext.supplementalGroups[0]: Invalid value: -1: must be between 0 and 2147483647, inclusive',
        'spec.securityContext.fsGroupChangePolicy: Unsupported value: "Never": supported values: "Always", "OnRootMismatch"',
      ],
    ],
    [
      { schedulingGates: [{ name: 'example.com/a' }, { name: 'example.com/a' }] },
      ['spec.schedulingGates[1]: Duplicate value: "example.com/a"'],
    ],
    [
      { readinessGates: [{ conditionType: 'a b' }] },
      [expect.stringMatching(/^spec\.readinessGates\[0\]\.conditionType: Invalid value: "a b": name part/)],
    ],
    [
      { resourceClaims: [{ name: 'gpu', resourceClaimName: 'c' }], containers: [container({ resources: { claims: [{ name: 'gpu' }] } })] },
      [],
    ],
    [
      { resourceClaims: [{ name: 'gpu' }], containers: [container({ resources: { claims: [{ name: 'tpu' }] } })] },
      [
        'spec.resourceClaims[0]: Invalid value: null: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
        'spec.containers[0].resources.claims[0]: Not found: "tpu"',
      ],
    ],
    [
      { preemptionPolicy: 'Sometimes' },
      ['spec.preemptionPolicy: Unsupported value: "Sometimes": supported values: "Never", "PreemptLowerPriority"'],
    ],
  ])('with %j gets the errors %j', (spec, expected) => {
    expect(errors(spec)).toEqual(expected);
  });

  it('loses its gates one by one, and can be narrowed while it has any', () => {
    const gated = (spec: object = {}) => podWith({ schedulingGates: [{ name: 'a' }, { name: 'b' }], nodeSelector: { zone: 'x' }, ...spec });
    const change = (spec: object) => updateErrorsOf(pods, gated(), gated(spec));
    expect(change({ schedulingGates: [{ name: 'b' }] })).toEqual([]);
    expect(change({ schedulingGates: undefined, nodeSelector: { zone: 'x', disk: 'ssd' } })).toEqual([]);
    expect(change({ schedulingGates: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] })).toEqual([
      "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'c'",
    ]);
    expect(change({ nodeSelector: { zone: 'y' } })[0]).toMatch(/^spec: Forbidden: pod updates may not change fields other than/);
    expect(updateErrorsOf(pods, podWith(), podWith({ nodeSelector: { disk: 'ssd' } }))[0]).toMatch(/changed: spec\.nodeSelector$/);
  });
});

describe('volumes and claims', () => {
  const volume = (spec: object = {}) => ({
    metadata: { name: 'pv' },
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, nfs: { server: 'a', path: '/b' }, ...spec },
  });
  it.each([
    [{}, []],
    [{ hostPath: { path: '/a' } }, ['spec.hostPath: Forbidden: may not specify more than 1 volume type']],
    [{ nfs: undefined, local: { path: '/a' } }, ['spec.nodeAffinity: Required value: Local volume requires node affinity']],
    [{ capacity: { storage: '0' } }, ['spec.capacity[storage]: Invalid value: "0": must be greater than zero']],
    [{ nfs: undefined, csi: { driver: 'd', volumeHandle: '' } }, ['spec.csi.volumeHandle: Required value']],
    [
      { accessModes: ['ReadWriteOncePod', 'ReadWriteMany'] },
      ['spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes'],
    ],
  ])('a volume with %j gets the errors %j', (spec, expected) => {
    expect(errorsOf(persistentVolumes, volume(spec))).toEqual(expected);
  });

  it('a volume stays where it is', () => {
    expect(updateErrorsOf(persistentVolumes, volume(), volume({ nfs: { server: 'b', path: '/b' } }))).toEqual([
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
    ]);
    expect(updateErrorsOf(persistentVolumes, volume(), volume({ capacity: { storage: '2Gi' } }))).toEqual([]);
  });

  it('a claim is for some room', () => {
    const of = (spec: object) => errorsOf(persistentVolumeClaims, { metadata: { name: 'c' }, spec: { ...claim, ...spec } });
    expect(of({ resources: { requests: { storage: '0' } } })).toEqual([
      'spec.resources[storage]: Invalid value: "0": must be greater than zero',
    ]);
    expect(of({ volumeMode: 'Tape' })).toEqual(['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"']);
  });
});
