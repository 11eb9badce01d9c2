// pods/ephemeralcontainers: containers that join a running pod to look into it. They are only ever added.
import { duplicate, type FieldError, forbidden, notFoundValue } from '../../apimachinery/field.js';
import { sameJson } from '../checks.js';
import type { Container, EphemeralContainer, Pod } from '../types/core_v1.js';
import { ANNOTATION_MIRROR_POD } from '../wellknown.js';
import { contextOf, validateContainer } from './container-validation.js';

const FIELD = 'spec.ephemeralContainers';
/** What needs a plan made before the pod was placed, or a life of its own. */
const NOT_FOR_THEM = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
] as const;

export function validateEphemeralContainers(pod: Pod, old: Pod): FieldError[] {
  if (pod.metadata.annotations?.[ANNOTATION_MIRROR_POD] !== undefined)
    return [forbidden('', 'static pods do not support ephemeral containers')];
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const context = contextOf(pod.spec);
  const others = new Set([...containers, ...initContainers].map(({ name }) => name));
  const names = new Set<string>();
  return [
    ...ephemeralContainers.flatMap((container, i) => {
      const at = `${FIELD}[${i}]`;
      const taken = others.has(container.name) ? [duplicate(`${at}.name`, container.name)] : [];
      return [...validateContainer(at, container as Container, context, names), ...taken, ...validateOwn(at, container, others)];
    }),
    ...validateKept(ephemeralContainers, old.spec.ephemeralContainers ?? []),
  ];
}

function validateOwn(at: string, container: EphemeralContainer, others: ReadonlySet<string>): FieldError[] {
  const { targetContainerName, volumeMounts = [] } = container;
  const set = NOT_FOR_THEM.filter((field) => isSet((container as Container)[field]));
  return [
    ...set.map((field) => forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container')),
    ...volumeMounts.flatMap(({ subPath, subPathExpr }, i) => [
      ...(subPath ? [forbidden(`${at}.volumeMounts[${i}].subPath`, 'cannot be set for an Ephemeral Container')] : []),
      ...(subPathExpr ? [forbidden(`${at}.volumeMounts[${i}].subPathExpr`, 'cannot be set for an Ephemeral Container')] : []),
    ]),
    ...(targetContainerName && !others.has(targetContainerName) ? [notFoundValue(`${at}.targetContainerName`, targetContainerName)] : []),
  ];
}

/** A struct that was left empty is not set. */
const isSet = (value: unknown) => value !== undefined && !(typeof value === 'object' && Object.keys(value as object).length === 0);

function validateKept(containers: readonly EphemeralContainer[], old: readonly EphemeralContainer[]): FieldError[] {
  return old.flatMap((known) => {
    const now = containers.find(({ name }) => name === known.name);
    if (!now) return [forbidden(FIELD, `existing ephemeral containers ${JSON.stringify(known.name)} may not be removed\n`)];
    if (!sameJson(now, known))
      return [forbidden(FIELD, `existing ephemeral containers ${JSON.stringify(known.name)} may not be changed\n`)];
    return [];
  });
}
