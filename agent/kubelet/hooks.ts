// Lifecycle hooks: postStart and preStop by command, HTTP or sleep.
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import type { Container, LifecycleHandler, Pod } from '../../src/kinds/types/core_v1.js';
import { runCommand } from '../probes/exec.js';
import { httpGet } from '../probes/http.js';
import { resolvePort } from '../probes/probe.js';
import type { ContainerRuntime } from '../runtime/runtime.js';

export interface HookTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

/** Rejects with upstream's words where the hook fails or does not end within the time. */
export async function runHook(
  hook: LifecycleHandler,
  target: HookTarget,
  runtime: ContainerRuntime,
  clock: Clock,
  timeout_ms: number,
): Promise<void> {
  try {
    await attempt(hook, target, runtime, clock, timeout_ms);
  } catch (error) {
    const { metadata } = target.pod;
    const of = `for Container "${target.container.name}" in Pod "${metadata.name}_${metadata.namespace}(${metadata.uid})"`;
    throw new Error(`${describe(hook)} ${of} failed - error: ${(error as Error).message}`);
  }
}

async function attempt(
  hook: LifecycleHandler,
  { container, containerId, podIp }: HookTarget,
  runtime: ContainerRuntime,
  clock: Clock,
  timeout_ms: number,
): Promise<void> {
  if (hook.exec) {
    const command = hook.exec.command ?? [];
    const { exitCode, output } = await runCommand(runtime, clock, containerId, command, timeout_ms);
    const said = `, message: ${JSON.stringify(output)}`;
    if (exitCode === undefined) throw new Error(`command '${command.join(' ')}' did not end within ${timeout_ms / 1000}s${said}`);
    if (exitCode !== 0) throw new Error(`command '${command.join(' ')}' exited with ${exitCode}: ${output}${said}`);
  } else if (hook.httpGet) {
    const target = { host: hook.httpGet.host || podIp, port: resolvePort(hook.httpGet.port, container) };
    // Any answer will do, as upstream.
    await httpGet(hook.httpGet, target, timeout_ms, 'kube-lifecycle');
  } else if (hook.sleep) {
    await sleep(clock, Math.min(hook.sleep.seconds * 1000, timeout_ms));
  } else {
    throw new Error('invalid handler');
  }
}

function describe({ exec, httpGet: http, sleep: pause }: LifecycleHandler): string {
  if (exec) return `Exec lifecycle hook ([${(exec.command ?? []).join(' ')}])`;
  if (http) return `HTTP lifecycle hook (${http.path ?? ''})`;
  return pause ? `Sleep lifecycle hook (${pause.seconds})` : 'Lifecycle hook';
}
