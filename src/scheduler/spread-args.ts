// PodTopologySpreadArgs: the cluster's own default constraints, read from a configuration and checked. Pure.
import { duplicate, type FieldError, forbidden, invalid, required } from '../apimachinery/field.js';
import { anything, checked, int, listOf, object, oneOf, optional, text } from './config-fields.js';
import type { ConstraintFields } from './spread-constraints.js';

export interface PodTopologySpreadArgs {
  readonly defaultConstraints: readonly ConstraintFields[];
  /** System: upstream's own defaults; List: `defaultConstraints`. */
  readonly defaultingType: 'System' | 'List';
}

const policy = optional(oneOf(['Honor', 'Ignore'], 'Honor'));

const constraint = checked(
  object({
    maxSkew: int(0, { min: 1, otherwise: 'not in valid range (0, inf)' }),
    topologyKey: text(),
    whenUnsatisfiable: oneOf(['DoNotSchedule', 'ScheduleAnyway'], 'DoNotSchedule'),
    minDomains: optional(int(1, { min: 1, otherwise: 'must be greater than 0' })),
    nodeAffinityPolicy: policy,
    nodeTaintsPolicy: policy,
    labelSelector: anything,
    matchLabelKeys: anything,
  }),
  ({ topologyKey, labelSelector, matchLabelKeys }, path) => [
    ...(topologyKey === '' ? [required(`${path}.topologyKey`, 'can not be empty')] : []),
    ...[labelSelector, matchLabelKeys].flatMap((field, i) =>
      field === undefined
        ? []
        : [
            forbidden(
              `${path}.${i === 0 ? 'labelSelector' : 'matchLabelKeys'}`,
              'constraint must not define a selector, as they deduced for each pod',
            ),
          ],
    ),
  ],
);

export const podTopologySpreadArgs = checked(
  object({ defaultConstraints: listOf(constraint), defaultingType: oneOf(['System', 'List'], 'System') }),
  ({ defaultConstraints, defaultingType }, path) => {
    const errors: FieldError[] = [];
    if (defaultingType === 'System' && defaultConstraints.length > 0)
      errors.push(invalid(`${path}.defaultingType`, defaultingType, 'when .defaultConstraints are not empty'));
    const pairs = defaultConstraints.map(({ topologyKey, whenUnsatisfiable }) => `{${topologyKey}, ${whenUnsatisfiable}}`);
    pairs.forEach((pair, i) => {
      if (pairs.indexOf(pair) < i) errors.push(duplicate(`${path}.defaultConstraints[${i}].{topologyKey, whenUnsatisfiable}`, pair));
    });
    return errors;
  },
);
