// What a container runtime is told of a sandbox, and of a container in it.

/** A port of the node that leads to one of the pod's. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Absent: every address of the node. */
  readonly hostIP?: string;
}

/** What a network may be told of a pod's traffic, in bits. */
export interface PodBandwidth {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
}

/** What a pod's resolv.conf says. */
export interface PodDns {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Whose sandbox this is, and the namespaces that the pod's containers will share through it. */
export interface PodSandboxConfig {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** How many sandboxes the pod had before this one. */
  readonly attempt: number;
  /** Absent where the pod uses the node's network, whose host name it then sees. */
  readonly hostname?: string;
  readonly hostNetwork: boolean;
  readonly hostIpc: boolean;
  readonly hostPid: boolean;
  readonly sysctls: { readonly [name: string]: string };
  /** Which of the node's runtimes runs it; absent: its default. */
  readonly runtimeHandler?: string;
  readonly portMappings: readonly PortMapping[];
  /** Absent: unbounded. */
  readonly bandwidth?: PodBandwidth;
  readonly dns?: PodDns;
  readonly annotations?: { readonly [name: string]: string };
  /** Kept with the sandbox and its containers, for a pod that is gone from the API by the time it is stopped. */
  readonly terminationGracePeriod_s: number;
  readonly oomScoreAdj: number;
  /** In the runtime's own words, a path or a slice; absent: where the runtime would put it. */
  readonly cgroupParent?: string;
}

export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  /** It alone: what is mounted below it stays as it is. */
  readonly readOnly: boolean;
  readonly propagation: 'private' | 'rslave' | 'rshared';
}

export interface ContainerResources {
  /** Weight among containers when the CPU is short; 2 is the kernel's least. */
  readonly cpuShares: number;
  /** Microseconds of CPU in each period; absent: no limit. */
  readonly cpuQuota_us?: number;
  readonly cpuPeriod_us: number;
  readonly memory_bytes?: number;
  readonly oomScoreAdj: number;
}

/** As whom a container's first process begins. */
export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  /** The group itself first. */
  readonly supplementalGroups: readonly number[];
}

export interface ContainerSecurity {
  /** `uid` or `uid:gid`; absent: the image's. */
  readonly user?: string;
  /** Who that is; absent where nobody can tell. */
  readonly runsAs?: ContainerUser;
  readonly supplementalGroups: readonly number[];
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly readOnlyRootFilesystem: boolean;
  readonly noNewPrivileges: boolean;
  /** Or a profile's own text. */
  readonly seccomp: 'unconfined' | 'runtime-default' | { readonly profile: string };
  /** A profile that the kernel knows, or `unconfined`; absent: the runtime's own, where the kernel has AppArmor. */
  readonly appArmor?: string;
  /** `level:s0:c1`; without effect where the kernel has no SELinux. */
  readonly seLinuxLabels: readonly string[];
}

export interface ContainerConfig {
  readonly name: string;
  /** How many containers of this name the pod had before this one: its restart count. */
  readonly attempt: number;
  /** The image's ID, so that a tag that moves on changes nothing. */
  readonly image: string;
  /** Tells whether the part of the spec that a running container cannot follow has changed. */
  readonly hash: string;
  /** Absent: the image's entrypoint. */
  readonly command?: readonly string[];
  /** Absent: the image's, where `command` is absent too. */
  readonly args?: readonly string[];
  readonly workingDir?: string;
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly mounts: readonly Mount[];
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly stopSignal?: string;
  /** Its own, or one that it shares; `of`: that of the container with this ID. */
  readonly pidNamespace: 'container' | 'pod' | 'node' | { readonly of: string };
  readonly resources: ContainerResources;
  readonly security: ContainerSecurity;
  /** Where the container's last words lie on the node, and on which terms they count. */
  readonly terminationMessageFile: string;
  readonly terminationMessagePolicy: 'File' | 'FallbackToLogsOnError';
}
