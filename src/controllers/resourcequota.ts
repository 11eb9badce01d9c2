// Watches ResourceQuotas and everything they count; keeps each quota's status: what is hard, and what is used.
import { isDeepStrictEqual } from 'node:util';
import { type KubeObject, keyOf, parseKey } from '../apimachinery/object.js';
import { events } from '../kinds/core/event.js';
import { resourceQuotas } from '../kinds/core/resourcequota.js';
import type { AnyKind, Lister } from '../kinds/define.js';
import { kinds } from '../kinds/index.js';
import { amountsOf, quantitiesOf, sum } from '../kinds/quota/amounts.js';
import { isInScope } from '../kinds/quota/scopes.js';
import { countsFor, quotaUsage } from '../kinds/quota/usage.js';
import type { ResourceQuota } from '../kinds/types/core_v1.js';
import { defineController, type ReconcileContext } from './define.js';

/** Upstream's --resource-quota-sync-period: mends what no event told of. */
const RESYNC_ms = 5 * 60_000;
/**
 * An object is charged to the quota a moment before it is stored. What looks like less in use is believed only if the quota stays
 * uncharged for so long, which is many times what a write takes.
 */
const SETTLE_ms = 1_000;

/** Anything in a namespace that can be listed; events are too many and too short-lived to be worth counting. */
const counted: readonly AnyKind[] = kinds.filter(
  (kind) => kind.namespaced && !kind.storage && kind !== events && kind !== resourceQuotas && (!kind.verbs || kind.verbs.includes('watch')),
);

/** Since when a quota's state, an object of the cache, has been seen with more used than there is. */
const overstated = new WeakMap<ResourceQuota, number>();

export const resourceQuota = defineController({
  name: 'resourcequota',
  inputs: [resourceQuotas, ...counted.map((kind) => kind.mapped((object, lister) => quotasCounting(kind, object, lister)))],
  customInputs: (kind) => kind.mapped((object, lister) => (kind.namespaced ? quotasCounting(kind, object, lister) : [])),
  outputs: [resourceQuotas.status],
  async reconcile(key, context) {
    const quota = context.get(resourceQuotas, parseKey(key));
    if (!quota) return;
    const status = { hard: quota.spec.hard ?? {}, used: usedOf(context, quota) };
    const next = isDeepStrictEqual(status, { hard: quota.status.hard, used: quota.status.used });
    if (next) return { requeueAfter_ms: RESYNC_ms };
    const wait_ms = isDeepStrictEqual(status.hard, quota.status.hard) ? settle_ms(context, quota, status.used) : 0;
    if (wait_ms > 0) return { requeueAfter_ms: wait_ms };
    await context.client.update(resourceQuotas, { ...quota, status }, 'status');
    return { requeueAfter_ms: RESYNC_ms };
  },
});

/** Quotas with nothing to do with the kind are not woken by it. */
function quotasCounting(kind: AnyKind, object: KubeObject, lister: Lister): readonly string[] {
  return lister
    .list(resourceQuotas, object.metadata.namespace)
    .filter((quota) => Object.keys(quota.spec.hard ?? {}).some((resource) => countsFor(kind, resource)))
    .map(({ metadata }) => keyOf(metadata));
}

function usedOf(context: ReconcileContext, quota: ResourceQuota): { readonly [resource: string]: string } {
  const hard = amountsOf(quota.spec.hard);
  const used = new Map([...hard.keys()].map((resource) => [resource, 0]));
  const custom = (context.customKinds ?? []).filter(({ namespaced }) => namespaced);
  for (const kind of [...counted, resourceQuotas, ...custom] as readonly AnyKind[]) {
    if (![...hard.keys()].some((resource) => countsFor(kind, resource))) continue;
    for (const object of context.list<KubeObject>(kind, quota.metadata.namespace)) {
      if (!isInScope(quota, kind, object)) continue;
      for (const [resource, amount] of quotaUsage(kind, object)) {
        if (used.has(resource)) used.set(resource, used.get(resource)! + amount);
      }
    }
  }
  return quantitiesOf(sum(used));
}

/** How long to wait until this state of the quota may be taken for settled; 0 where nothing of it would shrink. */
function settle_ms({ clock }: ReconcileContext, quota: ResourceQuota, used: ResourceQuota['status']['used']): number {
  const [now, said] = [amountsOf(used), amountsOf(quota.status.used)];
  if (![...said].some(([resource, amount]) => (now.get(resource) ?? 0) < amount)) return 0;
  const since = overstated.get(quota) ?? clock.monotonic();
  overstated.set(quota, since);
  return Math.max(0, since + SETTLE_ms - clock.monotonic());
}
