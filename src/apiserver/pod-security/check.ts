// What the checks of the Pod Security Standards share: their contract, the containers they look at, and upstream's turns of phrase.
import type { ObjectMeta } from '../../apimachinery/types/meta_v1.js';
import type { Container, PodSpec } from '../../kinds/types/core_v1.js';

export interface CheckedPod {
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
}

export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export interface Check {
  /** Upstream's; violations are told in the order of these. */
  readonly id: string;
  /** Checks of a lower level that this one says more than. */
  readonly overrides?: readonly string[];
  run(pod: CheckedPod): Violation | undefined;
}

export const containersOf = ({ initContainers = [], containers, ephemeralContainers = [] }: PodSpec): readonly Container[] => [
  ...initContainers,
  ...containers,
  ...(ephemeralContainers as readonly Container[]),
];

export const plural = (one: string, many: string, count: number) => (count === 1 ? one : many);
export const quoted = (values: readonly string[]) => values.map((value) => JSON.stringify(value)).join(', ');
export const unique = (values: readonly string[]) => [...new Set(values)].sort();
export const containersText = (names: readonly string[]) => `${plural('container', 'containers', names.length)} ${quoted(names)}`;

/** `pod and containers "a", "b"`: who has set something that must not be. */
export function settersText(pod: boolean, containers: readonly string[]): string {
  return [...(pod ? ['pod'] : []), ...(containers.length > 0 ? [containersText(containers)] : [])].join(' and ');
}

export const namesOf = (containers: readonly Container[]) => containers.map(({ name }) => name);
export const isWindows = ({ os }: PodSpec) => os?.name === 'windows';
