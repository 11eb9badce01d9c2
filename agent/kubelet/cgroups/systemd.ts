// Control groups where systemd keeps them: a group is a slice, its limits are the slice's properties.
import type { Exec } from '../../proxy/exec.js';
import type { CgroupLimits } from './limits.js';
import { cpuWeight } from './limits.js';

const amount = (value: number) => (value === -1 ? 'infinity' : String(value));

/** Written by systemd itself: what was written past it would not outlive its next reload. */
export function sliceProperties(limits: CgroupLimits, version: 1 | 2): readonly string[] {
  const { cpuShares, cpuQuota_us, cpuPeriod_us, memory_bytes, pids } = limits;
  const share = version === 1 ? 'CPUShares' : 'CPUWeight';
  return [
    ...(cpuShares === undefined ? [] : [`${share}=${version === 1 ? cpuShares : cpuWeight(cpuShares)}`]),
    ...(cpuQuota_us === undefined || cpuPeriod_us === undefined ? [] : cpuProperties(cpuQuota_us, cpuPeriod_us)),
    ...(memory_bytes === undefined ? [] : [`${version === 1 ? 'MemoryLimit' : 'MemoryMax'}=${amount(memory_bytes)}`]),
    ...(pids === undefined ? [] : [`TasksMax=${amount(pids)}`]),
  ];
}

/** systemd counts in hundredths of a CPU, and rounds up so that nobody gets less than the limit. */
function cpuProperties(quota_us: number, period_us: number): string[] {
  const quota = quota_us === -1 ? '' : `${Math.ceil((quota_us * 100) / period_us)}%`;
  return [`CPUQuota=${quota}`, `CPUQuotaPeriodSec=${period_us}us`];
}

export async function setSlice(exec: Exec, slice: string, properties: readonly string[]): Promise<void> {
  await exec('systemctl', ['start', slice]);
  await exec('systemctl', ['set-property', '--runtime', slice, ...properties]);
}

export async function removeSlice(exec: Exec, slice: string): Promise<void> {
  await exec('systemctl', ['stop', slice]);
  // What set-property has written stays behind otherwise.
  await exec('systemctl', ['revert', slice]);
}
