// DefaultPreemption: where pods of less priority could go for one that fits nowhere, and which; carried out, they are told, deleted and recorded.
import { invalid } from '../../apimachinery/field.js';
import { isBeingDeleted } from '../../apimachinery/object.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import { checked, int, object, type Reader } from '../config-fields.js';
import { type Candidate, type Decision, definePlugin, type PluginContext, type PostFilterResult, type Refusal } from '../define.js';
import { failureMessage } from '../messages.js';
import { makeRoom, wasPreempted } from './preemption-make-room.js';
import { Outcomes } from './preemption-outcomes.js';
import { pickOneNode } from './preemption-pick.js';
import { priorityOf } from './preemption-victims.js';

interface Args {
  readonly minCandidateNodesPercentage: number;
  readonly minCandidateNodesAbsolute: number;
}

const args: Reader<Args> = checked(
  object({
    minCandidateNodesPercentage: int(10, { min: 0, max: 100, otherwise: 'not in valid range [0, 100]' }),
    minCandidateNodesAbsolute: int(100, { min: 0, otherwise: 'not in valid range [0, inf)' }),
  }),
  ({ minCandidateNodesPercentage, minCandidateNodesAbsolute }, path) =>
    minCandidateNodesPercentage + minCandidateNodesAbsolute > 0
      ? []
      : ['minCandidateNodesPercentage', 'minCandidateNodesAbsolute'].map((name) =>
          invalid(`${path}.${name}`, 0, 'cannot be zero at the same time as the other minCandidateNodes field'),
        ),
);

const NOT_HELPFUL: Refusal = { reasons: ['Preemption is not helpful for scheduling'] };

export const defaultPreemption = definePlugin<undefined, undefined, Args>({
  name: 'DefaultPreemption',
  args,
  make({ minCandidateNodesPercentage, minCandidateNodesAbsolute }) {
    /** Pods whose victims are being told to go. */
    const underWay = new Set<string>();
    const outcomes = new Outcomes();
    const candidatesWanted = (nodes: number) =>
      Math.min(nodes, Math.max(minCandidateNodesAbsolute, Math.floor((nodes * minCandidateNodesPercentage) / 100)));
    return {
      // The first victim's going would give it a try too early.
      preEnqueue: ({ metadata }) => (underWay.has(metadata.uid) ? UNDER_WAY : undefined),
      postFilter(pod, decision, context) {
        const no = whyNotEligible(pod, decision, context);
        if (no !== undefined) return { message: `preemption: ${no}`, preemption: { candidates: [], message: no } };
        const { candidates, message } = findCandidates(decision, context, outcomes, candidatesWanted);
        if (candidates.length === 0) {
          // What it was promised before is not to be had any more.
          return { nominatedNode: '', message: `preemption: ${message}`, preemption: { candidates, message } };
        }
        const { candidate, by } = pickOneNode(candidates);
        return {
          nominatedNode: candidate.node,
          message: '',
          preemption: { candidates, chosen: candidate, message: by },
          async carryOut() {
            underWay.add(pod.metadata.uid);
            try {
              await makeRoom(pod, candidate, decision.profile.schedulerName, context);
            } finally {
              underWay.delete(pod.metadata.uid);
            }
          },
        } satisfies PostFilterResult;
      },
    };
  },
});

const UNDER_WAY = 'waiting for the preemption for this pod to be finished';
const WAITS_FOR_VICTIMS = 'not eligible due to a terminating pod on the nominated node.';

function whyNotEligible(pod: Pod, { refused, refusals }: Decision, { snapshot }: PluginContext): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = snapshot.byName.get(pod.status.nominatedNodeName ?? '');
  if (!nominated || refusals[refused.indexOf(nominated)]?.unresolvable) return undefined;
  const isGoing = (other: Pod) => priorityOf(other) < priorityOf(pod) && isBeingDeleted(other) && wasPreempted(other);
  return nominated.pods.some(isGoing) ? WAITS_FOR_VICTIMS : undefined;
}

interface Found {
  readonly candidates: readonly Candidate[];
  /** Why there are none. */
  readonly message: string;
}

/** As upstream, from a node by lot on, and no more than are enough to choose from. */
function findCandidates(decision: Decision, context: PluginContext, outcomes: Outcomes, wanted: (nodes: number) => number): Found {
  const { filters, refused, refusals, total } = decision;
  const resolvable = filters ? countResolvable(refusals) : 0;
  const none = (why: readonly Refusal[]): Found => ({ candidates: [], message: failureMessage(total, { refusals: why }) });
  if (resolvable === 0) return none(new Array(total).fill(NOT_HELPFUL));
  const rehearsal = outcomes.rehearsal(filters!, context.budgets());
  const indexOf = indicesOf(decision, context.snapshot);
  const candidates: Candidate[] = [];
  const why: Refusal[] = new Array(total - refused.length).fill(NOT_HELPFUL);
  const enough = wanted(resolvable);
  let unviolating = false;
  for (let i = Math.floor(context.random.next() * refused.length), left = refused.length; left > 0; left--) {
    const outcome = refusals[i]!.unresolvable ? NOT_HELPFUL : rehearsal(indexOf(i));
    if ('victims' in outcome) {
      candidates.push(outcome);
      unviolating ||= outcome.victims.violations === 0;
      if (unviolating && candidates.length >= enough) break;
    } else why.push(outcome);
    i = i + 1 === refused.length ? 0 : i + 1;
  }
  return candidates.length > 0 ? { candidates, message: '' } : none(why);
}

/** Nodes that the going of pods could make fit. */
function countResolvable(refusals: readonly Refusal[]): number {
  let count = 0;
  for (let i = 0; i < refusals.length; i++) if (!refusals[i]!.unresolvable) count++;
  return count;
}

/** Where in `Snapshot.nodes` those are that were refused: all, one after the other from the first that was asked on, or the few that came into question. */
function indicesOf({ refused }: Decision, { nodes }: PluginContext['snapshot']): (i: number) => number {
  if (refused.length < nodes.length) return (i) => nodes.indexOf(refused[i]!);
  const first = nodes.indexOf(refused[0]!);
  return (i) => (first + i) % nodes.length;
}
