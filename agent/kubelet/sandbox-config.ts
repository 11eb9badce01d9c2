// What a pod's sandbox is to be, from its spec: pure.
import { allContainers } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { PodSandboxConfig, PortMapping } from '../runtime/runtime.js';
import { podHostname } from './hosts.js';
import { OOM_SANDBOX } from './resources.js';

const TERMINATION_GRACE_DEFAULT_S = 30;

export const gracePeriod_s = (pod: Pod) => pod.spec.terminationGracePeriodSeconds ?? TERMINATION_GRACE_DEFAULT_S;

/** `oomFloor`: the lowest score that this node's runtime may set. `cgroupParent`: where its containers' groups are to be. */
export function sandboxConfig(pod: Pod, attempt: number, oomFloor: number, cgroupParent?: string): PodSandboxConfig {
  const { metadata, spec } = pod;
  const hostNetwork = spec.hostNetwork === true;
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    uid: metadata.uid,
    attempt,
    ...(hostNetwork ? {} : { hostname: podHostname(pod) }),
    hostNetwork,
    hostIpc: spec.hostIPC === true,
    hostPid: spec.hostPID === true,
    sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])),
    portMappings: hostNetwork ? [] : portMappings(pod),
    terminationGracePeriod_s: gracePeriod_s(pod),
    oomScoreAdj: Math.max(oomFloor, OOM_SANDBOX),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
  };
}

function portMappings({ spec }: Pod): readonly PortMapping[] {
  const ports = allContainers(spec).flatMap((container) => container.ports ?? []);
  return ports
    .filter(({ hostPort }) => hostPort)
    .map(({ hostPort, containerPort, protocol, hostIP }) => ({
      hostPort: hostPort!,
      containerPort,
      protocol: (protocol ?? 'TCP').toLowerCase() as PortMapping['protocol'],
      ...(hostIP ? { hostIP } : {}),
    }));
}
