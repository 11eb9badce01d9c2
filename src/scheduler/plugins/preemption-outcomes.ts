// What a preemption on a node would come to, remembered for pods that ask for the same while the node is as it was.
import type { PodDisruptionBudget } from '../../kinds/types/policy_v1.js';
import type { Candidate, Filters, NodeInfo, Refusal } from '../define.js';
import { type Nominated, nominatedBeside, Questions, questionOf } from '../remembered.js';
import { Budgets } from './preemption-budgets.js';
import { Trial } from './preemption-trial.js';
import { selectVictims } from './preemption-victims.js';

/** Past it, telling whether any budget has changed costs more than is saved. */
const BUDGETS_MAX = 100;

export const NOTHING_LOWER: Refusal = { reasons: ['No preemption victims found for incoming pod'] };

/** The node as a candidate, or why it is none. */
export type Outcome = Candidate | Refusal;
export type Rehearsal = (node: NodeInfo) => Outcome;

interface Known {
  readonly nominated: Nominated;
  readonly outcome: Outcome;
}

export class Outcomes {
  readonly #questions = new Questions(() => new WeakMap<NodeInfo, Known>());

  /** For one cycle. */
  rehearsal(filters: Filters, disruptionBudgets: readonly PodDisruptionBudget[]): Rehearsal {
    const budgets = new Budgets(disruptionBudgets);
    const known = this.#knownFor(filters, disruptionBudgets);
    return (node) => {
      const nominated = nominatedBeside(filters, node);
      const before = known?.get(node);
      if (before && before.nominated === nominated) return before.outcome;
      const outcome = rehearse(filters, node, budgets);
      if (nominated !== false) known?.set(node, { nominated, outcome });
      return outcome;
    };
  }

  #knownFor(filters: Filters, budgets: readonly PodDisruptionBudget[]): WeakMap<NodeInfo, Known> | undefined {
    const question = budgets.length > BUDGETS_MAX ? undefined : questionOf(filters);
    if (question === undefined) return undefined;
    const versions = budgets.map(({ metadata: { uid, resourceVersion } }) => `${uid} ${resourceVersion}`);
    return this.#questions.of(`${versions.join()} ${question}`);
  }
}

function rehearse(filters: Filters, node: NodeInfo, budgets: Budgets): Outcome {
  const trial = new Trial(filters, node);
  const victims = selectVictims(filters.pod, node.pods, budgets, trial);
  if (victims && victims.pods.length > 0) return { node: node.name, victims };
  return victims === false ? trial.refusal! : NOTHING_LOWER;
}
