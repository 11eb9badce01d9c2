// pods/binding: the scheduler's decision, taken once: sets the node and says that the pod is scheduled.
import { rfc3339 } from '../../apimachinery/clock.js';
import { type FieldError, notSupported, required } from '../../apimachinery/field.js';
import { conflict, invalidObject } from '../../apimachinery/status.js';
import type { ActionSubresource, Mutable } from '../define.js';
import type { Binding, Pod } from '../types/core_v1.js';

export const podBinding: ActionSubresource<Pod> = {
  bodyVersion: 'v1',
  bodyKind: 'Binding',
  apply(pod, body, now_ms) {
    const binding = body as unknown as Binding;
    const errors = validateBinding(binding);
    const { name } = pod.metadata;
    if (errors.length > 0) throw invalidObject('', 'Binding', name, errors);
    const refuse = (why: string) => conflict({ group: '', resource: 'pods/binding' }, name, `pod ${name} ${why}`);
    if (binding.metadata?.uid && binding.metadata.uid !== pod.metadata.uid) {
      throw conflict(
        { group: '', resource: 'pods/binding' },
        name,
        `Precondition failed: UID in precondition: ${binding.metadata.uid}, UID in object meta: ${pod.metadata.uid}`,
      );
    }
    if (pod.metadata.deletionTimestamp) throw refuse('is being deleted, cannot be assigned to a host');
    if (pod.spec.nodeName) throw refuse(`is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
    if (pod.spec.schedulingGates?.length) throw refuse('has non-empty .spec.schedulingGates');
    pod.spec.nodeName = binding.target.name ?? '';
    if (binding.metadata?.annotations) pod.metadata.annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations };
    setScheduled(pod, now_ms);
  },
};

function validateBinding({ target }: Binding): FieldError[] {
  const errors: FieldError[] = [];
  if (target?.kind && target.kind !== 'Node') errors.push(notSupported('target.kind', target.kind, ['Node', '<empty>']));
  if (!target?.name) errors.push(required('target.name'));
  return errors;
}

function setScheduled(pod: Mutable<Pod>, now_ms: number): void {
  const others = (pod.status.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  pod.status.conditions = [...others, { type: 'PodScheduled', status: 'True', lastTransitionTime: rfc3339(now_ms) }];
}
