// One forwarded connection: a client's data stream joined to a port inside the pod, and what kept it from being joined as text.
import type { Duplex, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Clock, sleep } from '../../../src/apimachinery/clock.js';
import type { PodDialer } from '../../runtime/runtime.js';

/** As the runtimes upstream: what a client may still send after the pod's side has ended; kubectl never says that it has no more. */
const HALF_CLOSED_MS = 1_000;

export interface ForwardedPod {
  readonly name: string;
  readonly uid: string;
  readonly dialer: PodDialer;
}

/** A port as a header or a query parameter gives it; undefined: it is none. */
export function parsePort(text: string | null | undefined): number | undefined {
  if (!text || !/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port > 0 && port < 65536 ? port : undefined;
}

/**
 * Resolves when the connection is over and `output` has all of it: to an error's text where the pod could not be reached. A
 * connection that breaks off later only ends, as it would without a forwarder: clients give up all their others over an error.
 */
export async function forward(
  { name, uid, dialer }: ForwardedPod,
  port: number,
  { input, output }: { readonly input: Readable; readonly output: Writable },
  clock: Clock,
): Promise<string | undefined> {
  let inside: Duplex;
  try {
    inside = await dialer.dial(port);
  } catch (error) {
    return `error forwarding port ${port} to pod ${name}, uid ${uid}: ${(error as Error).message}`;
  }
  inside.on('error', () => undefined);
  if (output.destroyed) inside.destroy();
  output.once('close', () => inside.destroy());
  input.pipe(inside);
  inside.pipe(output);
  await finished(inside, { writable: false }).catch(() => undefined);
  if (!inside.writableFinished && !inside.destroyed) {
    await Promise.race([finished(inside, { readable: false }).catch(() => undefined), sleep(clock, HALF_CLOSED_MS)]);
  }
  inside.destroy();
  return undefined;
}
