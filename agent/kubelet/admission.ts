// Whether a pod that was given to this node can run beside those that are there: pure, with upstream's reasons and words.
import { hostPortsOf, isPortTaken } from '../../src/kinds/core/host-ports.js';
import { matchesRequired } from '../../src/kinds/core/node-selector.js';
import { qosClassOf } from '../../src/kinds/core/pod-qos.js';
import { isCriticalPod, podRequests } from '../../src/kinds/core/podutil.js';
import { tolerates } from '../../src/kinds/core/tolerations.js';
import type { Node, Pod, Taint } from '../../src/kinds/types/core_v1.js';
import type { Amounts } from './allocatable.js';
import type { Failure } from './failure.js';
import { preempt } from './preemption.js';
import { isStaticPod } from './static/mirror.js';

/** The node as it is when a pod comes. */
export interface NodeState {
  readonly node: Node;
  readonly allocatable: Amounts;
  /** `MemoryPressure` and the like, while they last. */
  readonly pressures: readonly string[];
  /** The machine is going down. */
  readonly shuttingDown: boolean;
}

const TAINT_MEMORY_PRESSURE: Taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };
/** What a node counts itself; any other resource that it does not have is not its to judge. */
const COUNTED = ['cpu', 'memory', 'ephemeral-storage'];

export interface Admission {
  /** Why the node does not take it; absent: it does. */
  readonly failure?: Failure;
  /** Who has to go first. */
  readonly preempts: readonly Pod[];
  /** Of what there was too little. */
  readonly signal?: string;
}

/** `others`: the pods that this node has taken and that are not over. */
export function admit(pod: Pod, others: readonly Pod[], state: NodeState): Admission {
  const [short] = insufficient(pod, others, state.allocatable);
  const rejection =
    underPressure(pod, state) ??
    (short && !isCriticalPod(pod) ? ([`OutOf${short.resource}`, short.message] as const) : undefined) ??
    misplaced(pod, others, state.node) ??
    duringShutdown(state);
  return !rejection && short ? makeRoom(pod, others, state) : answer(rejection);
}

type Rejection = readonly [reason: string, message: string] | undefined;

const answer = (rejection: Rejection): Admission =>
  rejection
    ? { failure: { reason: rejection[0], message: `Pod was rejected: ${rejection[1]}`, rejected: true }, preempts: [] }
    : { preempts: [] };

function makeRoom(pod: Pod, others: readonly Pod[], { allocatable }: NodeState): Admission {
  const missing = new Map(insufficient(pod, others, allocatable).map(({ resource, missing }) => [resource, missing]));
  const { pods, stillMissing } = preempt(pod, others, missing);
  if (stillMissing.size === 0) return { preempts: pods, signal: [...missing.keys()][0]! };
  const list = [...stillMissing].map(([resource, amount]) => `(res: ${resource}, q: ${amount}), `).join('');
  const why = `preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${list}]`;
  return answer(['UnexpectedAdmissionError', `Unexpected error while attempting to recover from admission failure: ${why}`]);
}

function underPressure(pod: Pod, { pressures }: NodeState): Rejection {
  if (pressures.length === 0 || isCriticalPod(pod)) return undefined;
  const isOnlyMemory = pressures.every((pressure) => pressure === 'MemoryPressure');
  const bears = (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, TAINT_MEMORY_PRESSURE));
  if (isOnlyMemory && (qosClassOf(pod.spec) !== 'BestEffort' || bears)) return undefined;
  return ['Evicted', `The node had condition: [${pressures.join(' ')}]. `];
}

export interface Shortage {
  readonly resource: string;
  readonly message: string;
  readonly missing: number;
}

/** Every resource of which there is too little. */
export function insufficient(pod: Pod, others: readonly Pod[], allocatable: Amounts): readonly Shortage[] {
  const wanted = new Map([['pods', 1], ...COUNTED.map((resource) => [resource, 0] as const), ...podRequests(pod)]);
  const taken = others.map((other) => podRequests(other));
  return [...wanted].flatMap(([resource, requested]) => {
    const capacity = allocatable.get(resource);
    if (capacity === undefined || requested === 0) return [];
    const used = resource === 'pods' ? others.length : taken.reduce((sum, requests) => sum + (requests.get(resource) ?? 0), 0);
    if (requested <= capacity - used) return [];
    const message = `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
    return [{ resource, message, missing: requested - (capacity - used) }];
  });
}

function misplaced(pod: Pod, others: readonly Pod[], node: Node): Rejection {
  if (!matchesRequired(pod, node)) return failed('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  const taken = new Set(others.flatMap(hostPortsOf));
  if (hostPortsOf(pod).some((port) => isPortTaken(port, taken))) {
    return failed('NodePorts', "node(s) didn't have free ports for the requested pod ports");
  }
  if (isStaticPod(pod)) return undefined;
  const { tolerations = [] } = pod.spec;
  const refuses = (taint: Taint) => taint.effect === 'NoExecute' && !tolerations.some((toleration) => tolerates(toleration, taint));
  if (node.spec.taints?.some(refuses)) return failed('TaintToleration', "node(s) had taints that the pod didn't tolerate");
  return undefined;
}

const failed = (predicate: string, why: string): Rejection => [predicate, `Predicate ${predicate} failed: ${why}`];

function duringShutdown({ shuttingDown }: NodeState): Rejection {
  return shuttingDown ? ['NodeShutdown', 'Pod was rejected as the node is shutting down.'] : undefined;
}
