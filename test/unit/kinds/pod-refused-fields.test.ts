// Fields that a pod's schema has in places where the API takes none of them, and how it says so.
import { expect, it } from 'vitest';
import { validateEphemeralContainers } from '../../../src/kinds/core/ephemeral-containers.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { refusesFields } from '../../suites/pod-spec.js';
import { container, created, errorsOf, podWith, text } from './objects.js';

const exec = { command: ['true'] };
const NOT_EPHEMERAL: { readonly [field: string]: unknown } = {
  'ports[]': [{ containerPort: 80 }],
  resources: { limits: { cpu: '1' } },
  'resizePolicy[]': [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
  restartPolicy: 'Always',
  'restartPolicyRules[]': [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }],
  livenessProbe: { exec },
  readinessProbe: { exec },
  startupProbe: { exec },
  lifecycle: { preStop: { exec } },
};

it.for(Object.entries(NOT_EPHEMERAL))('an ephemeral container has no %s', ([field, value], context) => {
  const name = field.replace('[]', '');
  const old = created(pods, podWith({})) as Pod;
  const ephemeral = { ...container({ [name]: value }), name: 'debug' };
  const errors = validateEphemeralContainers({ ...old, spec: { ...old.spec, ephemeralContainers: [ephemeral as never] } }, old);
  const words = `spec.ephemeralContainers[0].${name}: Forbidden: cannot be set for an Ephemeral Container`;
  expect(errors.map(text)).toContain(words);
  refusesFields(context, words, `spec.ephemeralContainers[].${field}`);
});

it.for([
  ['livenessProbe.successThreshold', { livenessProbe: { exec, successThreshold: 2 } }, 'Invalid value: 2: must be 1'],
  ['startupProbe.successThreshold', { startupProbe: { exec, successThreshold: 2 } }, 'Invalid value: 2: must be 1'],
  [
    'readinessProbe.terminationGracePeriodSeconds',
    { readinessProbe: { exec, terminationGracePeriodSeconds: 5 } },
    'Invalid value: 5: must not be set for readinessProbes',
  ],
] as const)('a container has no other %s', ([field, more, why], context) => {
  const words = `spec.containers[0].${field}: ${why}`;
  expect(errorsOf(pods, podWith({ containers: [container(more)] }))).toEqual([words]);
  refusesFields(context, words, `spec.containers[].${field}`);
});
