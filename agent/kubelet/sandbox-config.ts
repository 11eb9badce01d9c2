// What a pod's sandbox is to be, from its spec: pure.
import { allContainers } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { PodDns, PodSandboxConfig, PortMapping } from '../runtime/config.js';
import { podBandwidth } from './bandwidth.js';
import { kernelHostname } from './hosts.js';
import { OOM_SANDBOX } from './resources.js';
import { sysctlName } from './sysctls.js';

const TERMINATION_GRACE_DEFAULT_S = 30;

export const gracePeriod_s = (pod: Pod) => pod.spec.terminationGracePeriodSeconds ?? TERMINATION_GRACE_DEFAULT_S;

export interface SandboxContext {
  /** The lowest OOM score that this node's runtime may set. */
  readonly oomFloor: number;
  readonly clusterDomain: string;
  /** Where its containers' groups are to be. */
  readonly cgroupParent?: string;
  readonly runtimeHandler?: string;
  readonly dns?: PodDns;
}

/** Throws where there can be no such sandbox. */
export function sandboxConfig(pod: Pod, attempt: number, context: SandboxContext): PodSandboxConfig {
  const { oomFloor, clusterDomain, cgroupParent, runtimeHandler, dns } = context;
  const { metadata, spec } = pod;
  const hostNetwork = spec.hostNetwork === true;
  if (spec.hostUsers === false) throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
  const bandwidth = hostNetwork ? undefined : podBandwidth(metadata.annotations);
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    uid: metadata.uid,
    attempt,
    ...(hostNetwork ? {} : { hostname: kernelHostname(pod, clusterDomain) }),
    hostNetwork,
    hostIpc: spec.hostIPC === true,
    hostPid: spec.hostPID === true,
    sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map(({ name, value }) => [sysctlName(name), value])),
    portMappings: hostNetwork ? [] : portMappings(pod),
    ...(bandwidth && { bandwidth }),
    ...(dns && { dns }),
    ...(metadata.annotations && { annotations: metadata.annotations }),
    terminationGracePeriod_s: gracePeriod_s(pod),
    oomScoreAdj: Math.max(oomFloor, OOM_SANDBOX),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    ...(runtimeHandler === undefined ? {} : { runtimeHandler }),
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
