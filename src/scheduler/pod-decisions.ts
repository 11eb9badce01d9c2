// What the scheduler answers of one pod: where it stands, what it waits for, and the records that are kept of it. Pure.
import type { DecisionRecord, PodDecisions, PodState, WaitsFor } from '../client/pod-decisions.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { DEFAULT_SCHEDULER_NAME } from '../kinds/wellknown.js';

/** Where the queue has the pod. */
export type Place = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'out';

export interface Standing {
  /** The profiles of this scheduler. */
  readonly schedulers: readonly string[];
  /** Undefined: the queue does not know it. */
  readonly place: Place | undefined;
  /** It has a node, which the API may not know yet. */
  readonly assumed: boolean;
  readonly records: readonly DecisionRecord[];
}

export function podDecisions(pod: Pod, standing: Standing): PodDecisions {
  const { state, message } = stateOf(pod, standing);
  return { ...about(pod), state, message, waitsFor: waitsForNow(pod, state, standing.records), decisions: standing.records };
}

/** Of a pod that is not there, for which a cycle was run that nothing came of. */
export function trialDecisions(pod: Pod, schedulers: readonly string[], run: () => DecisionRecord): PodDecisions {
  const { scheduler } = about(pod).pod;
  if (pod.spec.nodeName) return nothing(pod, `It names its node itself, ${pod.spec.nodeName}: no scheduler would decide about it.`);
  if (!schedulers.includes(scheduler)) return nothing(pod, anothers(scheduler, schedulers));
  const record = run();
  const gates = gatesOf(pod);
  const outcome =
    record.node !== undefined
      ? `It would go to ${record.node}.`
      : record.preemption?.chosen !== undefined
        ? `It would have to wait for pods on ${record.preemption.chosen} that have to go for it.`
        : `No node would take it: ${record.message}`;
  return {
    ...about(pod),
    state: 'trial',
    message:
      gates.length > 0 ? `It would not be tried before its gates are removed (${gates.join(', ')}). Without them: ${outcome}` : outcome,
    waitsFor: [...gatesWait(pod), ...record.waitsFor],
    decisions: [record],
  };
}

function stateOf(pod: Pod, { schedulers, place, assumed, records }: Standing): { readonly state: PodState; readonly message: string } {
  const { scheduler, node } = about(pod).pod;
  const placed = records.find((record) => record.node !== undefined);
  if (node !== undefined && placed?.node === node)
    return { state: 'bound', message: `It is on ${node}, where the scheduler ${scheduler} put it.` };
  if (!schedulers.includes(scheduler)) return { state: 'unknown', message: anothers(scheduler, schedulers) };
  if (node !== undefined) {
    const why = 'its node was set by hand, or by another scheduler, or before this one was started, or so long ago that the record is gone';
    return { state: 'unknown', message: `It is on ${node}, and ${scheduler} knows nothing of why: ${why}.` };
  }
  const gates = gatesOf(pod);
  if (gates.length > 0) return { state: 'gated', message: `It is not tried before its scheduling gates are removed: ${gates.join(', ')}.` };
  if (assumed) return { state: 'binding', message: `It has been given ${placed?.node ?? 'a node'}, and is about to be bound to it.` };
  const nominated = pod.status.nominatedNodeName;
  // Without gates of its own a pod is held back only while its victims are being told to go.
  if (place === 'gated' || (nominated && place === 'unschedulable')) {
    return { state: 'unschedulable', message: `It waits for pods${nominated ? ` on ${nominated}` : ''} that have to go for it.` };
  }
  switch (place) {
    case 'unschedulable':
      return { state: place, message: 'No node can take it as things are: it waits for something to change.' };
    case 'backoff':
      return { state: place, message: 'It is tried again when its back-off is over.' };
    case 'active':
    case 'out':
      return { state: 'active', message: 'It is about to be tried.' };
    default:
      return { state: 'unknown', message: `It is for ${scheduler}, which has not taken it up.` };
  }
}

function waitsForNow(pod: Pod, state: PodState, records: readonly DecisionRecord[]): readonly WaitsFor[] {
  if (state === 'gated') return gatesWait(pod);
  return state === 'unschedulable' || state === 'backoff' ? (records[0]?.waitsFor ?? []) : [];
}

const gatesOf = ({ spec }: Pod): readonly string[] => (spec.schedulingGates ?? []).map(({ name }) => name);

const gatesWait = (pod: Pod): readonly WaitsFor[] =>
  gatesOf(pod).length > 0 ? [{ plugin: 'SchedulingGates', events: gatesOf(pod).map((gate) => `removal of the gate ${gate}`) }] : [];

const anothers = (scheduler: string, ours: readonly string[]) =>
  `It is for the scheduler ${scheduler}, which is not one of those that run here (${ours.join(', ')}): ask that one.`;

const nothing = (pod: Pod, message: string): PodDecisions => ({ ...about(pod), state: 'unknown', message, waitsFor: [], decisions: [] });

function about({ metadata, spec }: Pod): Pick<PodDecisions, 'pod'> {
  const { namespace = '', name, uid } = metadata;
  const { schedulerName: scheduler = DEFAULT_SCHEDULER_NAME, nodeName: node } = spec;
  return { pod: { namespace, name, ...(uid && { uid }), scheduler, ...(node && { node }) } };
}
