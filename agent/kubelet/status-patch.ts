// The difference between the status that the API has and the one it should have, as a strategic merge patch: pure.
import { isDeepStrictEqual } from 'node:util';
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

/** The API leaves out what is empty: `false`, 0, '' and {} equal absence inside of a status. */
function same(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(withoutEmpty(a), withoutEmpty(b));
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(withoutEmpty);
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .map(([key, inner]) => [key, withoutEmpty(inner)] as const)
      .filter(([, inner]) => inner !== undefined);
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }
  return value === false || value === 0 || value === '' || value === null ? undefined : value;
}
