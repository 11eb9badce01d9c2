// What a preemption on a node would come to, remembered for pods that ask for the same while the node is as it was.
import type { PodDisruptionBudget } from '../../kinds/types/policy_v1.js';
import type { Candidate, Filters, NodeInfo, Refusal, Snapshot } from '../define.js';
import { NOWHERE, ownNode, Questions, questionOf, SeenNodes } from '../remembered.js';
import { Budgets } from './preemption-budgets.js';
import { Trial } from './preemption-trial.js';
import { priorityOf, selectVictims } from './preemption-victims.js';

/** Past it, telling whether any budget has changed costs more than is saved. */
const BUDGETS_MAX = 100;

const NOTHING_LOWER: Refusal = { reasons: ['No preemption victims found for incoming pod'] };

/** The node as a candidate, or why it is none. */
export type Outcome = Candidate | Refusal;
/** Of the node at that index of `Snapshot.nodes`. */
export type Rehearsal = (at: number) => Outcome;

/** To one question; an index is that of `Snapshot.nodes`. */
class Known {
  readonly #seen = new SeenNodes();
  outcomes: (Outcome | undefined)[] = [];

  /** Forgets what may have changed. */
  update(snapshot: Snapshot): this {
    if (this.outcomes.length !== snapshot.nodes.length) this.outcomes = new Array(snapshot.nodes.length).fill(undefined);
    this.#seen.update(snapshot, (at) => {
      this.outcomes[at] = undefined;
    });
    return this;
  }
}

export class Outcomes {
  readonly #questions = new Questions(() => new Known());

  /** For one cycle. */
  rehearsal(filters: Filters, disruptionBudgets: readonly PodDisruptionBudget[]): Rehearsal {
    const { nodes } = filters.snapshot;
    const budgets = new Budgets(disruptionBudgets);
    const known = this.#knownFor(filters, disruptionBudgets)?.outcomes;
    const own = known ? ownNode(filters) : NOWHERE;
    return (at) => {
      if (!known || at === own) return rehearse(filters, nodes[at]!, budgets);
      return (known[at] ??= rehearse(filters, nodes[at]!, budgets));
    };
  }

  #knownFor(filters: Filters, budgets: readonly PodDisruptionBudget[]): Known | undefined {
    const question = budgets.length > BUDGETS_MAX ? undefined : questionOf(filters);
    if (question === undefined) return undefined;
    const versions = budgets.map(({ metadata: { uid, resourceVersion } }) => `${uid} ${resourceVersion}`);
    return this.#questions.of(`${versions.join()} ${question}`).update(filters.snapshot);
  }
}

function rehearse(filters: Filters, node: NodeInfo, budgets: Budgets): Outcome {
  // Most often there is nothing to take: this is all that is looked at then.
  if (node.lowestPriority >= priorityOf(filters.pod)) return NOTHING_LOWER;
  const found = selectVictims(filters.pod, node.pods, budgets, new Trial(filters, node));
  if (found && 'reasons' in found) return found;
  return found && found.pods.length > 0 ? { node: node.name, victims: found } : NOTHING_LOWER;
}
