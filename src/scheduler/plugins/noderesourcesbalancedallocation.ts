// NodeResourcesBalancedAllocation: better a node of which equal shares of CPU and memory would be taken, so that neither is stranded.
import { duplicate, invalid } from '../../apimachinery/field.js';
import { isScalarResource } from '../../kinds/core/resource-names.js';
import { checked, int, listOf, object, text } from '../config-fields.js';
import { definePlugin, type NodeInfo } from '../define.js';
import { CPU_AND_MEMORY, type ResourceWeight } from '../resource-strategies.js';
import { requestsOf } from '../resources.js';
import { MAX_SCORE } from './normalize.js';

interface Args {
  readonly resources: readonly ResourceWeight[];
}

type Wanted = readonly { readonly name: string; readonly amount: number }[];

export const nodeResourcesBalancedAllocation = definePlugin<undefined, Wanted, Args>({
  name: 'NodeResourcesBalancedAllocation',
  args: checked(object({ resources: listOf(object({ name: text(), weight: int(1) }), CPU_AND_MEMORY) }), ({ resources }, path) =>
    resources.flatMap(({ name, weight }, i) => [
      ...(resources.findIndex((other) => other.name === name) < i ? [duplicate(`${path}.resources[${i}].name`, name)] : []),
      ...(weight === 1 ? [] : [invalid(`${path}.resources[${i}].weight`, weight, 'must be 1')]),
    ]),
  ),
  make: ({ resources }) => ({
    signature: (pod) => [...requestsOf(pod)].join(),
    preScore(pod) {
      const requests = requestsOf(pod);
      const wanted = resources.map(({ name }) => ({ name, amount: requests.get(name) ?? 0 }));
      // A pod that asks for none of them changes no balance, and must not be drawn to where there is one.
      return wanted.every(({ amount }) => amount === 0)
        ? 'skip'
        : wanted.filter(({ name, amount }) => amount > 0 || !isScalarResource(name));
    },
    score(_, node, wanted) {
      const deviation = wanted.length === 2 ? ofTwo(node, wanted) : ofMany(node, wanted);
      return Math.floor((1 - deviation) * MAX_SCORE);
    },
  }),
});

/** -1 where the node has none of it. */
function share({ allocatable, requested }: NodeInfo, { name, amount }: Wanted[number]): number {
  const capacity = allocatable.get(name) ?? 0;
  return capacity === 0 ? -1 : Math.min(1, ((requested.get(name) ?? 0) + amount) / capacity);
}

/** The standard deviation of two values is half their distance; that of one is 0. */
function ofTwo(node: NodeInfo, wanted: Wanted): number {
  const [a, b] = [share(node, wanted[0]!), share(node, wanted[1]!)];
  return a < 0 || b < 0 ? 0 : halfBetween(a, b);
}

const halfBetween = (a: number, b: number): number => Math.abs(a - b) / 2;

function ofMany(node: NodeInfo, wanted: Wanted): number {
  const shares = wanted.map((one) => share(node, one)).filter((one) => one >= 0);
  if (shares.length < 2) return 0;
  if (shares.length === 2) return halfBetween(shares[0]!, shares[1]!);
  const mean = shares.reduce((sum, one) => sum + one, 0) / shares.length;
  return Math.sqrt(shares.reduce((sum, one) => sum + (one - mean) ** 2, 0) / shares.length);
}
