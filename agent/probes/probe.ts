// One try of a probe, by whichever handler it names.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Container, Probe } from '../../src/kinds/types/core_v1.js';
import type { ContainerRuntime } from '../runtime/runtime.js';
import { runCommand } from './exec.js';
import { type HttpAnswer, httpGet } from './http.js';
import { tcpConnect } from './tcp.js';

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

export interface ProbeOutcome {
  /** `warning`: a success that is worth an event; `unknown`: it could not be made, and counts as nothing. */
  readonly result: 'success' | 'warning' | 'failure' | 'unknown';
  /** What an event says of it. */
  readonly output: string;
}

const SUCCESS: ProbeOutcome = { result: 'success', output: '' };
const failure = (output: string): ProbeOutcome => ({ result: 'failure', output });
const errorIsFailure = (error: Error) => failure(error.message);

/** A port by its number, or by its name among the container's ports. */
export function resolvePort(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number(port);
  if (!Number.isInteger(number)) throw new Error(`couldn't find port: ${port} in container ${container.name}`);
  return number;
}

/** Never rejects. */
export async function probeOnce(probe: Probe, target: ProbeTarget, runtime: ContainerRuntime, clock: Clock): Promise<ProbeOutcome> {
  const timeout_ms = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    return await attempt(probe, target, runtime, clock, timeout_ms);
  } catch (error) {
    return { result: 'unknown', output: (error as Error).message };
  }
}

/** Rejects where the probe could not be made. */
async function attempt(
  { exec, httpGet: http, tcpSocket: tcp, grpc }: Probe,
  { container, containerId, podIp }: ProbeTarget,
  runtime: ContainerRuntime,
  clock: Clock,
  timeout_ms: number,
): Promise<ProbeOutcome> {
  if (exec) {
    const command = exec.command ?? [];
    const { exitCode, output } = await runCommand(runtime, clock, containerId, command, timeout_ms);
    if (exitCode === undefined) return failure(`command timed out: "${command.join(' ')}" timed out after ${timeout_ms / 1000}s`);
    return exitCode === 0 ? SUCCESS : failure(output);
  }
  if (http) {
    const target = { host: http.host || podIp, port: resolvePort(http.port, container) };
    return httpGet(http, target, timeout_ms).then(httpOutcome, errorIsFailure);
  }
  if (tcp) {
    const port = resolvePort(tcp.port, container);
    return tcpConnect(tcp.host || podIp, port, timeout_ms).then(() => SUCCESS, errorIsFailure);
  }
  if (!grpc) throw new Error('missing probe handler');
  // Loaded by the first that needs it.
  const { grpcCheck } = await import('./grpc.js');
  return grpcCheck(podIp, grpc.port, grpc.service ?? '', timeout_ms).then(() => SUCCESS, errorIsFailure);
}

function httpOutcome({ status, body }: HttpAnswer): ProbeOutcome {
  if (status < 200 || status >= 400) return failure(`HTTP probe failed with statuscode: ${status}`);
  return status >= 300 ? { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` } : SUCCESS;
}
