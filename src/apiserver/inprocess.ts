// The in-process transport: requests without sockets or encoding, through the same filters, admission and storage.

import type { Clock, Random } from '../apimachinery/clock.js';
import type { KubeObject } from '../apimachinery/object.js';
import { expired, StatusError } from '../apimachinery/status.js';
import { decodeAnswer, readAnswer, watchEvents } from '../client/answer.js';
import type { ApiRequest, Transport, WatchEvent } from '../client/client.js';
import { authenticated } from './authentication/authenticator.js';
import { Exchange, type RequestBody, type Result } from './exchange.js';
import type { Serve } from './filters/filter.js';
import { openWatch } from './handlers/watch.js';
import type { ProxyTarget, ReverseProxy } from './http/reverse-proxy.js';
import type { UserInfo } from './options.js';
import { plainResult } from './plain-result.js';
import type { EventView } from './storage/cache-event.js';
import type { WatchSink } from './storage/watchers.js';

/** Events that wait for a slow reader; past it the watch ends, and the reader lists again. */
const MAX_QUEUED_EVENTS = 10_000;

/** Of a watch that is refused: a Status, or a page that says why. */
const MAX_REFUSAL_BYTES = 1024 * 1024;

export interface InProcessContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly proxy: ReverseProxy;
}

/** Objects that come back are the cache's own: they must not be changed. */
export function inProcessTransport(serve: Serve, user: UserInfo, context: InProcessContext): Transport {
  const { clock, random, proxy } = context;
  const who = authenticated(user);
  const userAgent = programOf(user.name);
  const exchangeOf = (request: ApiRequest) => {
    const exchange = new Exchange(request.method, request.path, request.query, bodyOf(request), {}, { userAgent });
    exchange.user = who;
    return exchange;
  };
  return {
    async request(request) {
      const result = await serve(exchangeOf(request));
      return result.type === 'proxy' ? passedOn(proxy, request, result.target) : resultValue(result);
    },
    async *watch(request, signal) {
      const exchange = exchangeOf(request);
      const result = await serve(exchange);
      if (result.type === 'proxy') return yield* passedOnWatch(proxy, result.target, signal);
      // An aggregated server that is not there is told of before it is asked.
      if (result.type === 'bytes') resultValue(result);
      if (result.type !== 'watch') throw new Error('in process: a watch must ask for watch=true');
      exchange.audit?.started(200);
      const queue = new WatchQueue();
      const stop = openWatch(result, queue, clock, random.next());
      const onAbort = () => queue.end();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        if (!signal.aborted) yield* queue.events();
      } finally {
        signal.removeEventListener('abort', onAbort);
        stop();
        exchange.audit?.complete();
      }
    },
  };
}

const [COMPONENT, CONTROLLER] = [/^system:(?=kube-)/, /^system:serviceaccount:kube-system:.*/];

/** As upstream's components call themselves, which field managers go by; controllers are one program. */
function programOf(user: string): string {
  return user === 'system:apiserver' ? 'kube-apiserver' : user.replace(COMPONENT, '').replace(CONTROLLER, 'kube-controller-manager');
}

function bodyOf({ body, contentType = 'application/json' }: ApiRequest): RequestBody {
  return body === undefined ? { type: 'none' } : { type: 'value', contentType, value: body };
}

/** As another server answers it. */
async function passedOn(proxy: ReverseProxy, { method, body, contentType }: ApiRequest, target: ProxyTarget): Promise<unknown> {
  const headers = { accept: 'application/json', ...(contentType ? { 'content-type': contentType } : {}) };
  const { code, bytes } = await proxy.fetch(method, headers, body === undefined ? undefined : Buffer.from(JSON.stringify(body)), target);
  try {
    return decodeAnswer(code, bytes);
  } catch (error) {
    throw asStatus(error, target);
  }
}

async function* passedOnWatch(proxy: ReverseProxy, target: ProxyTarget, signal: AbortSignal): AsyncGenerator<WatchEvent<KubeObject>> {
  const answer = await proxy.send(
    { method: 'GET', headers: { accept: 'application/json' }, socket: undefined as never },
    undefined,
    target,
  );
  const abort = () => answer.destroy();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    if (answer.statusCode !== 200) decodeAnswer(answer.statusCode!, await readAnswer(answer, MAX_REFUSAL_BYTES));
    yield* watchEvents(answer);
  } catch (error) {
    if (!signal.aborted) throw asStatus(error, target);
  } finally {
    signal.removeEventListener('abort', abort);
    answer.destroy();
  }
}

/** What another server sends must end no loop of ours, whatever it is. */
const asStatus = (error: unknown, target: ProxyTarget): StatusError =>
  error instanceof StatusError ? error : target.unreachable(error instanceof Error ? error.message : String(error));

function resultValue(result: Result): unknown {
  if (result.type === 'bytes') return decodeAnswer(result.code, Buffer.from(result.bytes));
  const value = plainResult(result);
  if (value === undefined) throw new StatusError(400, 'BadRequest', `a ${result.type} cannot be asked for in process`);
  return value;
}

class WatchQueue implements WatchSink {
  #events: WatchEvent<KubeObject>[] = [];
  #ended = false;
  #error: StatusError | undefined;
  #wake: (() => void) | undefined;
  #limit = MAX_QUEUED_EVENTS;

  start(initial: readonly EventView[]): void {
    this.#limit += initial.length;
    for (const view of initial) this.event(view);
  }

  event({ type, object }: EventView): void {
    this.#push({ type, object: object.object });
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    this.#push({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(revision), ...annotations } } as unknown as KubeObject });
  }

  end(error?: StatusError): void {
    this.#ended = true;
    this.#error ??= error;
    this.#wake?.();
  }

  async *events(): AsyncGenerator<WatchEvent<KubeObject>> {
    for (;;) {
      const events = this.#events;
      this.#events = [];
      yield* events;
      if (this.#events.length > 0) continue;
      if (this.#error) throw this.#error;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #push(event: WatchEvent<KubeObject>): void {
    if (this.#ended) return;
    if (this.#events.length < this.#limit) {
      this.#events.push(event);
      this.#wake?.();
    } else this.end(expired('the watch fell too far behind: list again'));
  }
}
