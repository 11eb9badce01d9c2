// Priority: a pod's class, or the default one, gives it its priority; and there is one default class at most.
import type { KubeObject } from '../../apimachinery/object.js';
import type { Mutable } from '../../kinds/define.js';
import { priorityClasses } from '../../kinds/scheduling/priorityclass.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import type { PriorityClass } from '../../kinds/types/scheduling_v1.js';
import type { ApiContext } from '../context.js';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './admission.js';
import { lookUp, lookUpAll } from './lookup.js';

const NO_CLASS = { value: 0, preemptionPolicy: 'PreemptLowerPriority' };

export const priority: AdmissionPlugin = {
  name: 'Priority',
  operations: ['CREATE', 'UPDATE'],
  resources: ['pods', 'priorityclasses.scheduling.k8s.io'],
  async admit(request, object, context) {
    if (request.resource.kind === priorityClasses || request.subresource) return;
    const pod = object as Mutable<Pod>;
    if (request.operation === 'UPDATE') keep(pod, request.old as Pod);
    else await prioritise(request, pod, context);
  },
  async validate(request, object, context) {
    if (request.resource.kind !== priorityClasses || !(object as PriorityClass).globalDefault) return;
    const other = (await lookUpAll(context, priorityClasses)).find(
      ({ globalDefault, metadata }) => globalDefault && metadata.name !== request.name,
    );
    if (!other) return;
    throw refusal(request, object, `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`);
  },
};

/** Who updates a pod with an older client's view of it does not take away what was set for it. */
function keep({ spec }: Mutable<Pod>, old: Pod): void {
  if (spec.priority === undefined && old.spec.priority !== undefined) spec.priority = old.spec.priority;
  if (spec.preemptionPolicy === undefined && old.spec.preemptionPolicy !== undefined) spec.preemptionPolicy = old.spec.preemptionPolicy;
}

async function prioritise(request: AdmissionRequest, pod: Mutable<Pod>, context: ApiContext): Promise<void> {
  const { spec } = pod;
  const found = await classOf(request, pod, context);
  const { value, preemptionPolicy = NO_CLASS.preemptionPolicy } = found ?? NO_CLASS;
  if (found) spec.priorityClassName = found.metadata.name;
  if (spec.priority !== undefined && spec.priority !== value) {
    throw refusal(
      request,
      pod as KubeObject,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
    throw refusal(
      request,
      pod as KubeObject,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
    );
  }
  spec.priority = value;
  spec.preemptionPolicy = preemptionPolicy;
}

async function classOf(request: AdmissionRequest, pod: Mutable<Pod>, context: ApiContext): Promise<PriorityClass | undefined> {
  const name = pod.spec.priorityClassName;
  if (!name) return (await lookUpAll(context, priorityClasses)).find(({ globalDefault }) => globalDefault);
  const found = await lookUp(context, priorityClasses, { name });
  if (!found) throw refusal(request, pod as KubeObject, `no PriorityClass with name ${name} was found`);
  return found;
}
