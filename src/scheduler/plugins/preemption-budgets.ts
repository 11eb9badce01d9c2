// Disruption budgets as preemption counts with them: which of some victims go beyond what their budgets allow. Pure.
import { type Selector, selectorOf } from '../../apimachinery/labels.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import type { PodDisruptionBudget } from '../../kinds/types/policy_v1.js';

interface Budget {
  readonly namespace: string | undefined;
  readonly selector: Selector;
  readonly allowed: number;
  /** Pods that the API server has let go already: they cost nothing more. */
  readonly disrupted: { readonly [pod: string]: unknown };
}

export class Budgets {
  readonly #budgets: readonly Budget[];

  constructor(budgets: readonly PodDisruptionBudget[]) {
    this.#budgets = budgets.map(({ metadata, spec, status }) => ({
      namespace: metadata.namespace,
      selector: selectorOf(spec.selector),
      allowed: status.disruptionsAllowed ?? 0,
      disrupted: status.disruptedPods ?? {},
    }));
  }

  /** In the order given, each takes one from all of its budgets; `violating` are those that came too late for one of them. */
  split(pods: readonly Pod[]): { readonly violating: readonly Pod[]; readonly others: readonly Pod[] } {
    if (this.#budgets.length === 0) return { violating: [], others: pods };
    const left = this.#budgets.map(({ allowed }) => allowed);
    const take = (pod: Pod) => {
      let violates = false;
      this.#budgets.forEach((budget, i) => {
        if (!covers(budget, pod)) return;
        left[i]!--;
        if (left[i]! < 0) violates = true;
      });
      return violates;
    };
    const violating = new Set(pods.filter(take));
    return { violating: [...violating], others: pods.filter((pod) => !violating.has(pod)) };
  }
}

function covers({ namespace, selector, disrupted }: Budget, { metadata }: Pod): boolean {
  return namespace === metadata.namespace && !Object.hasOwn(disrupted, metadata.name) && selector.matches(metadata.labels);
}
