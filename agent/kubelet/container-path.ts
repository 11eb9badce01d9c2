// Where a container stands in its pod's spec, as events and messages name it: pure.
import type { PodSpec } from '../../src/kinds/types/core_v1.js';

const LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** `spec.containers{web}`. */
export function containerPath(spec: PodSpec, name: string): string {
  const list = LISTS.find((each) => spec[each]?.some((container) => container.name === name)) ?? 'containers';
  return `spec.${list}{${name}}`;
}
