// LimitRanger: gives containers the requests and limits that their namespace's LimitRanges set as defaults, and refuses what is out of range.
import type { KubeObject } from '../../apimachinery/object.js';
import { limitRanges } from '../../kinds/core/limitrange.js';
import { persistentVolumeClaims } from '../../kinds/core/persistentvolumeclaim.js';
import { pods } from '../../kinds/core/pod.js';
import { allContainers, podLimits, podRequests } from '../../kinds/core/podutil.js';
import type { Mutable } from '../../kinds/define.js';
import { amountsOf } from '../../kinds/quota/amounts.js';
import type { Container, LimitRangeItem, PersistentVolumeClaim, Pod } from '../../kinds/types/core_v1.js';
import type { ApiContext } from '../context.js';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './admission.js';
import {
  maxConstraint,
  maxRequestConstraint,
  minConstraint,
  minRequestConstraint,
  type Resources,
  ratioConstraint,
} from './limit-constraints.js';

/** Tells people what was set that they did not write. */
const ANNOTATION = 'kubernetes.io/limit-ranger';

export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  operations: ['CREATE', 'UPDATE'],
  resources: ['pods', 'persistentvolumeclaims'],
  async admit(request, object, context) {
    if (request.resource.kind !== pods || request.operation !== 'CREATE' || request.subresource) return;
    for (const item of await itemsOf(context, request)) if (item.type === 'Container') setDefaults(object as Mutable<Pod>, item);
  },
  async validate(request, object, context) {
    if (!object || !isBounded(request)) return;
    const isPod = request.resource.kind === pods;
    const errors: string[] = [];
    for (const item of await itemsOf(context, request)) {
      errors.push(...(isPod ? checkPod(item, object as Pod) : checkClaim(item, object as PersistentVolumeClaim)));
    }
    if (errors.length === 0) return;
    const why = errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`;
    throw refusal(request, object, why);
  },
};

/** What a pod's containers use changes after its creation by a resize only. */
function isBounded({ resource, operation, subresource }: AdmissionRequest): boolean {
  if (resource.kind === persistentVolumeClaims) return !subresource;
  return operation === 'CREATE' ? !subresource : subresource === 'resize';
}

async function itemsOf({ resources }: ApiContext, { namespace }: AdmissionRequest): Promise<readonly LimitRangeItem[]> {
  const { cache, storage } = resources.of(limitRanges);
  await cache.ready();
  return cache
    .list(storage.prefixOf(namespace))
    .flatMap(({ object }) => (object as KubeObject & { spec: { limits?: LimitRangeItem[] } }).spec.limits ?? []);
}

function setDefaults(pod: Mutable<Pod>, item: LimitRangeItem): void {
  const set = [
    ...(pod.spec.containers ?? []).flatMap((container) => fillIn(container, item, 'container')),
    ...(pod.spec.initContainers ?? []).flatMap((container) => fillIn(container, item, 'init container')),
  ];
  if (set.length === 0) return;
  pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: `LimitRanger plugin set: ${set.join('; ')}` };
}

type Quantities = { [resource: string]: string | number };

function fillIn(container: Mutable<Container>, item: LimitRangeItem, what: string): string[] {
  const resources = { ...container.resources } as { requests?: Quantities; limits?: Quantities };
  const fill = (list: 'requests' | 'limits', defaults: Quantities = {}, word: string) => {
    const missing = Object.keys(defaults).filter((resource) => resources[list]?.[resource] === undefined);
    if (missing.length === 0) return [];
    resources[list] = { ...Object.fromEntries(missing.map((resource) => [resource, defaults[resource]!])), ...resources[list] };
    return [`${missing.sort().join(', ')} ${word} for ${what} ${container.name}`];
  };
  const set = [...fill('requests', item.defaultRequest, 'request'), ...fill('limits', item.default, 'limit')];
  if (set.length > 0) container.resources = resources as Mutable<Container>['resources'] & object;
  return set;
}

function checkPod(item: LimitRangeItem, pod: Pod): string[] {
  if (item.type === 'Pod') return check(item, { requests: podRequests(pod), limits: podLimits(pod) });
  if (item.type !== 'Container') return [];
  return allContainers(pod.spec).flatMap(({ resources }) =>
    check(item, { requests: amountsOf(resources?.requests), limits: amountsOf(resources?.limits) }),
  );
}

function check(item: LimitRangeItem, resources: Resources): string[] {
  const each = (bounds: LimitRangeItem['min'], constraint: typeof minConstraint) =>
    Object.entries(bounds ?? {}).flatMap(([resource, bound]) => constraint(item.type, resource, bound, resources) ?? []);
  return [...each(item.min, minConstraint), ...each(item.max, maxConstraint), ...each(item.maxLimitRequestRatio, ratioConstraint)];
}

function checkClaim(item: LimitRangeItem, { spec }: PersistentVolumeClaim): string[] {
  if (item.type !== 'PersistentVolumeClaim') return [];
  const resources = { requests: amountsOf(spec.resources?.requests), limits: new Map<string, number>() };
  const each = (bounds: LimitRangeItem['min'], constraint: typeof minConstraint) =>
    Object.entries(bounds ?? {}).flatMap(([resource, bound]) => constraint(item.type, resource, bound, resources) ?? []);
  return [...each(item.min, minRequestConstraint), ...each(item.max, maxRequestConstraint)];
}
