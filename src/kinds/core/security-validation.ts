// Validation of security contexts, a pod's and a container's: who runs it, with which rights, under which profiles.
import { duplicate, type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import { checkOneOf, checkRange, checkRelativePath, MAX_INT32 } from '../checks.js';
import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext } from '../types/core_v1.js';

const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const PROC_MOUNTS = ['Default', 'Unmasked'];
const CHANGE_POLICIES = ['Always', 'OnRootMismatch'];
const GROUP_POLICIES = ['Merge', 'Strict'];
const MAX_SYSCTL = 253;
const SYSCTL_SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL = `(${SYSCTL_SEGMENT}[\\./])*${SYSCTL_SEGMENT}`;
const IS_SYSCTL = new RegExp(`^${SYSCTL}$`);

export function validatePodSecurity(at: string, spec: PodSpec): FieldError[] {
  const { securityContext: context } = spec;
  const errors: FieldError[] = [];
  for (const part of ['fsGroup', 'runAsUser', 'runAsGroup'] as const)
    errors.push(...checkRange(`${at}.${part}`, context?.[part], 0, MAX_INT32));
  for (const [i, group] of (context?.supplementalGroups ?? []).entries()) {
    errors.push(...checkRange(`${at}.supplementalGroups[${i}]`, group, 0, MAX_INT32));
  }
  if (spec.shareProcessNamespace && spec.hostPID) {
    errors.push(invalid(`${at}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'));
  }
  errors.push(
    ...validateSysctls(`${at}.sysctls`, spec),
    ...checkOneOf(`${at}.fsGroupChangePolicy`, context?.fsGroupChangePolicy, CHANGE_POLICIES, true),
    ...checkOneOf(`${at}.supplementalGroupsPolicy`, context?.supplementalGroupsPolicy, GROUP_POLICIES, true),
    ...validateProfile(at, 'seccomp', context?.seccompProfile),
    ...validateProfile(at, 'AppArmor', context?.appArmorProfile),
  );
  return errors;
}

function validateSysctls(at: string, { securityContext, hostNetwork, hostIPC }: PodSpec): FieldError[] {
  const sysctls = securityContext?.sysctls ?? [];
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { name }] of sysctls.entries()) {
    const field = `${at}[${i}].name`;
    const plain = name.replaceAll('/', '.');
    const pattern = `must have at most ${MAX_SYSCTL} characters and match regex ^${SYSCTL}$`;
    if (!name) errors.push(required(field));
    else if (name.length > MAX_SYSCTL || !IS_SYSCTL.test(name)) errors.push(invalid(field, name, pattern));
    else if (seen.has(plain)) errors.push(duplicate(field, name));
    if (hostNetwork && plain.startsWith('net.')) errors.push(invalid(field, name, "may not be specified when 'hostNetwork' is true"));
    if (hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(plain))
      errors.push(invalid(field, name, "may not be specified when 'hostIPC' is true"));
    seen.add(plain);
  }
  return errors;
}

export function validateContainerSecurity(at: string, context: SecurityContext | undefined, hostUsers: boolean): FieldError[] {
  if (!context) return [];
  const { procMount, allowPrivilegeEscalation, privileged, capabilities } = context;
  const errors = [
    ...checkRange(`${at}.runAsUser`, context.runAsUser, 0, MAX_INT32),
    ...checkRange(`${at}.runAsGroup`, context.runAsGroup, 0, MAX_INT32),
  ];
  if (procMount !== undefined && !PROC_MOUNTS.includes(procMount)) errors.push(notSupported(`${at}.procMount`, procMount, PROC_MOUNTS));
  if (procMount === 'Unmasked' && hostUsers)
    errors.push(invalid(`${at}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'));
  errors.push(...validateProfile(at, 'seccomp', context.seccompProfile), ...validateProfile(at, 'AppArmor', context.appArmorProfile));
  if (allowPrivilegeEscalation === false) {
    const refuse = (what: string) =>
      errors.push(invalid(at, context as never, `cannot set \`allowPrivilegeEscalation\` to false and ${what}`));
    if (privileged) refuse('`privileged` to true');
    if (capabilities?.add?.includes('CAP_SYS_ADMIN')) refuse('`capabilities.Add` CAP_SYS_ADMIN');
  }
  return errors;
}

function validateProfile(
  context: string,
  what: 'seccomp' | 'AppArmor',
  profile: SeccompProfile | AppArmorProfile | undefined,
): FieldError[] {
  if (!profile) return [];
  const { type, localhostProfile } = profile;
  const name = what === 'seccomp' ? 'seccompProfile' : 'appArmorProfile';
  const at = `${context}.${name}`;
  if (!type) return [required(`${at}.type`, `type is required when ${name} is set`)];
  if (!PROFILE_TYPES.includes(type)) return [notSupported(`${at}.type`, type, PROFILE_TYPES)];
  const field = `${at}.localhostProfile`;
  if (type === 'Localhost') {
    if (!localhostProfile) return [required(field, `must be set when ${what} type is Localhost`)];
    return what === 'seccomp' ? checkRelativePath(field, localhostProfile) : [];
  }
  return localhostProfile === undefined ? [] : [invalid(field, localhostProfile, `can only be set when ${what} type is Localhost`)];
}
