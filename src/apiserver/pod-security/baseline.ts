// The checks of the level baseline: nothing that is known to lead out of a container.

import { SAFE_SYSCTLS } from '../../kinds/core/safe-sysctls.js';
import type { Container, ContainerPort, Lifecycle, Probe, SELinuxOptions } from '../../kinds/types/core_v1.js';
import { type Check, containersOf, containersText, namesOf, plural, quoted, settersText, unique } from './check.js';

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const PROFILE_TYPES: readonly (string | undefined)[] = [undefined, 'RuntimeDefault', 'Localhost'];

const appArmorProfile: Check = {
  id: 'appArmorProfile',
  run({ metadata, spec }) {
    const bad = (type: string | undefined) => !PROFILE_TYPES.includes(type);
    const podType = spec.securityContext?.appArmorProfile?.type;
    const containers = containersOf(spec).filter(({ securityContext }) => bad(securityContext?.appArmorProfile?.type));
    const types = [podType, ...containers.map(({ securityContext }) => securityContext?.appArmorProfile?.type)].filter(bad) as string[];
    const annotations = Object.entries(metadata.annotations ?? {}).filter(
      ([key, value]) =>
        key.startsWith(APPARMOR_ANNOTATION) && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'),
    );
    if (types.length + annotations.length === 0) return undefined;
    const details = annotations.map(([key, value]) => `${key}=${JSON.stringify(value)}`).sort();
    if (types.length > 0) {
      details.unshift(`${settersText(bad(podType), namesOf(containers))} must not set AppArmor profile type to ${quoted(unique(types))}`);
    }
    const count = annotations.length + unique(types).length;
    return { reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', count), detail: details.join(', ') };
  },
};

const DEFAULT_CAPABILITIES: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

const capabilities: Check = {
  id: 'capabilities_baseline',
  run({ spec }) {
    const extra = (container: Container) =>
      (container.securityContext?.capabilities?.add ?? []).filter((each) => !DEFAULT_CAPABILITIES.has(each));
    const bad = containersOf(spec).filter((container) => extra(container).length > 0);
    if (bad.length === 0) return undefined;
    const added = quoted(unique(bad.flatMap(extra)));
    return {
      reason: 'non-default capabilities',
      detail: `${containersText(namesOf(bad))} must not include ${added} in securityContext.capabilities.add`,
    };
  },
};

const hostNamespaces: Check = {
  id: 'hostNamespaces',
  run({ spec }) {
    const set = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name]);
    return set.length > 0 ? { reason: 'host namespaces', detail: set.map((name) => `${name}=true`).join(', ') } : undefined;
  },
};

const hostPathVolumes: Check = {
  id: 'hostPathVolumes',
  run({ spec }) {
    const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
    if (names.length === 0) return undefined;
    return { reason: 'hostPath volumes', detail: `${plural('volume', 'volumes', names.length)} ${quoted(names)}` };
  },
};

const hostPorts: Check = {
  id: 'hostPorts',
  run({ spec }) {
    const ports = ({ ports: all = [] }: { readonly ports?: readonly ContainerPort[] }) => all.filter(({ hostPort }) => hostPort);
    const bad = containersOf(spec).filter((container) => ports(container).length > 0);
    if (bad.length === 0) return undefined;
    const numbers = unique(bad.flatMap(ports).map(({ hostPort }) => String(hostPort)));
    const use = `${plural('uses', 'use', bad.length)} ${plural('hostPort', 'hostPorts', numbers.length)} ${numbers.join(', ')}`;
    return { reason: 'hostPort', detail: `${containersText(namesOf(bad))} ${use}` };
  },
};

const privileged: Check = {
  id: 'privileged',
  run({ spec }) {
    const bad = containersOf(spec).filter(({ securityContext }) => securityContext?.privileged);
    if (bad.length === 0) return undefined;
    return { reason: 'privileged', detail: `${containersText(namesOf(bad))} must not set securityContext.privileged=true` };
  },
};

const hostProbes: Check = {
  id: 'hostProbesAndHostLifecycle',
  run({ spec }) {
    const bad = containersOf(spec).filter((container) => hostsOf(container).length > 0);
    if (bad.length === 0) return undefined;
    const hosts = unique(bad.flatMap(hostsOf));
    const use = `${plural('uses', 'use', bad.length)} probe or lifecycle ${plural('host', 'hosts', hosts.length)} ${quoted(hosts)}`;
    return { reason: 'probe or lifecycle host', detail: `${containersText(namesOf(bad))} ${use}` };
  },
};

function hostsOf({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): readonly string[] {
  const handlers: readonly (Probe | Lifecycle['postStart'])[] = [
    livenessProbe,
    readinessProbe,
    startupProbe,
    lifecycle?.postStart,
    lifecycle?.preStop,
  ];
  return handlers
    .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
    .filter((host) => host !== undefined && host !== '') as string[];
}

const procMount: Check = {
  id: 'procMount',
  run({ spec }) {
    const mount = ({ securityContext }: Container) => securityContext?.procMount ?? 'Default';
    const bad = containersOf(spec).filter((container) => mount(container) !== 'Default');
    if (bad.length === 0) return undefined;
    const values = quoted(unique(bad.map(mount)));
    return { reason: 'procMount', detail: `${containersText(namesOf(bad))} must not set securityContext.procMount to ${values}` };
  },
};

const SELINUX_TYPES: readonly string[] = ['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'];

const seLinuxOptions: Check = {
  id: 'seLinuxOptions',
  run({ spec }) {
    const wrong = ({ type = '', user, role }: SELinuxOptions = {}) => [
      ...(SELINUX_TYPES.includes(type) ? [] : [`type ${JSON.stringify(type)}`]),
      ...(user ? ['user may not be set'] : []),
      ...(role ? ['role may not be set'] : []),
    ];
    const pod = wrong(spec.securityContext?.seLinuxOptions);
    const bad = containersOf(spec).filter(({ securityContext }) => wrong(securityContext?.seLinuxOptions).length > 0);
    const all = [...pod, ...bad.flatMap(({ securityContext }) => wrong(securityContext?.seLinuxOptions))];
    if (all.length === 0) return undefined;
    const setters = settersText(pod.length > 0, namesOf(bad));
    return { reason: 'seLinuxOptions', detail: `${setters} set forbidden securityContext.seLinuxOptions: ${[...new Set(all)].join('; ')}` };
  },
};

const seccompProfile: Check = {
  id: 'seccompProfile_baseline',
  run({ spec }) {
    const bad = (type: string | undefined) => !PROFILE_TYPES.includes(type);
    const podType = spec.securityContext?.seccompProfile?.type;
    const containers = containersOf(spec).filter(({ securityContext }) => bad(securityContext?.seccompProfile?.type));
    const types = [podType, ...containers.map(({ securityContext }) => securityContext?.seccompProfile?.type)].filter(bad) as string[];
    if (types.length === 0) return undefined;
    const setters = settersText(bad(podType), namesOf(containers));
    return { reason: 'seccompProfile', detail: `${setters} must not set securityContext.seccompProfile.type to ${quoted(unique(types))}` };
  },
};

const sysctls: Check = {
  id: 'sysctls',
  run({ spec }) {
    const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !SAFE_SYSCTLS.has(name));
    return names.length > 0 ? { reason: 'forbidden sysctls', detail: names.join(', ') } : undefined;
  },
};

const windowsHostProcess: Check = {
  id: 'windowsHostProcess',
  run({ spec }) {
    const pod = Boolean(spec.securityContext?.windowsOptions?.hostProcess);
    const bad = containersOf(spec).filter(({ securityContext }) => securityContext?.windowsOptions?.hostProcess);
    if (!pod && bad.length === 0) return undefined;
    return {
      reason: 'hostProcess',
      detail: `${settersText(pod, namesOf(bad))} must not set securityContext.windowsOptions.hostProcess=true`,
    };
  },
};

/** By their ids. */
export const baselineChecks: readonly Check[] = [
  appArmorProfile,
  capabilities,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  hostProbes,
  privileged,
  procMount,
  seLinuxOptions,
  seccompProfile,
  sysctls,
  windowsHostProcess,
];
