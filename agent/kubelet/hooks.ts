// Lifecycle hooks: postStart and preStop by command, HTTP or sleep.
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import type { Container, LifecycleHandler } from '../../src/kinds/types/core_v1.js';
import { runCommand } from '../probes/exec.js';
import { httpGet } from '../probes/http.js';
import { resolvePort } from '../probes/probe.js';
import type { ContainerRuntime } from '../runtime/runtime.js';

export interface HookTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

/** Rejects with an Error of one line where the hook fails or does not end within the time. */
export async function runHook(
  hook: LifecycleHandler,
  { container, containerId, podIp }: HookTarget,
  runtime: ContainerRuntime,
  clock: Clock,
  timeout_ms: number,
): Promise<void> {
  if (hook.exec) {
    const command = hook.exec.command ?? [];
    const { exitCode, output } = await runCommand(runtime, clock, containerId, command, timeout_ms);
    if (exitCode === undefined) throw new Error(`command "${command.join(' ')}" did not end within ${timeout_ms / 1000}s`);
    if (exitCode !== 0) throw new Error(`command "${command.join(' ')}" exited with ${exitCode}: ${output.trim()}`);
  } else if (hook.httpGet) {
    const target = { host: hook.httpGet.host || podIp, port: resolvePort(hook.httpGet.port, container) };
    const { status } = await httpGet(hook.httpGet, target, timeout_ms);
    if (status < 200 || status >= 400) throw new Error(`HTTP hook failed with statuscode: ${status}`);
  } else if (hook.sleep) {
    await sleep(clock, Math.min(hook.sleep.seconds * 1000, timeout_ms));
  }
}
