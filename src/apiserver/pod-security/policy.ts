// Pod security policy of a namespace: which level its labels ask for, and what of a pod violates one.
import { type FieldError, invalid } from '../../apimachinery/field.js';
import type { Labels } from '../../apimachinery/labels.js';
import { baselineChecks } from './baseline.js';
import type { Check, CheckedPod, Violation } from './check.js';
import { restrictedChecks } from './restricted.js';

export const LABEL_PREFIX = 'pod-security.kubernetes.io/';
export const MODES = ['enforce', 'audit', 'warn'] as const;
export type Mode = (typeof MODES)[number];
const LEVELS = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof LEVELS)[number];
const LATEST = 'latest';
const VERSION = /^v1\.\d{1,3}$/;

export interface LevelVersion {
  readonly level: Level;
  /** Shown; the checks are always the newest ones. */
  readonly version: string;
}

const CHECKS: { readonly [level in Level]: readonly Check[] } = {
  privileged: [],
  baseline: baselineChecks,
  restricted: [...without(baselineChecks, restrictedChecks), ...restrictedChecks],
};

function without(checks: readonly Check[], stricter: readonly Check[]): readonly Check[] {
  const overridden = new Set(stricter.flatMap(({ overrides = [] }) => overrides));
  return checks.filter(({ id }) => !overridden.has(id));
}

/** As upstream, a level that is not known is taken for the strictest where it is enforced, and for none elsewhere. */
export function levelOf(labels: Labels | undefined, mode: Mode): LevelVersion {
  const text = labels?.[LABEL_PREFIX + mode] ?? 'privileged';
  const known = LEVELS.find((level) => level === text);
  const version = labels?.[`${LABEL_PREFIX}${mode}-version`] ?? LATEST;
  return { level: known ?? (mode === 'enforce' ? 'restricted' : 'privileged'), version: VERSION.test(version) ? version : LATEST };
}

export const levelText = ({ level, version }: LevelVersion) => `${level}:${version}`;

export const isStricter = (a: LevelVersion, b: LevelVersion) => LEVELS.indexOf(a.level) > LEVELS.indexOf(b.level);

export function violationsOf({ level }: LevelVersion, pod: CheckedPod): readonly Violation[] {
  return CHECKS[level].flatMap((check) => check.run(pod) ?? []);
}

export const violationsText = (violations: readonly Violation[]) =>
  violations.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason)).join(', ');

/** All that is wrong with a namespace's labels. */
export function validateLabels(labels: Labels | undefined): FieldError[] {
  return MODES.flatMap((mode) => {
    const [key, versionKey] = [LABEL_PREFIX + mode, `${LABEL_PREFIX}${mode}-version`];
    const [level, version] = [labels?.[key], labels?.[versionKey]];
    const at = (name: string) => `metadata.labels[${name}]`;
    return [
      ...(level === undefined || (LEVELS as readonly string[]).includes(level)
        ? []
        : [invalid(at(key), level, `must be one of ${LEVELS.join(', ')}`)]),
      ...(version === undefined || version === LATEST || VERSION.test(version)
        ? []
        : [invalid(at(versionKey), version, 'must be "latest" or "v1.x"')]),
    ];
  });
}
