// One try of a probe, by whichever handler it names.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Container, Probe } from '../../src/kinds/types/core_v1.js';
import type { ContainerRuntime } from '../runtime/runtime.js';
import { runCommand } from './exec.js';
import { httpGet } from './http.js';
import { tcpConnect } from './tcp.js';

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

export interface ProbeOutcome {
  readonly success: boolean;
  /** What an event says of a failure. */
  readonly output: string;
}

/** A port by its number, or by its name among the container's ports. */
export function resolvePort(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number(port);
  if (!Number.isInteger(number)) throw new Error(`couldn't find port: ${port} in container ${container.name}`);
  return number;
}

/** Never rejects: a probe that cannot be made has failed. */
export async function probeOnce(probe: Probe, target: ProbeTarget, runtime: ContainerRuntime, clock: Clock): Promise<ProbeOutcome> {
  const timeout_ms = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    return await attempt(probe, target, runtime, clock, timeout_ms);
  } catch (error) {
    return { success: false, output: (error as Error).message };
  }
}

async function attempt(
  probe: Probe,
  { container, containerId, podIp }: ProbeTarget,
  runtime: ContainerRuntime,
  clock: Clock,
  timeout_ms: number,
): Promise<ProbeOutcome> {
  if (probe.exec) {
    const { exitCode, output } = await runCommand(runtime, clock, containerId, probe.exec.command ?? [], timeout_ms);
    if (exitCode === undefined) return { success: false, output: `command timed out after ${timeout_ms / 1000}s` };
    return { success: exitCode === 0, output };
  }
  if (probe.httpGet) {
    const port = resolvePort(probe.httpGet.port, container);
    const { status } = await httpGet(probe.httpGet, { host: probe.httpGet.host || podIp, port }, timeout_ms);
    return { success: status >= 200 && status < 400, output: `HTTP probe failed with statuscode: ${status}` };
  }
  if (probe.tcpSocket) {
    await tcpConnect(probe.tcpSocket.host || podIp, resolvePort(probe.tcpSocket.port, container), timeout_ms);
    return { success: true, output: '' };
  }
  return { success: false, output: 'the probe has no handler that this node supports' };
}
