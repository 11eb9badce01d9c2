// Fields of a pod that this node cannot honour: named, so that no pod runs as something other than what it asked for.
import type { Container, PodSpec } from '../../src/kinds/types/core_v1.js';
import { containerPath } from './container-path.js';

type Checks<T> = readonly (readonly [field: string, isUsed: (object: T) => boolean])[];

const POD: Checks<PodSpec> = [
  ['resourceClaims', (s) => Boolean(s.resourceClaims?.length)],
  ['resources.claims', (s) => Boolean(s.resources?.claims?.length)],
  ['workloadRef', (s) => s.workloadRef !== undefined],
  ['securityContext.seLinuxChangePolicy', (s) => s.securityContext?.seLinuxChangePolicy !== undefined],
  ['securityContext.windowsOptions', (s) => Object.keys(s.securityContext?.windowsOptions ?? {}).length > 0],
];

const CONTAINER: Checks<Container> = [
  ['volumeDevices', (c) => Boolean(c.volumeDevices?.length)],
  ['resources.claims', (c) => Boolean(c.resources?.claims?.length)],
  ['securityContext.windowsOptions', (c) => Object.keys(c.securityContext?.windowsOptions ?? {}).length > 0],
];

/** All of them, by their paths in a pod's schema. */
export const REFUSED_FIELDS: readonly string[] = [
  ...POD.map(([field]) => `spec.${field}`),
  ...CONTAINER.map(([field]) => `spec.containers[].${field}`),
];

/** Why the first field that cannot be honoured keeps a container from running; undefined where all can. Volumes are judged as they are set up. */
export function refusal(spec: PodSpec, container: Container): string | undefined {
  const field = unsupportedField(spec, container);
  return field && `${field} is not supported by this node`;
}

function unsupportedField(spec: PodSpec, container: Container): string | undefined {
  for (const [field, isUsed] of POD) if (isUsed(spec)) return `spec.${field}`;
  const [field] = CONTAINER.find(([, isUsed]) => isUsed(container)) ?? [];
  return field && `${containerPath(spec, container.name)}.${field.replaceAll('[]', '')}`;
}
