// The difference between the status that the API has and the one it should have, as a strategic merge patch: pure.
import type { Pod, PodCondition, PodStatus } from '../../src/kinds/types/core_v1.js';
import { PASSING_CONDITIONS } from './conditions.js';

/** Fields that the kubelet does not own stay as they are, whatever they are. */
const OWNED = [
  'observedGeneration',
  'phase',
  'reason',
  'message',
  'hostIP',
  'podIP',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'qosClass',
] as const;

/** Lists that the patch would merge by address, so that an old address stayed: replaced as a whole. */
const REPLACED = ['hostIPs', 'podIPs'] as const;

/** undefined where the API's status says it all already. `uid`: as the API knows it. */
export function statusPatch(pod: Pod, wanted: PodStatus, uid: string = pod.metadata.uid): object | undefined {
  const old = pod.status;
  const status: { [field: string]: unknown } = {};
  for (const field of OWNED) {
    if (!same(old[field], wanted[field])) status[field] = wanted[field] ?? null;
  }
  for (const field of REPLACED) {
    if (!same(old[field], wanted[field])) status[field] = wanted[field] ? [...wanted[field], { $patch: 'replace' }] : null;
  }
  const conditions = [...changedConditions(old.conditions ?? [], wanted.conditions ?? []), ...passedConditions(old, wanted)];
  if (conditions.length > 0) status['conditions'] = conditions;
  if (Object.keys(status).length === 0) return undefined;
  // With the uid, a pod of the same name that came after this one is not taken for it.
  return { metadata: { uid }, status };
}

/** Merged by type; a field that is no longer there has to be said to be gone. */
function changedConditions(old: readonly PodCondition[], wanted: readonly PodCondition[]): object[] {
  return wanted.flatMap((condition) => {
    const before = old.find(({ type }) => type === condition.type);
    if (before && same(withoutProbeTime(before), condition)) return [];
    const gone = Object.fromEntries(
      (['reason', 'message'] as const).filter((field) => before?.[field] && !condition[field]).map((f) => [f, null]),
    );
    return [{ ...condition, ...gone }];
  });
}

function passedConditions(old: PodStatus, wanted: PodStatus): object[] {
  const isThere = ({ conditions = [] }: PodStatus, type: string) => conditions.some((condition) => condition.type === type);
  const passed = PASSING_CONDITIONS.filter((type) => isThere(old, type) && !isThere(wanted, type));
  return passed.map((type) => ({ type, $patch: 'delete' }));
}

function withoutProbeTime({ lastProbeTime: _, ...condition }: PodCondition): PodCondition {
  return condition;
}

/** The API leaves out what is empty: `false`, 0, '', [] and {} equal absence inside of a status. Asked often, so nothing is copied. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b);
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, i) => same(each, b[i]));
  }
  const [one, other] = [a as Fields, b as Fields];
  for (const key in one) if (!same(one[key], other[key])) return false;
  for (const key in other) if (!(key in one) && !isEmpty(other[key])) return false;
  return true;
}

interface Fields {
  readonly [field: string]: unknown;
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return !value;
  if (Array.isArray(value)) return value.length === 0;
  for (const key in value) if (!isEmpty((value as Fields)[key])) return false;
  return true;
}
