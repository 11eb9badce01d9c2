// What clients are warned of, in upstream's words: a table of specs, each with the warnings that it draws.
import { describe, expect, it } from 'vitest';
import { customResourceDefinitions } from '../../../src/kinds/apiextensions/customresourcedefinition.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { jobs } from '../../../src/kinds/batch/job.js';
import { persistentVolumes } from '../../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { services } from '../../../src/kinds/core/service.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import type { AnyKind } from '../../../src/kinds/define.js';
import { ingresses } from '../../../src/kinds/networking/ingress.js';
import { runtimeClasses } from '../../../src/kinds/node/runtimeclass.js';

const c = { name: 'c', image: 'i' };
const pod = (spec: object, annotations = {}, name = 'p') => ({ metadata: { name, annotations }, spec: { containers: [c], ...spec } });
const port = (more: object) => ({ containerPort: 80, protocol: 'TCP', ...more });
const term = { matchExpressions: [{ key: 'failure-domain.beta.kubernetes.io/zone', operator: 'Exists' }] };
const zone = 'failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead';
const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
const nobody = 'a null labelSelector results in matching no pod';

const POD_CASES: [string, object, readonly string[]][] = [
  ['nothing odd', pod({}), []],
  [
    'a label of old in a node selector',
    pod({ nodeSelector: { 'node-role.kubernetes.io/master': '' } }),
    ['spec.nodeSelector[node-role.kubernetes.io/master]: use "node-role.kubernetes.io/control-plane" instead'],
  ],
  [
    'labels of old in a node affinity',
    pod({ affinity: { nodeAffinity: { [required]: { nodeSelectorTerms: [term] }, [preferred]: [{ weight: 1, preference: term }] } } }),
    [
      `spec.affinity.nodeAffinity.${required}.nodeSelectorTerms[0].matchExpressions[0].key: ${zone}`,
      `spec.affinity.nodeAffinity.${preferred}[0].preference.matchExpressions[0].key: ${zone}`,
    ],
  ],
  [
    'terms that match nobody',
    pod({
      affinity: { podAffinity: { [required]: [{}] }, podAntiAffinity: { [preferred]: [{ podAffinityTerm: {} }] } },
      topologySpreadConstraints: [{ topologyKey: 'failure-domain.beta.kubernetes.io/zone' }],
    }),
    [
      `spec.affinity.podAffinity.${required}[0].labelSelector: ${nobody}`,
      `spec.affinity.podAntiAffinity.${preferred}[0].podAffinityTerm.labelSelector: ${nobody}`,
      `spec.topologySpreadConstraints[0].topologyKey: ${zone}`,
      `spec.topologySpreadConstraints[0].labelSelector: ${nobody}`,
    ],
  ],
  [
    'annotations of old',
    pod(
      {},
      {
        'scheduler.alpha.kubernetes.io/critical-pod': '',
        'seccomp.security.alpha.kubernetes.io/pod': 'x',
        'container.seccomp.security.alpha.kubernetes.io/c': 'x',
        'container.seccomp.security.alpha.kubernetes.io/other': 'x',
      },
    ),
    [
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
      'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead',
      'metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the "seccompProfile" field instead',
    ],
  ],
  [
    'an annotation whose field is set as well',
    pod({ securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }, { 'seccomp.security.alpha.kubernetes.io/pod': 'x' }),
    [],
  ],
  [
    'a volume of old',
    pod({ volumes: [{ name: 'v' }, { name: 'g', glusterfs: {} }] }),
    ['spec.volumes[1].glusterfs: deprecated in v1.25, non-functional in v1.26+'],
  ],
  [
    'what is named twice',
    pod({
      hostAliases: [{ ip: '1.2.3.4' }, { ip: '1.2.3.4' }],
      imagePullSecrets: [{ name: 'a' }, { name: 'a' }, {}],
      containers: [
        {
          ...c,
          env: [
            { name: 'E', value: '1' },
            { name: 'E', value: '$(E)2' },
            { name: 'E', value: '3' },
          ],
        },
      ],
    }),
    [
      'spec.hostAliases[1].ip: duplicate ip "1.2.3.4"',
      'spec.imagePullSecrets[1].name: duplicate name "a"',
      'spec.imagePullSecrets[2].name: invalid empty name ""',
      'spec.containers[0].env[2]: hides previous definition of "E", which may be dropped when using apply',
    ],
  ],
  [
    'parts of bytes',
    pod({ containers: [{ ...c, resources: { limits: { memory: '100m', cpu: '100m' }, requests: { 'ephemeral-storage': '1500m' } } }] }),
    [
      'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
      'spec.containers[0].resources.requests[ephemeral-storage]: fractional byte value "1500m" is invalid, must be an integer',
    ],
  ],
  [
    'ports in the way of each other',
    pod({
      containers: [
        { ...c, ports: [port({}), port({ hostPort: 8 })] },
        { ...c, ports: [port({ hostPort: 8, hostIP: '1.1.1.1' }), port({ protocol: 'UDP' })] },
      ],
    }),
    [
      'spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]',
      'spec.containers[1].ports[0]: overlapping port definition with spec.containers[0].ports[0]',
      'spec.containers[1].ports[0]: dangerously ambiguous port definition with spec.containers[0].ports[1]',
    ],
  ],
  [
    'a grace period before its time',
    pod({ terminationGracePeriodSeconds: -1 }),
    ['spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1'],
  ],
];

describe('a pod with', () => {
  it.each(POD_CASES)('%s', (_, object, warnings) => {
    expect(pods.warnings!(object as never, undefined)).toEqual(warnings);
  });

  it('a name that is no host name', () => {
    expect(pods.warnings!(pod({}, {}, 'a.b') as never, undefined)).toEqual([
      expect.stringMatching(
        /^metadata\.name: this is used in the Pod's hostname, .* a DNS label is recommended: \[a lowercase RFC 1123 label /,
      ),
    ]);
  });

  it('whatever is odd, once it is there', () => {
    const old = pod({ terminationGracePeriodSeconds: -1 }) as never;
    expect(pods.warnings!(old, old)).toEqual([]);
  });
});

describe('other kinds', () => {
  const service = (spec: object, annotations = {}) => ({
    metadata: { name: 's', annotations },
    spec: { type: 'ClusterIP', sessionAffinity: 'None', ...spec },
  });
  const template = { spec: { containers: [c], nodeSelector: { 'beta.kubernetes.io/arch': 'x' } } };
  const arch = 'deprecated since v1.14; use "kubernetes.io/arch" instead';
  const cases: [string, AnyKind, object, readonly string[]][] = [
    [
      'a headless Service',
      services,
      service({ clusterIP: 'None', sessionAffinity: 'ClientIP' }),
      ['spec.SessionAffinity is ignored for headless services'],
    ],
    [
      'a Service with a name to no end',
      services,
      service({ externalName: 'x' }),
      ['spec.externalName is ignored when spec.type is not "ExternalName"'],
    ],
    [
      'a Service kept close',
      services,
      service({ trafficDistribution: 'PreferClose' }),
      ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
    ],
    [
      'a Job',
      jobs,
      { metadata: { name: 'a.b' }, spec: { template } },
      [
        expect.stringContaining('metadata.name: this is used in Pod names and hostnames'),
        `spec.template.spec.nodeSelector[beta.kubernetes.io/arch]: ${arch}`,
      ],
    ],
    [
      'an Ingress',
      ingresses,
      { metadata: { annotations: { 'kubernetes.io/ingress.class': 'x' } }, spec: {} },
      [`annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`],
    ],
    [
      'a RuntimeClass',
      runtimeClasses,
      { metadata: {}, scheduling: template.spec },
      [`scheduling.nodeSelector[beta.kubernetes.io/arch]: ${arch}`],
    ],
    [
      'a ServiceAccount',
      serviceAccounts,
      { metadata: { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } } },
      [
        'metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets',
      ],
    ],
    [
      'a claim',
      persistentVolumeClaims,
      {
        metadata: { annotations: { 'volume.beta.kubernetes.io/storage-class': 'x' } },
        spec: { resources: { requests: { storage: '1m' } } },
      },
      [
        'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
        'spec.resources.requests[storage]: fractional byte value "1m" is invalid, must be an integer',
      ],
    ],
    [
      'a volume',
      persistentVolumes,
      { metadata: {}, spec: { rbd: {}, persistentVolumeReclaimPolicy: 'Recycle' } },
      [
        'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        'spec.rbd: deprecated in v1.28, non-functional in v1.31+',
      ],
    ],
  ];
  it.each(cases)('%s', (_, kind, object, warnings) => {
    expect(kind.warnings!(object, undefined)).toEqual(warnings);
  });

  it('a definition, of what is new in it', () => {
    const definition = (...properties: object[]) =>
      ({ spec: { versions: [{ schema: { openAPIV3Schema: { type: 'object', properties: { ...properties } } } }] } }) as never;
    const odd = [
      { type: 'string', format: 'date-time' },
      { type: 'string', format: 'odd' },
      { type: 'integer', format: 'int64' },
    ];
    expect(customResourceDefinitions.warnings!(definition(...odd), undefined)).toEqual(['unrecognized format "odd"']);
    const set = {
      type: 'array',
      'x-kubernetes-list-type': 'set',
      items: { type: 'object', properties: { a: { type: 'number', format: 'int32' } } },
    };
    expect(customResourceDefinitions.warnings!(definition(...odd, set), definition(...odd))).toEqual([
      'unrecognized format "int32"',
      'x-kubernetes-list-type: set for items of type "object" is not supported by server-side apply or CEL validation rules',
    ]);
  });

  it('a template is looked at again when it changes', () => {
    const at = (generation: number) => ({ metadata: { name: 'd', generation }, spec: { template } }) as never;
    expect(deployments.warnings!(at(1), at(1))).toEqual([]);
    expect(deployments.warnings!(at(2), at(1))).toEqual([`spec.template.spec.nodeSelector[beta.kubernetes.io/arch]: ${arch}`]);
  });
});
