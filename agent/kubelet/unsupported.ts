// Fields of a pod that this node cannot honour: named, so that no pod runs as something other than what it asked for.
import type { Container, PodSpec, SecurityContext } from '../../src/kinds/types/core_v1.js';
import { containerPath } from './container-path.js';

type Checks<T> = readonly (readonly [field: string, isUsed: (object: T) => boolean])[];

const POD: Checks<PodSpec> = [
  ['runtimeClassName', (s) => Boolean(s.runtimeClassName)],
  ['resourceClaims', (s) => Boolean(s.resourceClaims?.length)],
  ['resources.claims', (s) => Boolean(s.resources?.claims?.length)],
  ['setHostnameAsFQDN', (s) => s.setHostnameAsFQDN === true],
  ['hostUsers', (s) => s.hostUsers === false],
  ['hostnameOverride', (s) => s.hostnameOverride !== undefined],
  ['os.name', (s) => s.os !== undefined && s.os.name !== 'linux'],
  ['securityContext.seLinuxOptions', (s) => Object.keys(s.securityContext?.seLinuxOptions ?? {}).length > 0],
  ['securityContext.windowsOptions', (s) => Object.keys(s.securityContext?.windowsOptions ?? {}).length > 0],
  ['securityContext.supplementalGroupsPolicy', (s) => s.securityContext?.supplementalGroupsPolicy === 'Strict'],
  ['securityContext.seccompProfile', (s) => isLocal(s.securityContext?.seccompProfile)],
  ['securityContext.appArmorProfile', (s) => isLocal(s.securityContext?.appArmorProfile)],
];

const CONTAINER: Checks<Container> = [
  ['volumeDevices', (c) => Boolean(c.volumeDevices?.length)],
  ['resources.claims', (c) => Boolean(c.resources?.claims?.length)],
  ['securityContext.seLinuxOptions', (c) => Object.keys(c.securityContext?.seLinuxOptions ?? {}).length > 0],
  ['securityContext.windowsOptions', (c) => Object.keys(c.securityContext?.windowsOptions ?? {}).length > 0],
  ['securityContext.procMount', (c) => c.securityContext?.procMount === 'Unmasked'],
  ['securityContext.seccompProfile', (c) => isLocal(c.securityContext?.seccompProfile)],
  ['securityContext.appArmorProfile', (c) => isLocal(c.securityContext?.appArmorProfile)],
];

const isLocal = (profile: SecurityContext['seccompProfile'] | SecurityContext['appArmorProfile']) => profile?.type === 'Localhost';

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
