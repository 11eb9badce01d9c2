// Port-forward over SPDY/3.1: for each connection the client opens an error and a data stream with the same request ID.
import type { Clock, Timer } from '../../../src/apimachinery/clock.js';
import type { SpdyStream } from '../spdy/stream.js';
import { endAll } from '../streams.js';
import { type ForwardedPod, forward, parsePort } from './forward.js';

export const PORT_FORWARD_PROTOCOLS: readonly string[] = ['portforward.k8s.io'];

/** Upstream's DefaultStreamCreationTimeout: how long one stream of a pair waits for the other. */
const PAIR_TIMEOUT_MS = 30_000;

interface Pair {
  readonly data?: SpdyStream;
  readonly error?: SpdyStream;
  readonly timer: Timer;
}

export class PortForwardPairs {
  readonly #waiting = new Map<string, Pair>();

  constructor(
    private readonly pod: ForwardedPod,
    private readonly clock: Clock,
  ) {}

  /** False for a stream that belongs to no connection. */
  accept(stream: SpdyStream): boolean {
    const type = stream.headers.get('streamtype');
    const port = parsePort(stream.headers.get('port'));
    if ((type !== 'data' && type !== 'error') || port === undefined) return false;
    const id = requestId(stream, type);
    const pair: Pair = this.#waiting.get(id) ?? { timer: this.clock.after(PAIR_TIMEOUT_MS, () => this.#giveUp(id)) };
    if (pair[type]) return false;
    const { data, error } = { ...pair, [type]: stream } as Pair;
    if (data && error) {
      pair.timer.cancel();
      this.#waiting.delete(id);
      void this.#serve(data, error, port);
    } else this.#waiting.set(id, { ...pair, [type]: stream });
    return true;
  }

  /** Ends what waits for its other half. */
  close(): void {
    for (const { timer } of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
  }

  async #serve(data: SpdyStream, error: SpdyStream, port: number): Promise<void> {
    const message = await forward(this.pod, port, { input: data, output: data }, this.clock);
    await endAll(data);
    if (message) error.write(message);
    await endAll(error);
    data.destroy();
    error.destroy();
  }

  #giveUp(id: string): void {
    const { data, error } = this.#waiting.get(id)!;
    this.#waiting.delete(id);
    data?.destroy();
    error?.destroy();
  }
}

/** Clients from before request IDs open the error stream first and the data stream right after it. */
function requestId({ headers, id }: SpdyStream, type: 'data' | 'error'): string {
  return headers.get('requestid') ?? String(type === 'error' ? id : id - 2);
}
