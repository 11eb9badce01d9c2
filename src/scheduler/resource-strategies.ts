// How full a node should be: the scores of NodeResourcesFit for one resource, and their weighted mean. Arguments and arithmetic. Pure.
import { type FieldError, invalid, required } from '../apimachinery/field.js';
import { isLabelValue, isQualifiedName } from '../apimachinery/names.js';
import { checked, int, listOf, object, oneOf, optional, type Reader, text } from './config-fields.js';

const MAX_SCORE = 100;
/** Scores of a shape are given as 0 to 10. */
const MAX_SHAPE_SCORE = 10;

export interface ResourceWeight {
  readonly name: string;
  readonly weight: number;
}

interface Point {
  readonly utilization: number;
  readonly score: number;
}

export interface ScoringStrategy {
  readonly type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  readonly resources: readonly ResourceWeight[];
  readonly requestedToCapacityRatio: { readonly shape: readonly Point[] } | undefined;
}

export interface NodeResourcesFitArgs {
  readonly ignoredResources: readonly string[];
  readonly ignoredResourceGroups: readonly string[];
  readonly scoringStrategy: ScoringStrategy;
}

export const CPU_AND_MEMORY: readonly ResourceWeight[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

const resource: Reader<ResourceWeight> = (value, path, reading) => {
  const { name, weight } = object({ name: text(), weight: int(1) })(value, path, reading);
  if (weight < 0 || weight > 100) {
    reading.errors.push(invalid(`${path}[${name}]`, weight, `resource weight of ${name} not in valid range (0, 100]`));
  }
  return { name, weight: weight || 1 };
};

const point = object({
  utilization: int(0, { min: 0, max: 100, otherwise: 'not in valid range [0-100]' }),
  score: int(0, { min: 0, max: MAX_SHAPE_SCORE, otherwise: `not in valid range [0-${MAX_SHAPE_SCORE}]` }),
});

const shape = checked(listOf(point), (points, path): readonly FieldError[] =>
  points.length === 0
    ? [required(path, 'at least one point must be specified')]
    : points.flatMap(({ utilization }, i) =>
        i > 0 && utilization <= points[i - 1]!.utilization
          ? [invalid(`${path}[${i}].utilization`, utilization, 'utilization values must be sorted in increasing order')]
          : [],
      ),
);

const scoringStrategy: Reader<ScoringStrategy> = checked(
  object({
    type: oneOf(['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'], 'LeastAllocated'),
    resources: listOf(resource, CPU_AND_MEMORY),
    requestedToCapacityRatio: optional(object({ shape })),
  }),
  ({ type, requestedToCapacityRatio }, path) =>
    type === 'RequestedToCapacityRatio' && !requestedToCapacityRatio
      ? [required(`${path}.requestedToCapacityRatio.shape`, 'at least one point must be specified')]
      : [],
);

export const nodeResourcesFitArgs: Reader<NodeResourcesFitArgs> = checked(
  object({ ignoredResources: listOf(text()), ignoredResourceGroups: listOf(text()), scoringStrategy }),
  ({ ignoredResources, ignoredResourceGroups }, path) => [
    ...ignoredResources.flatMap((name, i) => isQualifiedName(name).map((why) => invalid(`${path}.ignoredResources[${i}]`, name, why))),
    ...ignoredResourceGroups.flatMap((name, i) => {
      const at = `${path}.ignoredResourceGroups[${i}]`;
      if (name.includes('/')) return [invalid(at, name, "resource group name can't contain '/'")];
      return isLabelValue(name).map((why) => invalid(at, name, why));
    }),
  ],
);

/** Both in the same unit, `capacity` not 0. */
type Scorer = (requested: number, capacity: number) => number;

export function scorerOf({ type, requestedToCapacityRatio }: ScoringStrategy): Scorer {
  switch (type) {
    case 'LeastAllocated':
      return (requested, capacity) => (requested > capacity ? 0 : Math.floor(((capacity - requested) * MAX_SCORE) / capacity));
    case 'MostAllocated':
      return (requested, capacity) => Math.floor((Math.min(requested, capacity) * MAX_SCORE) / capacity);
    case 'RequestedToCapacityRatio':
      return byShape(requestedToCapacityRatio?.shape ?? []);
  }
}

/** Straight lines between the points; level before the first and behind the last. */
function byShape(points: readonly Point[]): Scorer {
  const line = points.map(({ utilization, score }) => ({ utilization, score: (score * MAX_SCORE) / MAX_SHAPE_SCORE }));
  return (requested, capacity) => {
    const utilization = requested > capacity ? 100 : Math.floor((requested * 100) / capacity);
    const next = line.findIndex((one) => utilization <= one.utilization);
    if (next === -1) return line.at(-1)!.score;
    if (next === 0) return line[0]!.score;
    const [from, to] = [line[next - 1]!, line[next]!];
    return from.score + Math.trunc(((to.score - from.score) * (utilization - from.utilization)) / (to.utilization - from.utilization));
  };
}
