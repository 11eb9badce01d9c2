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
  readonly life_ms: number;
  readonly wallAtStart_ms: number;
  readonly startedAt_ms: number;
}

export class ServiceAccountTokens {
  readonly #kept = new Map<string, Kept>();

  constructor(private readonly options: { readonly client: Client; readonly clock: Clock; readonly log: Logger }) {}

  /** Rejects with a StatusError where there is none to be had. */
  async get(pod: Pod, wish: TokenWish): Promise<string> {
    const { log } = this.options;
    const key = `${pod.metadata.uid} ${wish.expirationSeconds} ${wish.audience ?? ''}`;
    const kept = this.#kept.get(key);
    if (kept && this.#age_ms(kept) < Math.min(kept.life_ms * RENEW_AT, MAX_AGE_MS)) return kept.token;
    try {
      const fresh = await this.#request(pod, wish);
      this.#forgetExpired();
      this.#kept.set(key, fresh);
      return fresh.token;
    } catch (error) {
      if (!kept || this.#age_ms(kept) >= kept.life_ms) throw error;
      log.warn({ pod: pod.metadata.name, error: (error as Error).message }, 'a token could not be renewed yet');
      return kept.token;
    }
  }

  async #request({ metadata, spec }: Pod, { audience, expirationSeconds }: TokenWish): Promise<Kept> {
    const { client, clock } = this.options;
    const [wallAtStart_ms, startedAt_ms] = [clock.now(), clock.monotonic()];
    const name = { namespace: metadata.namespace, name: spec.serviceAccountName ?? '' };
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: metadata.name, uid: metadata.uid };
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: audience ? [audience] : [], expirationSeconds, boundObjectRef },
    };
    const answer = await client.post(serviceAccounts, name, 'token', body as JsonObject);
    const { spec: given, status } = answer as unknown as TokenRequest;
    const life_ms = (given.expirationSeconds ?? expirationSeconds) * 1000;
    return { token: status.token, life_ms, wallAtStart_ms, startedAt_ms };
  }

  /** By the clock that says more: the wall's may have been set back since, the other stands while the machine sleeps. */
  #age_ms({ wallAtStart_ms, startedAt_ms }: Kept): number {
    const { clock } = this.options;
    return Math.max(clock.now() - wallAtStart_ms, clock.monotonic() - startedAt_ms);
  }

  /** Those of pods that are gone end too: nothing else needs to be kept of them. */
  #forgetExpired(): void {
    for (const [key, kept] of this.#kept) if (this.#age_ms(kept) >= kept.life_ms) this.#kept.delete(key);
  }
}
