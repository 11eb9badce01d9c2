// A Node's labels and status from what the machine and the runtime say: pure.
import { rfc3339 } from '../../src/apimachinery/clock.js';
import type { ContainerImage, NodeCondition, NodeStatus, NodeSystemInfo } from '../../src/kinds/types/core_v1.js';
import { LABEL_ARCH, LABEL_HOSTNAME, LABEL_OS, PORT_KUBELET } from '../../src/kinds/wellknown.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import { extendedResources, formatResources, nodeAllocatable, nodeCapacity } from './allocatable.js';
import type { MachineFacts } from './machine.js';

const OWN_CONDITIONS: readonly string[] = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'];

export interface NodeStatusContext {
  readonly name: string;
  readonly ips: readonly string[];
  readonly settings: KubeletSettings;
  readonly machine: MachineFacts;
  /** `MemoryPressure` and the like, while they last. */
  readonly pressures: readonly string[];
  readonly images: readonly ContainerImage[];
  readonly info: NodeSystemInfo;
  /** Why no pod can run here now; empty: they can. */
  readonly problems: readonly string[];
  readonly port?: number;
  readonly old: NodeStatus | undefined;
  readonly now_ms: number;
}

export const networkNotReady = (why: string) =>
  `container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:${why}`;

export function nodeLabels(name: string, architecture: string): { readonly [key: string]: string } {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    [LABEL_ARCH]: architecture,
    [LABEL_HOSTNAME]: name,
    [LABEL_OS]: 'linux',
  };
}

export function nodeStatus(context: NodeStatusContext): NodeStatus {
  const { name, ips, machine, settings, info, port, old } = context;
  const capacity = nodeCapacity(machine, settings);
  return {
    capacity: { ...extendedResources(old?.capacity), ...formatResources(capacity) },
    allocatable: { ...extendedResources(old?.capacity), ...formatResources(nodeAllocatable(capacity, settings)) },
    conditions: conditions(context),
    addresses: [...ips.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: name }],
    daemonEndpoints: { kubeletEndpoint: { Port: port ?? PORT_KUBELET } },
    nodeInfo: info,
    images: context.images,
    features: { supplementalGroupsPolicy: true },
  };
}

function conditions({ pressures, problems, old, now_ms }: NodeStatusContext): readonly NodeCondition[] {
  const pressure = (type: string, yes: readonly [string, string], no: readonly [string, string]) =>
    pressures.includes(type) ? condition(type, 'True', ...yes) : condition(type, 'False', ...no);
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string): NodeCondition => {
    const before = old?.conditions?.find((one) => one.type === type);
    const since = before?.status === status ? before.lastTransitionTime : undefined;
    return { type, status, lastHeartbeatTime: rfc3339(now_ms), lastTransitionTime: since ?? rfc3339(now_ms), reason, message };
  };
  return [
    pressure(
      'MemoryPressure',
      ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
      ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    ),
    pressure(
      'DiskPressure',
      ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
      ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    ),
    pressure(
      'PIDPressure',
      ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
      ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    ),
    problems.length === 0
      ? condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status')
      : condition('Ready', 'False', 'KubeletNotReady', problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`),
  ];
}

/** Whether the API has to be told: something else than a heartbeat time differs, or that has become too old. */
export function needsReport(old: NodeStatus | undefined, wanted: NodeStatus, now_ms: number, interval_ms: number): boolean {
  if (!old) return true;
  const own = (old.conditions ?? []).filter(({ type }) => OWN_CONDITIONS.includes(type));
  const heartbeat_ms = Math.min(...own.map(({ lastHeartbeatTime }) => Date.parse(lastHeartbeatTime ?? '') || 0));
  // Also where the clock was set back since.
  if (!(Math.abs(now_ms - heartbeat_ms) < interval_ms)) return true;
  return JSON.stringify(facts(old)) !== JSON.stringify(facts(wanted));
}

function facts({ capacity, allocatable, conditions: all = [], addresses, daemonEndpoints, nodeInfo, images = [] }: NodeStatus) {
  const states = OWN_CONDITIONS.map((type) => {
    const found = all.find((condition) => condition.type === type);
    return [found?.status, found?.reason, found?.message];
  });
  const sorted = (map: object | undefined) => Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const places = addresses?.map(({ type, address }) => [type, address]);
  return [
    sorted(capacity),
    sorted(allocatable),
    states,
    places,
    daemonEndpoints?.kubeletEndpoint?.Port,
    sorted(nodeInfo),
    images.map(({ names, sizeBytes }) => [names, sizeBytes]),
  ];
}
