// pods/resize: what the containers of a running pod ask for of CPU and memory, and nothing else of it.
import { type FieldError, forbidden, invalid } from '../../apimachinery/field.js';
import { sameJson } from '../checks.js';
import type { Container, Pod, PodSpec } from '../types/core_v1.js';
import { ANNOTATION_MIRROR_POD } from '../wellknown.js';
import { qosClassOf } from './pod-qos.js';
import { validatePodSpec } from './podspec-validation.js';
import { isPodTerminal } from './podutil.js';

const RESIZABLE = ['cpu', 'memory'];
const LISTS = ['containers', 'initContainers'] as const;

export function validatePodResize(pod: Pod, old: Pod): FieldError[] {
  if (pod.metadata.annotations?.[ANNOTATION_MIRROR_POD] !== undefined) return [forbidden('', 'static pods cannot be resized')];
  if (isPodTerminal(old)) return [forbidden('', 'pod with status.phase Succeeded or Failed cannot be resized')];
  if (pod.spec.os?.name === 'windows') return [forbidden('', 'windows pods cannot be resized')];
  const errors = validatePodSpec('spec', pod.spec);
  if (!sameJson(withoutResizable(pod.spec), withoutResizable(old.spec))) {
    errors.push(forbidden('spec', 'only cpu and memory resources are mutable'));
  }
  const [now, before] = [qosClassOf(pod.spec), old.status.qosClass ?? qosClassOf(old.spec)];
  if (now !== before) errors.push(invalid('spec', now, 'Pod QOS Class may not change as a result of resizing'));
  return [...errors, ...LISTS.flatMap((list) => validateRemovals(list, pod.spec[list] ?? [], old.spec[list] ?? []))];
}

function withoutResizable(spec: PodSpec): object {
  const strip = (amounts: { readonly [resource: string]: string | number } = {}) =>
    Object.fromEntries(Object.entries(amounts).filter(([resource]) => !RESIZABLE.includes(resource)));
  const bare = ({ resources, resizePolicy: _, ...container }: Container) => ({
    ...container,
    requests: strip(resources?.requests),
    limits: strip(resources?.limits),
  });
  return { ...spec, containers: spec.containers.map(bare), initContainers: (spec.initContainers ?? []).map(bare) };
}

/** What is gone could not be taken back from the container. */
function validateRemovals(list: string, containers: readonly Container[], old: readonly Container[]): FieldError[] {
  return old.flatMap(({ name, resources }, i) => {
    const now = containers.find((container) => container.name === name)?.resources;
    const gone = (kind: 'requests' | 'limits') =>
      RESIZABLE.some((resource) => resources?.[kind]?.[resource] !== undefined && now?.[kind]?.[resource] === undefined)
        ? [forbidden(`spec.${list}[${i}].resources.${kind}`, `resource ${kind} cannot be removed`)]
        : [];
    return [...gone('requests'), ...gone('limits')];
  });
}
