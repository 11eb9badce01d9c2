// WebhookClient: POSTs reviews to webhooks over HTTPS connections that are kept for the next call. Admission and conversion use it.
import { Agent, request } from 'node:https';
import { isIP } from 'node:net';
import type { Clock } from '../../apimachinery/clock.js';
import { decodeJson } from '../../apimachinery/codec/json.js';
import { isJsonObject, type JsonObject } from '../../apimachinery/json.js';
import { StatusError } from '../../apimachinery/status.js';
import { readAnswer } from '../../client/answer.js';
import type { Address, ServiceReference } from '../service-address.js';
import { refusalOf } from './http-refusal.js';
import { transportErrorText } from './transport-error.js';

/** Connections to one webhook at once; more calls wait their turn, which their time-out bounds. */
const MAX_CONNECTIONS = 100;
/** Idle connections kept for each webhook; a burst's others are closed. */
const MAX_IDLE_CONNECTIONS = 16;
/** Shorter than what servers commonly keep an idle connection for, so that a call seldom meets one that is being closed. */
const IDLE_MS = 30_000;
/** A conversion of a page of the largest objects fits; more is a webhook gone wrong. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** `clientConfig` of webhooks. */
export interface WebhookClientConfig {
  readonly url?: string;
  readonly service?: { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number };
  /** PEM in base64. */
  readonly caBundle?: string;
}

export interface WebhookClientOptions {
  readonly clock: Clock;
  resolve(service: ServiceReference): Promise<Address>;
}

/** Why a webhook gave no answer: in `message` as Go's client would say it, in `status` as what it refused with, if it did. */
export class WebhookCallError extends Error {
  override readonly name = 'WebhookCallError';
  constructor(
    message: string,
    readonly status?: StatusError,
  ) {
    super(message);
  }
}

interface Endpoint {
  /** As people know it: a Service by its DNS name. */
  readonly url: string;
  readonly path: string;
  /** For the Host header. */
  readonly authority: string;
  readonly address: Address;
  readonly serverName: string;
}

interface Answer {
  readonly code: number;
  readonly bytes: Buffer;
}

export class WebhookClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS, maxFreeSockets: MAX_IDLE_CONNECTIONS, timeout: IDLE_MS });

  constructor(private readonly options: WebhookClientOptions) {}

  /** The answer, which must be a JSON object. Rejects with a WebhookCallError. */
  async post(config: WebhookClientConfig, body: object, timeout_ms: number): Promise<JsonObject> {
    const payload = Buffer.from(JSON.stringify(body));
    const endpoint = await this.#endpointOf(config, timeout_ms);
    const ca = config.caBundle ? Buffer.from(config.caBundle, 'base64').toString() : undefined;
    // A kept connection may be closed by the webhook in the same moment: then it has not seen the call.
    const answer = (await this.#send(endpoint, ca, payload, timeout_ms)) ?? (await this.#send(endpoint, ca, payload, timeout_ms));
    if (!answer) throw failure(endpoint, 'EOF');
    if (answer.code >= 200 && answer.code < 300) return decode(answer.bytes);
    const status = refusalOf(answer.code, answer.bytes);
    throw new WebhookCallError(status.message, status);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #endpointOf({ url, service }: WebhookClientConfig, timeout_ms: number): Promise<Endpoint> {
    const timeout = `timeout=${Math.ceil(timeout_ms / 1000)}s`;
    if (!service) {
      const { hostname, host, port, pathname } = new URL(url!);
      const serverName = hostname.replace(/^\[|\]$/g, '');
      const path = `${pathname}?${timeout}`;
      return { url: `https://${host}${path}`, path, authority: host, address: { host: serverName, port: Number(port || 443) }, serverName };
    }
    const { namespace, name, path: plain = '/', port = 443 } = service;
    const [serverName, path] = [`${name}.${namespace}.svc`, `${plain}?${timeout}`];
    const authority = `${serverName}:${port}`;
    return { url: `https://${authority}${path}`, path, authority, address: await this.#resolve({ namespace, name, port }), serverName };
  }

  async #resolve(service: ServiceReference): Promise<Address> {
    try {
      return await this.options.resolve(service);
    } catch (error) {
      throw error instanceof StatusError ? new WebhookCallError(error.message, error) : error;
    }
  }

  /** Undefined where a kept connection turned out to be closed. */
  #send(endpoint: Endpoint, ca: string | undefined, payload: Buffer, timeout_ms: number): Promise<Answer | undefined> {
    const { address, serverName, path, authority } = endpoint;
    return new Promise((resolve, reject) => {
      const outgoing = request({
        ...address,
        path,
        method: 'POST',
        agent: this.#agent,
        ...(isIP(serverName) === 0 && { servername: serverName }),
        ...(ca !== undefined && { ca }),
        headers: { host: authority, 'content-type': 'application/json', accept: 'application/json', 'content-length': payload.length },
      });
      const timer = this.options.clock.after(timeout_ms, () => outgoing.destroy(new Error('context deadline exceeded')));
      const fail = (error: NodeJS.ErrnoException) => {
        timer.cancel();
        if (outgoing.reusedSocket && error.code === 'ECONNRESET') resolve(undefined);
        else reject(failure(endpoint, transportErrorText(error, `${address.host}:${address.port}`, serverName)));
      };
      outgoing.once('error', fail);
      outgoing.once('response', (response) => {
        readAnswer(response, MAX_ANSWER_BYTES).then((bytes) => {
          timer.cancel();
          resolve({ code: response.statusCode!, bytes });
        }, fail);
      });
      outgoing.end(payload);
    });
  }
}

const failure = ({ url }: Endpoint, why: string) => new WebhookCallError(`Post ${JSON.stringify(url)}: ${why}`);

function decode(bytes: Buffer): JsonObject {
  try {
    const value = decodeJson(bytes);
    if (isJsonObject(value)) return value;
  } catch (error) {
    throw error instanceof StatusError ? new WebhookCallError(error.message) : error;
  }
  throw new WebhookCallError("couldn't get version/kind; json parse error: the answer is no JSON object");
}
