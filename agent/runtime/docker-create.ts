// What Docker is asked to create for a sandbox and for a container in it: pure, from the contract's configs.
import type { ContainerCreateOptions, HostConfig, MountSettings } from 'dockerode';
import { parseQuantity } from '../../src/apimachinery/quantity.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { ContainerConfig, ContainerResources, Mount, PodSandboxConfig } from './config.js';
import { containerLabels, containerName, sandboxLabels, sandboxName } from './docker-names.js';

export type LogSettings = Pick<KubeletSettings, 'containerLogMaxSize' | 'containerLogMaxFiles'>;

/** Weight of a sandbox, which only sleeps: the kernel's least, as dockershim's. */
const SANDBOX_CPU_SHARES = 2;

/** The engine rotates, so that no container can fill the node's disk. */
const logging = ({ containerLogMaxSize, containerLogMaxFiles }: LogSettings) => ({
  Type: 'json-file',
  Config: { 'max-size': String(parseQuantity(containerLogMaxSize)), 'max-file': String(containerLogMaxFiles) },
});

/**
 * A pause container whose Docker networking is disabled rather than `none`: it still has a network namespace of its own
 * with `lo` up, and starts in half the time. CNI wires it afterwards.
 */
export function sandboxOptions(config: PodSandboxConfig, image: string, settings: LogSettings): ContainerCreateOptions {
  const host: HostConfig = {
    IpcMode: config.hostIpc ? 'host' : 'shareable',
    PidMode: config.hostPid ? 'host' : '',
    CpuShares: SANDBOX_CPU_SHARES,
    ...cgroupParentOf(config),
    ...runtimeOf(config),
    OomScoreAdj: config.oomScoreAdj,
    SecurityOpt: ['seccomp=unconfined'],
    LogConfig: logging(settings),
    ...(config.hostNetwork ? { NetworkMode: 'host' } : {}),
    ...(Object.keys(config.sysctls).length > 0 ? { Sysctls: { ...config.sysctls } } : {}),
  };
  return {
    name: sandboxName(config),
    Image: image,
    Labels: { ...sandboxLabels(config) },
    HostConfig: host,
    ...(config.hostNetwork ? {} : { NetworkDisabled: true, Hostname: config.hostname ?? '' }),
  };
}

const runtimeOf = ({ runtimeHandler }: PodSandboxConfig) => (runtimeHandler === undefined ? {} : { Runtime: runtimeHandler });
const cgroupParentOf = ({ cgroupParent }: PodSandboxConfig) => (cgroupParent === undefined ? {} : { CgroupParent: cgroupParent });

/** Engines since 25.0 would make what is mounted below it read-only, too. */
const ALONE = { ReadOnlyNonRecursive: true };

/** The client's types ask for a propagation. The engine's own is private, but for paths above its own, which it makes slaves. */
const bindOptions = ({ propagation, readOnly }: Mount) =>
  ({ ...(propagation === 'private' ? {} : { Propagation: propagation }), ...(readOnly ? ALONE : {}) }) as MountSettings['BindOptions'];

const mountOf = (mount: Mount): MountSettings => ({
  Type: 'bind',
  Source: mount.hostPath,
  Target: mount.containerPath,
  ReadOnly: mount.readOnly,
  BindOptions: bindOptions(mount),
});

function securityOptions({ security }: ContainerConfig): string[] {
  const labels = security.seLinuxLabels.map((label) => `label=${label}`);
  if (security.privileged) return labels;
  const { seccomp, appArmor, noNewPrivileges } = security;
  const profile = typeof seccomp === 'object' ? seccomp.profile : seccomp === 'unconfined' ? 'unconfined' : undefined;
  return [
    ...labels,
    ...(profile === undefined ? [] : [`seccomp=${profile}`]),
    ...(appArmor === undefined ? [] : [`apparmor=${appArmor}`]),
    ...(noNewPrivileges ? ['no-new-privileges'] : []),
  ];
}

function pidMode({ pidNamespace }: ContainerConfig, shared: string): string {
  if (typeof pidNamespace === 'object') return `container:${pidNamespace.of}`;
  return pidNamespace === 'pod' ? shared : pidNamespace === 'node' ? 'host' : '';
}

/** What can be changed of a running container, too. */
export function resourceOptions({ cpuShares, cpuQuota_us, cpuPeriod_us, memory_bytes }: ContainerResources) {
  return {
    CpuShares: cpuShares,
    CpuPeriod: cpuQuota_us === undefined ? 0 : cpuPeriod_us,
    CpuQuota: cpuQuota_us ?? 0,
    Memory: memory_bytes ?? 0,
    // The same as the memory: no swap.
    MemorySwap: memory_bytes ?? 0,
  };
}

export function containerOptions(
  sandboxId: string,
  config: ContainerConfig,
  sandbox: PodSandboxConfig,
  settings: LogSettings,
): ContainerCreateOptions {
  const shared = `container:${sandboxId}`;
  const { resources, security } = config;
  const host: HostConfig = {
    NetworkMode: shared,
    IpcMode: shared,
    PidMode: pidMode(config, shared),
    ...(sandbox.hostNetwork ? { UTSMode: 'host' } : {}),
    Mounts: config.mounts.map(mountOf),
    ...cgroupParentOf(sandbox),
    ...runtimeOf(sandbox),
    ...resourceOptions(resources),
    OomScoreAdj: resources.oomScoreAdj,
    Privileged: security.privileged,
    CapAdd: [...security.capAdd],
    CapDrop: [...security.capDrop],
    GroupAdd: security.supplementalGroups.map(String),
    ReadonlyRootfs: security.readOnlyRootFilesystem,
    SecurityOpt: securityOptions(config),
    LogConfig: logging(settings),
  };
  return {
    name: containerName(config.name, sandbox, config.attempt),
    Image: config.image,
    Labels: { ...containerLabels(sandbox, sandboxId, config) },
    Env: [...config.env],
    ...(config.command ? { Entrypoint: [...config.command] } : {}),
    ...(config.args ? { Cmd: [...config.args] } : {}),
    ...(config.workingDir ? { WorkingDir: config.workingDir } : {}),
    ...(security.user ? { User: security.user } : {}),
    ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
    OpenStdin: config.stdin,
    StdinOnce: config.stdinOnce,
    Tty: config.tty,
    HostConfig: host,
    // The image's own health check would run beside the pod's probes and decide nothing.
    Healthcheck: { Test: ['NONE'] },
  };
}
