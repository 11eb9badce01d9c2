// Fields that this node cannot honour: each keeps a container from running, in words that name it.
import { expect, it } from 'vitest';
import { REFUSED_FIELDS, refusal } from '../../../../agent/kubelet/unsupported.js';
import type { Container, PodSpec } from '../../../../src/kinds/types/core_v1.js';
import { refusesFields } from '../../../suites/pod-spec.js';
import { container, pod } from './fixtures.js';

const inPod = (spec: Partial<PodSpec>): PodSpec => ({ ...pod().spec, ...spec });
const inContainer = (extra: Partial<Container>): PodSpec => inPod({ containers: [container('main', extra)] });
const windows = { hostProcess: false };

/** A use of each, by its path. */
const USES: { readonly [field: string]: PodSpec } = {
  'spec.resourceClaims': inPod({ resourceClaims: [{ name: 'gpu', resourceClaimName: 'g' }] }),
  'spec.resources.claims': inPod({ resources: { claims: [{ name: 'gpu' }] } }),
  'spec.workloadRef': inPod({ workloadRef: { name: 'gang', podGroup: 'g' } }),
  'spec.securityContext.seLinuxChangePolicy': inPod({ securityContext: { seLinuxChangePolicy: 'MountOption' } }),
  'spec.securityContext.windowsOptions': inPod({ securityContext: { windowsOptions: windows } }),
  'spec.containers[].volumeDevices': inContainer({ volumeDevices: [{ name: 'd', devicePath: '/dev/d' }] }),
  'spec.containers[].resources.claims': inContainer({ resources: { claims: [{ name: 'gpu' }] } }),
  'spec.containers[].securityContext.windowsOptions': inContainer({ securityContext: { windowsOptions: windows } }),
};

it('knows a use of each', () => expect(Object.keys(USES).sort()).toEqual([...REFUSED_FIELDS].sort()));

it.for(Object.keys(USES))('refuses %s by its name', (field, context) => {
  const spec = USES[field]!;
  const words = refusal(spec, spec.containers[0]!);
  expect(words?.replaceAll(/\{\w+\}/g, '')).toBe(`${field.replaceAll('[]', '')} is not supported by this node`);
  refusesFields(context, words!, field);
});

it('refuses devices to containers of all kinds', (context) => {
  const devices = { volumeDevices: [{ name: 'd', devicePath: '/dev/d' }] };
  const spec = inPod({ initContainers: [container('init', devices)], ephemeralContainers: [container('debug', devices)] });
  for (const [list, [one]] of Object.entries({ initContainers: spec.initContainers!, ephemeralContainers: spec.ephemeralContainers! })) {
    const words = refusal(spec, one as Container);
    expect(words).toBe(`spec.${list}{${one!.name}}.volumeDevices is not supported by this node`);
    refusesFields(context, words!, `spec.${list}[].volumeDevices[]`);
  }
});

it('refuses nothing where there is nothing to refuse', () => expect(refusal(pod().spec, container('main'))).toBeUndefined());
