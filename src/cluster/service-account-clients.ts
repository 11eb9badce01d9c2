// serviceAccountClients: a client for each ServiceAccount of kube-system over the network, by tokens that are asked for and renewed in time.
import type { Clock } from '../apimachinery/clock.js';
import type { KubeObject } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { ApiClient } from '../client/api-client.js';
import type { ApiRequest, Client, Transport, WatchEvent } from '../client/client.js';
import { type HttpsTransport, httpsTransport } from '../client/https.js';
import { serviceAccounts } from '../kinds/core/serviceaccount.js';
import { NAMESPACE_SYSTEM } from '../kinds/wellknown.js';

/** Upstream's; a new one is asked for when four fifths of it are over. */
const TOKEN_LIFE_s = 3600;
const RENEW_AT = 0.8;

export interface ServiceAccountClients {
  of(serviceAccount: string): Client;
  close(): void;
}

export interface ServiceAccountClientsOptions {
  /** May make ServiceAccounts in kube-system and tokens for them. */
  readonly client: Client;
  readonly server: string;
  readonly ca: string;
  readonly userAgent: string;
  readonly clock: Clock;
}

export function serviceAccountClients(options: ServiceAccountClientsOptions): ServiceAccountClients {
  const transports = new Map<string, TokenTransport>();
  return {
    of(name) {
      let transport = transports.get(name);
      if (!transport) transports.set(name, (transport = new TokenTransport(name, options)));
      return new ApiClient(transport);
    },
    close() {
      for (const transport of transports.values()) transport.close();
    },
  };
}

class TokenTransport implements Transport {
  #current: { readonly transport: HttpsTransport; readonly renew_ms: number } | undefined;
  #making: Promise<HttpsTransport> | undefined;

  constructor(
    private readonly name: string,
    private readonly options: ServiceAccountClientsOptions,
  ) {}

  async request(request: ApiRequest): Promise<unknown> {
    try {
      return await (await this.#transport()).request(request);
    } catch (error) {
      // Its account was deleted, or the keys were changed: a new token is good again.
      if (!isStatus(error, 'Unauthorized')) throw error;
      this.close();
      return (await this.#transport()).request(request);
    }
  }

  async *watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent<KubeObject>> {
    yield* (await this.#transport()).watch(request, signal);
  }

  close(): void {
    this.#current?.transport.close();
    this.#current = undefined;
  }

  async #transport(): Promise<HttpsTransport> {
    if (this.#current && this.options.clock.monotonic() < this.#current.renew_ms) return this.#current.transport;
    this.#making ??= this.#make().finally(() => (this.#making = undefined));
    return this.#making;
  }

  async #make(): Promise<HttpsTransport> {
    const { server, ca, userAgent, clock } = this.options;
    const renew_ms = clock.monotonic() + TOKEN_LIFE_s * 1000 * RENEW_AT;
    const transport = httpsTransport({ server, ca, userAgent, clock, token: await this.#token() });
    // Requests that are under way with the token before go on: that one is good for a while yet.
    const before = this.#current?.transport;
    if (before) clock.after(60_000, () => before.close());
    this.#current = { transport, renew_ms };
    return transport;
  }

  async #token(): Promise<string> {
    const { client } = this.options;
    const account = { namespace: NAMESPACE_SYSTEM, name: this.name };
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: TOKEN_LIFE_s } };
    const ask = async () => {
      const answer = await client.post(serviceAccounts, account, 'token', body);
      return (answer as unknown as { readonly status: { readonly token: string } }).status.token;
    };
    try {
      return await ask();
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
      await this.#makeAccount();
      return ask();
    }
  }

  async #makeAccount(): Promise<void> {
    try {
      await this.options.client.create(serviceAccounts, { metadata: { namespace: NAMESPACE_SYSTEM, name: this.name } });
    } catch (error) {
      // Another manager has just made it.
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
  }
}
