// Who may do what at the kubelet: each path is a subresource of the node, about which the API server is asked.
import { BoundedCache } from '../../src/apimachinery/bounded-cache.js';
import type { Clock } from '../../src/apimachinery/clock.js';
import { StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import { subjectAccessReviews } from '../../src/kinds/authorization/subjectaccessreview.js';
import { GROUP_MASTERS } from '../../src/kinds/wellknown.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { User } from './authentication.js';

/** Answers that are remembered: a few users with a few questions each. */
const ANSWERS_MAX = 1000;

const VERBS: { readonly [method: string]: string } = { POST: 'create', GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
const PROXY = 'proxy';
/** Those that have a subresource of their own. */
const COARSE: { readonly [root: string]: string } = { stats: 'stats', metrics: 'metrics', logs: 'log', checkpoint: 'checkpoint' };
/** Those that may be had without all that `proxy` allows, which is enough, too. */
const FINE: { readonly [root: string]: string } = { pods: 'pods', runningpods: 'pods', healthz: 'healthz', configz: 'configz' };

/** Upstream's: one of them is enough. */
export function subresourcesOf(path: string): readonly string[] {
  const root = path.split('/')[1]?.toLowerCase() ?? '';
  if (Object.hasOwn(COARSE, root)) return [COARSE[root]!];
  return Object.hasOwn(FINE, root) ? [FINE[root]!, PROXY] : [PROXY];
}

export class Authorizer {
  readonly #answers = new BoundedCache<string, { readonly allowed: boolean; readonly until_ms: number }>(ANSWERS_MAX);

  constructor(
    private readonly options: {
      readonly client: Client;
      readonly nodeName: string;
      readonly settings: Pick<KubeletSettings, 'authorization'>;
      readonly clock: Clock;
    },
  ) {}

  /** Rejects with 403, or with 500 where the API server cannot be asked. */
  async check(user: User, method: string, path: string): Promise<void> {
    const { settings } = this.options;
    // Whatever the policy is, these may do everything: their requests are served while the control plane is away.
    if (settings.authorization.mode === 'AlwaysAllow' || user.groups.includes(GROUP_MASTERS)) return;
    const verb = VERBS[method] ?? '';
    const subresources = subresourcesOf(path);
    const about = `(user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])`;
    try {
      for (const subresource of subresources) if (await this.#isAllowed(user, verb, subresource)) return;
    } catch (error) {
      throw new StatusError(500, 'InternalError', `Authorization error ${about}: ${(error as Error).message}`);
    }
    throw new StatusError(403, 'Forbidden', `Forbidden ${about}`);
  }

  async #isAllowed(user: User, verb: string, subresource: string): Promise<boolean> {
    const { client, nodeName: name, settings, clock } = this.options;
    const key = JSON.stringify([user, verb, subresource]);
    const kept = this.#answers.get(key);
    if (kept && clock.monotonic() < kept.until_ms) return kept.allowed;
    const { name: userName, uid, groups, extra } = user;
    const who = { user: userName, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
    const spec = { ...who, resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name } };
    const { status } = await client.create(subjectAccessReviews, { metadata: {}, spec } as never);
    const { cacheAuthorizedTTL, cacheUnauthorizedTTL } = settings.authorization.webhook;
    const allowed = status.allowed === true;
    this.#answers.set(key, { allowed, until_ms: clock.monotonic() + (allowed ? cacheAuthorizedTTL : cacheUnauthorizedTTL) });
    return allowed;
  }
}
