// Who asks the kubelet: by a certificate of the cluster's CA, by a token that the API server is asked about, or nobody.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { BoundedCache } from '../../src/apimachinery/bounded-cache.js';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { StatusError, unauthorized } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import { tokenReviews } from '../../src/kinds/authentication/tokenreview.js';
import { GROUP_AUTHENTICATED, GROUP_UNAUTHENTICATED, USER_ANONYMOUS } from '../../src/kinds/wellknown.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';

/** Tokens that are remembered; of those that were refused as well, so that a wrong one does not burden the API server. */
const TOKENS_MAX = 1000;

export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: { readonly [key: string]: readonly string[] };
}

const ANONYMOUS: User = { name: USER_ANONYMOUS, groups: [GROUP_UNAUTHENTICATED] };

export class Authenticator {
  readonly #tokens = new BoundedCache<string, { readonly user: User | undefined; readonly until_ms: number }>(TOKENS_MAX);

  constructor(
    private readonly options: {
      readonly client: Client;
      readonly settings: Pick<KubeletSettings, 'authentication'>;
      readonly clock: Clock;
      readonly log: Logger;
    },
  ) {}

  /** Rejects with 401. */
  async user({ headers }: IncomingMessage, socket: TLSSocket): Promise<User> {
    const { authentication } = this.options.settings;
    if (socket.authorized) return userOfCertificate(socket);
    const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    const user = token !== undefined && authentication.webhook.enabled ? await this.#userOfToken(token) : undefined;
    if (user) return user;
    // As upstream: a token that nobody knows makes nobody anonymous.
    if (token === undefined && authentication.anonymous.enabled) return ANONYMOUS;
    throw unauthorized();
  }

  async #userOfToken(token: string): Promise<User | undefined> {
    const { clock, settings } = this.options;
    // Who reads the memory of this process does not find tokens.
    const key = createHash('sha256').update(token).digest('base64');
    const kept = this.#tokens.get(key);
    if (kept && clock.monotonic() < kept.until_ms) return kept.user;
    const asked = await this.#ask(token);
    if (asked === 'unknown') return undefined;
    this.#tokens.set(key, { user: asked, until_ms: clock.monotonic() + settings.authentication.webhook.cacheTTL });
    return asked;
  }

  /** `unknown`: the API server could not be asked. */
  async #ask(token: string): Promise<User | undefined | 'unknown'> {
    try {
      const { status } = await this.options.client.create(tokenReviews, { metadata: {}, spec: { token } } as never);
      if (!status?.authenticated) return undefined;
      const { username = '', uid, groups = [], extra } = status.user;
      return { name: username, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.options.log.warn({ error: error.message }, 'a token could not be reviewed');
      return 'unknown';
    }
  }
}

function userOfCertificate(socket: TLSSocket): User {
  const { subject } = socket.getPeerCertificate();
  const organizations = subject.O as string | readonly string[] | undefined;
  const groups = organizations === undefined ? [] : [organizations].flat();
  return { name: String(subject.CN), groups: [...groups, GROUP_AUTHENTICATED] };
}
