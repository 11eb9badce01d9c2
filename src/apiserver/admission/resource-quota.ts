// ResourceQuota: what a namespace's quotas leave no room for is refused; what they do is charged to their status before it is stored.
import type { KubeObject } from '../../apimachinery/object.js';
import { persistentVolumeClaims } from '../../kinds/core/persistentvolumeclaim.js';
import { pods } from '../../kinds/core/pod.js';
import { allContainers } from '../../kinds/core/podutil.js';
import { resourceQuotas } from '../../kinds/core/resourcequota.js';
import { services } from '../../kinds/core/service.js';
import type { AnyKind } from '../../kinds/define.js';
import { amountsOf, increase, only, quantitiesOf, sum, textOf } from '../../kinds/quota/amounts.js';
import { isInScope } from '../../kinds/quota/scopes.js';
import { countsFor, quotaUsage, type Usage } from '../../kinds/quota/usage.js';
import type { Pod, ResourceQuota } from '../../kinds/types/core_v1.js';
import type { ApiContext } from '../context.js';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './admission.js';

/** Kinds whose objects can come to use more while they exist. */
const GROWING: readonly AnyKind[] = [pods, services, persistentVolumeClaims];
/** Where a quota bounds these, every container of a pod has to say how much it wants. */
const TO_BE_SPECIFIED = /^((requests|limits)\.)?(cpu|memory)$/;

export const resourceQuota: AdmissionPlugin = {
  name: 'ResourceQuota',
  operations: ['CREATE', 'UPDATE'],
  async validate(request, object, context) {
    const { resource, namespace, operation, subresource, dryRun, old } = request;
    if (namespace === undefined || !object || (subresource && subresource !== 'resize')) return;
    if (operation === 'UPDATE' && !GROWING.includes(resource.kind)) return;
    const quotas = (await quotasOf(context, namespace)).filter((quota) => concerns(quota, resource.kind, object));
    if (quotas.length === 0) return;
    const before = old ? quotaUsage(resource.kind, old) : new Map<string, number>();
    const more = increase(quotaUsage(resource.kind, object), before);
    // All of them are asked before any is charged.
    for (const quota of quotas) check(request, quota, object, more);
    if (dryRun) return;
    for (const quota of quotas) await charge(context, request, quota, object, more);
  },
};

async function quotasOf(context: ApiContext, namespace: string): Promise<readonly ResourceQuota[]> {
  const { cache, storage } = context.resources.of(resourceQuotas);
  await cache.ready();
  return cache.list(storage.prefixOf(namespace)).map(({ object }) => object as ResourceQuota);
}

function concerns(quota: ResourceQuota, kind: AnyKind, object: KubeObject): boolean {
  return Object.keys(quota.spec.hard ?? {}).some((resource) => countsFor(kind, resource)) && isInScope(quota, kind, object);
}

/** Throws 403 where `more` does not fit. As upstream, a resource counts once the quota's status knows what is used of it. */
function check(request: AdmissionRequest, quota: ResourceQuota, object: KubeObject, more: Usage): void {
  const { name } = quota.metadata;
  const hard = amountsOf(quota.status.hard);
  if (request.resource.kind === pods && request.operation === 'CREATE') checkSpecified(request, name, hard, object as Pod);
  const asked = only(more, hard);
  if (asked.size === 0) return;
  const used = amountsOf(quota.status.used);
  const unknown = [...asked.keys()].filter((resource) => !used.has(resource)).sort();
  if (unknown.length > 0) throw refusal(request, object, `status unknown for quota: ${name}, resources: ${unknown.join(',')}`);
  const exceeded = new Set([...asked].filter(([resource, amount]) => used.get(resource)! + amount > hard.get(resource)!).map(([r]) => r));
  if (exceeded.size === 0) return;
  const [requested, present, limited] = [asked, used, hard].map((amounts) => textOf(only(amounts, exceeded)));
  throw refusal(request, object, `exceeded quota: ${name}, requested: ${requested}, used: ${present}, limited: ${limited}`);
}

function checkSpecified(request: AdmissionRequest, name: string, hard: Usage, object: Pod): void {
  const missing = [...hard.keys()]
    .filter((resource) => TO_BE_SPECIFIED.test(resource))
    .sort()
    .flatMap((resource) => {
      const [plain, list] = [resource.replace(/^.*\./, ''), resource.startsWith('limits.') ? 'limits' : 'requests'] as const;
      const without = allContainers(object.spec).filter(({ resources }) => resources?.[list]?.[plain] === undefined);
      return without.length > 0 ? [`${resource} for: ${without.map((container) => container.name).join(',')}`] : [];
    });
  if (missing.length > 0) throw refusal(request, object, `failed quota: ${name}: must specify ${missing.join('; ')}`);
}

/** Adds to what the quota says is used, by compare-and-swap, so that of two that only fit one at a time one is refused. */
async function charge(
  context: ApiContext,
  request: AdmissionRequest,
  quota: ResourceQuota,
  object: KubeObject,
  more: Usage,
): Promise<void> {
  await context.resources.of(resourceQuotas).storage.change(quota.metadata, (stored) => {
    const current = stored.object as ResourceQuota;
    check(request, current, object, more);
    const asked = only(more, amountsOf(current.status.hard));
    if (asked.size === 0) return { type: 'keep' };
    const used = sum(amountsOf(current.status.used), asked);
    return { type: 'put', object: { ...current, status: { ...current.status, used: quantitiesOf(used) } } as ResourceQuota };
  });
}
