// legacy-serviceaccount-token-cleaner: watches the Secrets with tokens that were once made for every ServiceAccount; one that nobody has used for
// long is marked as invalid, and after as long again deleted.
import { rfc3339Day } from '../apimachinery/clock.js';
import { isBeingDeleted, keyOf, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { configMaps } from '../kinds/core/configmap.js';
import { pods } from '../kinds/core/pod.js';
import { secrets } from '../kinds/core/secret.js';
import { serviceAccounts } from '../kinds/core/serviceaccount.js';
import type { Secret } from '../kinds/types/core_v1.js';
import {
  ANNOTATION_SERVICE_ACCOUNT,
  LABEL_TOKEN_INVALID_SINCE,
  LABEL_TOKEN_LAST_USED,
  TOKEN_TRACKING,
  TYPE_SERVICE_ACCOUNT_TOKEN,
} from '../kinds/wellknown.js';
import { defineController, type ReconcileContext, type ReconcileResult } from './define.js';
import { findLive } from './find-live.js';

const DAY_ms = 24 * 3_600_000;

export const legacyTokenCleaner = defineController({
  name: 'legacy-serviceaccount-token-cleaner',
  serviceAccount: 'legacy-service-account-token-cleaner',
  inputs: [
    secrets.mapped((secret) => (secret.type === TYPE_SERVICE_ACCOUNT_TOKEN ? [keyOf(secret.metadata)] : [])),
    serviceAccounts.mapped(({ metadata: { namespace }, secrets: named = [] }) => named.map(({ name = '' }) => keyOf({ namespace, name }))),
    // Only looked at.
    pods.mapped(() => []),
  ],
  outputs: [secrets],
  async reconcile(key, context) {
    const secret = context.get(secrets, parseKey(key));
    if (secret?.type !== TYPE_SERVICE_ACCOUNT_TOKEN || isBeingDeleted(secret) || !isGenerated(secret, context)) return;
    // Until then it may have been used without anybody's noting it.
    const since_ms = isMounted(secret, context) ? undefined : await trackedSince_ms(context);
    if (since_ms === undefined) return { requeueAfter_ms: DAY_ms };
    return act(context, secret, fateOf(secret, since_ms, context.options.legacyTokenCleanUpPeriod_ms, context.clock.now()));
  },
});

export type Fate = { readonly wait_ms: number } | 'mark' | 'delete';

/** Days are whole ones, in UTC. Pure. */
export function fateOf({ metadata }: Secret, trackedSince_ms: number, period_ms: number, now_ms: number): Fate {
  const { labels = {}, creationTimestamp } = metadata;
  const dayOf_ms = (text: string | undefined) => Date.parse(text ?? '') || 0;
  const used_ms = Math.max(trackedSince_ms, Date.parse(creationTimestamp), dayOf_ms(labels[LABEL_TOKEN_LAST_USED]));
  const invalid_ms = dayOf_ms(labels[LABEL_TOKEN_INVALID_SINCE]);
  const due_ms = Math.max(used_ms, invalid_ms) + period_ms;
  if (due_ms > now_ms) return { wait_ms: due_ms - now_ms };
  return invalid_ms > 0 ? 'delete' : 'mark';
}

/** By the account that names it: what people make they do not list there. */
function isGenerated({ metadata: { namespace, name, annotations } }: Secret, { get }: ReconcileContext): boolean {
  const account = get(serviceAccounts, { namespace, name: annotations?.[ANNOTATION_SERVICE_ACCOUNT] ?? '' });
  return account?.secrets?.some((each) => each.name === name) ?? false;
}

function isMounted({ metadata: { namespace, name } }: Secret, { list }: ReconcileContext): boolean {
  return list(pods, namespace).some(({ spec }) => spec.volumes?.some(({ secret }) => secret?.secretName === name));
}

async function trackedSince_ms({ client }: ReconcileContext): Promise<number | undefined> {
  const tracking = await findLive(client, configMaps, TOKEN_TRACKING);
  const since_ms = Date.parse(tracking?.data?.['since'] ?? '');
  return Number.isNaN(since_ms) ? undefined : since_ms;
}

async function act({ client, clock, log }: ReconcileContext, secret: Secret, fate: Fate): Promise<ReconcileResult | void> {
  const { metadata } = secret;
  const { uid, resourceVersion } = metadata;
  // A timer holds no longer than some weeks.
  if (typeof fate === 'object') return { requeueAfter_ms: Math.min(fate.wait_ms, DAY_ms) };
  try {
    if (fate === 'delete') await client.delete(secrets, metadata, { preconditions: { uid, resourceVersion } });
    else {
      const labels = { [LABEL_TOKEN_INVALID_SINCE]: rfc3339Day(clock.now()) };
      await client.patch(secrets, metadata, 'application/merge-patch+json', { metadata: { uid, resourceVersion, labels } });
    }
    log.info({ secret: keyOf(metadata) }, fate === 'delete' ? 'deleted a token that nobody uses' : 'marked a token that nobody uses');
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
