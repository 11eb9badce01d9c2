// Tokens of the service accounts that pods run as: one for each pod and audience, had anew well before it ends.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { JsonObject } from '../../src/apimachinery/json.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { Client } from '../../src/client/client.js';
import { serviceAccounts } from '../../src/kinds/core/serviceaccount.js';
import type { TokenRequest } from '../../src/kinds/types/authentication_v1.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';

/** As upstream: a token is replaced when four fifths of its life, or a day, have passed. */
const RENEW_AT = 0.8;
const MAX_AGE_MS = 24 * 3600_000;

export interface TokenWish {
  /** Undefined: for the API server. */
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}

interface Kept {
  readonly token: string;
  readonly renewAt_ms: number;
  readonly expires_ms: number;
}

export class ServiceAccountTokens {
  readonly #kept = new Map<string, Kept>();

  constructor(private readonly options: { readonly client: Client; readonly clock: Clock; readonly log: Logger }) {}

  /** Rejects with a StatusError where there is none to be had. */
  async get(pod: Pod, wish: TokenWish): Promise<string> {
    const { clock, log } = this.options;
    const key = `${pod.metadata.uid} ${wish.expirationSeconds} ${wish.audience ?? ''}`;
    const kept = this.#kept.get(key);
    if (kept && clock.now() < kept.renewAt_ms) return kept.token;
    try {
      const fresh = await this.#request(pod, wish);
      this.#forgetExpired();
      this.#kept.set(key, fresh);
      return fresh.token;
    } catch (error) {
      if (!kept || clock.now() >= kept.expires_ms) throw error;
      log.warn({ pod: pod.metadata.name, error: (error as Error).message }, 'a token could not be renewed yet');
      return kept.token;
    }
  }

  async #request({ metadata, spec }: Pod, { audience, expirationSeconds }: TokenWish): Promise<Kept> {
    const { client, clock } = this.options;
    const name = { namespace: metadata.namespace, name: spec.serviceAccountName ?? '' };
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: metadata.name, uid: metadata.uid };
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: audience ? [audience] : [], expirationSeconds, boundObjectRef },
    };
    const answer = await client.post(serviceAccounts, name, 'token', body as JsonObject);
    const { token, expirationTimestamp } = (answer as unknown as TokenRequest).status;
    const expires_ms = Date.parse(expirationTimestamp);
    const life_ms = expires_ms - clock.now();
    return { token, expires_ms, renewAt_ms: clock.now() + Math.min(life_ms * RENEW_AT, MAX_AGE_MS) };
  }

  /** Those of pods that are gone end too: nothing else needs to be kept of them. */
  #forgetExpired(): void {
    const now_ms = this.options.clock.now();
    for (const [key, { expires_ms }] of this.#kept) if (expires_ms <= now_ms) this.#kept.delete(key);
  }
}
