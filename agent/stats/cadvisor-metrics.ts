// GET /metrics/cadvisor: what dashboards know from cAdvisor, of the machine, the root group, pods and containers.
import { cpus, totalmem } from 'node:os';
import { Exposition, labelText } from '../../src/apimachinery/exposition.js';
import type { CgroupUsage } from './cgroup.js';
import type { Traffic } from './network.js';
import type { ContainerStats, Measured, NodeSnapshot, PodStats } from './node-stats.js';

type Type = 'counter' | 'gauge';
type Value = (usage: CgroupUsage) => number | undefined;

const seconds = (value: (usage: CgroupUsage) => number) => (usage: CgroupUsage) => value(usage) / 1e9;

/** Of every group; undefined: not where there is none (a limit). */
const FAMILIES: readonly (readonly [name: string, type: Type, help: string, value: Value, labels?: string])[] = [
  ['container_cpu_usage_seconds_total', 'counter', 'CPU time used.', seconds(({ cpu_ns }) => cpu_ns), 'cpu="total"'],
  ['container_cpu_user_seconds_total', 'counter', 'Of it outside the kernel.', seconds(({ user_ns }) => user_ns)],
  ['container_cpu_system_seconds_total', 'counter', 'Of it in the kernel.', seconds(({ system_ns }) => system_ns)],
  ['container_cpu_cfs_periods_total', 'counter', 'Periods in which a CPU limit was looked at.', whereLimited(({ periods }) => periods)],
  [
    'container_cpu_cfs_throttled_periods_total',
    'counter',
    'Periods in which it was reached.',
    whereLimited(({ throttledPeriods }) => throttledPeriods),
  ],
  [
    'container_cpu_cfs_throttled_seconds_total',
    'counter',
    'Time held back for it.',
    whereLimited(seconds(({ throttled_ns }) => throttled_ns)),
  ],
  ['container_spec_cpu_period', 'gauge', 'Period of the CPU limit in microseconds.', ({ period_us }) => period_us],
  ['container_spec_cpu_quota', 'gauge', 'CPU limit in microseconds a period.', ({ quota_us }) => quota_us],
  ['container_spec_cpu_shares', 'gauge', 'Weight when the CPU is short.', ({ shares }) => shares],
  ['container_memory_usage_bytes', 'gauge', 'Memory used, whatever for.', ({ memory_bytes }) => memory_bytes],
  ['container_memory_working_set_bytes', 'gauge', 'Memory that cannot be given up.', ({ workingSet_bytes }) => workingSet_bytes],
  ['container_memory_rss', 'gauge', 'Memory of processes themselves.', ({ rss_bytes }) => rss_bytes],
  ['container_memory_cache', 'gauge', 'Memory that holds files.', ({ cache_bytes }) => cache_bytes],
  ['container_memory_mapped_file', 'gauge', 'Memory of files that processes have mapped.', ({ mapped_bytes }) => mapped_bytes],
  ['container_memory_swap', 'gauge', 'Memory swapped out.', ({ swap_bytes }) => swap_bytes],
  ['container_memory_max_usage_bytes', 'gauge', 'Most memory that was ever used.', ({ max_bytes }) => max_bytes],
  ['container_memory_failcnt', 'counter', 'How often the memory limit was reached.', ({ failures }) => failures],
  ['container_spec_memory_limit_bytes', 'gauge', 'Memory limit, 0 for none.', ({ limit_bytes }) => limit_bytes ?? 0],
  ['container_oom_events_total', 'counter', 'Processes killed for want of memory.', ({ oomKills }) => oomKills],
  ['container_processes', 'gauge', 'Processes and threads that run.', ({ processes }) => processes],
  ['container_fs_reads_bytes_total', 'counter', 'Bytes read from block devices.', ({ read_bytes }) => read_bytes],
  ['container_fs_writes_bytes_total', 'counter', 'Bytes written to block devices.', ({ written_bytes }) => written_bytes],
];

function whereLimited(value: (usage: CgroupUsage) => number): Value {
  return (usage) => (usage.quota_us === undefined ? undefined : value(usage));
}

interface Group {
  readonly labels: string;
  readonly measured: Measured;
  readonly startedAt_ms?: number;
}

const TRAFFIC: readonly (readonly [name: string, help: string, value: (traffic: Traffic) => number])[] = [
  ['bytes', 'Bytes', ({ bytes }) => bytes],
  ['packets', 'Packets', ({ packets }) => packets],
  ['errors', 'Errors', ({ errors }) => errors],
  ['packets_dropped', 'Packets dropped', ({ dropped }) => dropped],
];

export function cadvisorMetrics({ node, pods }: NodeSnapshot): string {
  const out = new Exposition();
  const groups = [rootOf(node), ...pods.flatMap(groupsOf)];
  for (const [name, type, help, value, more] of FAMILIES) {
    out.metric(name, type, help);
    for (const { labels, measured } of groups) {
      const number = value(measured.usage);
      if (number !== undefined) out.sample(name, more ? `${labels},${more}` : labels, number, measured.at_ms);
    }
  }
  out.metric('container_memory_failures_total', 'counter', 'Page faults.');
  for (const { labels, measured } of groups) {
    const { pageFaults, majorPageFaults } = measured.usage;
    for (const [type, count] of [
      ['pgfault', pageFaults],
      ['pgmajfault', majorPageFaults],
    ] as const)
      out.sample(
        'container_memory_failures_total',
        `${labels},${labelText({ failure_type: type, scope: 'hierarchy' })}`,
        count,
        measured.at_ms,
      );
  }
  writeTimes(out, groups);
  writeNetwork(out, pods);
  writeMachine(out);
  return out.toString();
}

const rootOf = (node: Measured): Group => ({ labels: groupLabels(node.cgroup), measured: node });

function groupLabels(id: string, { container = '', image = '', name = '', namespace = '', pod = '' } = {}): string {
  return labelText({ container, id, image, name, namespace, pod });
}

function groupsOf(pod: PodStats): readonly Group[] {
  const { namespace, name } = pod;
  const ofContainer = (each: ContainerStats): Group => {
    const { image, runtimeName, startedAt_ms, name: container } = each.container;
    const labels = groupLabels(each.cgroup, { container: container || 'POD', image, name: runtimeName, namespace, pod: name });
    return { labels, measured: each, startedAt_ms };
  };
  const own = pod.own
    ? [{ labels: groupLabels(pod.own.cgroup, { namespace, pod: name }), measured: pod.own, startedAt_ms: pod.startedAt_ms }]
    : [];
  return [...own, ...(pod.sandbox ? [ofContainer(pod.sandbox)] : []), ...pod.containers.map(ofContainer)];
}

function writeTimes(out: Exposition, groups: readonly Group[]): void {
  out.metric('container_last_seen', 'gauge', 'When it was looked at last, since 1970.');
  for (const { labels, measured } of groups) out.sample('container_last_seen', labels, Math.floor(measured.at_ms / 1000), measured.at_ms);
  out.metric('container_start_time_seconds', 'gauge', 'When it started, since 1970.');
  for (const { labels, startedAt_ms, measured } of groups)
    if (startedAt_ms !== undefined) out.sample('container_start_time_seconds', labels, startedAt_ms / 1000, measured.at_ms);
}

/** A pod's network is its sandbox's. */
function writeNetwork(out: Exposition, pods: readonly PodStats[]): void {
  for (const [direction, way] of [
    ['receive', 'rx'],
    ['transmit', 'tx'],
  ] as const) {
    for (const [what, help, value] of TRAFFIC) {
      const name = `container_network_${direction}_${what}_total`;
      out.metric(name, 'counter', `${help}, ${direction === 'receive' ? 'in' : 'out'}.`);
      for (const { sandbox, interfaces, namespace, name: pod } of pods) {
        if (!sandbox) continue;
        const { image, runtimeName } = sandbox.container;
        const labels = { container: 'POD', id: sandbox.cgroup, image, name: runtimeName, namespace, pod };
        for (const each of interfaces) out.sample(name, labelText({ ...labels, interface: each.name }), value(each[way]), sandbox.at_ms);
      }
    }
  }
}

function writeMachine(out: Exposition): void {
  out.single('machine_cpu_cores', 'gauge', 'CPUs of the machine.', cpus().length);
  out.single('machine_memory_bytes', 'gauge', 'Memory of the machine.', totalmem());
}
