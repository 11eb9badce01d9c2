// Docker's view of a container as the contract's.
import type { ContainerInspectInfo, HostConfig } from 'dockerode';
import { attemptOf, hashOf, LABEL_CONTAINER_NAME, LABEL_SANDBOX_ID, messageFileOf, messagePolicyOf, userOf } from './docker-names.js';
import type { RuntimeContainer } from './runtime.js';

/** Docker's zero time is the year 1. */
function millis(time: string | undefined): number {
  return Math.max(0, Date.parse(time ?? '') || 0);
}

/** The kernel's. */
const CPU_PERIOD_DEFAULT_US = 100_000;

/** Docker's 0 is none. */
function resourcesOf({ CpuShares, CpuQuota, CpuPeriod, Memory }: HostConfig): RuntimeContainer['resources'] {
  return {
    cpuShares: CpuShares ?? 0,
    cpuPeriod_us: CpuPeriod || CPU_PERIOD_DEFAULT_US,
    ...(CpuQuota ? { cpuQuota_us: CpuQuota } : {}),
    ...(Memory ? { memory_bytes: Memory } : {}),
  };
}

export function containerFrom(info: ContainerInspectInfo): RuntimeContainer {
  const { State: state, Config: config } = info;
  const createdAt_ms = millis(info.Created);
  const finishedAt_ms = millis(state.FinishedAt);
  const user = userOf(config.Labels);
  const base = {
    id: info.Id,
    name: config.Labels[LABEL_CONTAINER_NAME] ?? '',
    sandboxId: config.Labels[LABEL_SANDBOX_ID] ?? '',
    attempt: attemptOf(config.Labels),
    hash: hashOf(config.Labels),
    image: info.Image,
    createdAt_ms,
    startedAt_ms: millis(state.StartedAt),
    finishedAt_ms,
    exitCode: state.ExitCode,
    oomKilled: state.OOMKilled,
    ...(info.LogPath ? { logPath: info.LogPath } : {}),
    tty: config.Tty,
    stdin: config.OpenStdin,
    stdinOnce: config.StdinOnce,
    terminationMessageFile: messageFileOf(config.Labels),
    terminationMessagePolicy: messagePolicyOf(config.Labels),
    ...(user ? { user } : {}),
    resources: resourcesOf(info.HostConfig),
  } as const;
  if (state.Running) return { ...base, state: 'running' };
  if (finishedAt_ms > 0 && base.startedAt_ms > 0) return { ...base, state: 'exited' };
  // A container that Docker could not start stays `created`, with an exit code and the reason.
  if (state.ExitCode !== 0) {
    return { ...base, state: 'exited', startedAt_ms: createdAt_ms, finishedAt_ms: finishedAt_ms || createdAt_ms, startError: state.Error };
  }
  return { ...base, state: 'created' };
}
