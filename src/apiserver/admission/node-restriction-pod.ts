// What a kubelet may create as a pod: the mirror of a static one of its own, which needs nothing that the API keeps.
import type { KubeObject } from '../../apimachinery/object.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import { ANNOTATION_MIRROR_POD } from '../../kinds/wellknown.js';
import { podReferences } from '../authorization/node-references.js';
import type { Refuse } from './admission.js';

export function checkMirrorPod(pod: Pod, node: KubeObject | undefined, name: string, refuse: Refuse): void {
  const quoted = JSON.stringify(name);
  const { annotations = {}, ownerReferences = [] } = pod.metadata;
  if (annotations[ANNOTATION_MIRROR_POD] === undefined) {
    refuse(`pod does not have ${JSON.stringify(ANNOTATION_MIRROR_POD)} annotation, node ${quoted} can only create mirror pods`);
  }
  if (pod.spec.nodeName !== name) refuse(`node ${quoted} can only create pods with spec.nodeName set to itself`);
  if (ownerReferences.length === 0) refuse(`node ${quoted} can only create pods with an owner reference set to itself`);
  if (ownerReferences.length > 1) refuse(`node ${quoted} can only create pods with a single owner reference set to itself`);
  const [owner] = ownerReferences;
  if (owner!.apiVersion !== 'v1' || owner!.kind !== 'Node' || owner!.name !== name || !owner!.controller || owner!.blockOwnerDeletion) {
    refuse(`node ${quoted} can only create pods with an owner reference set to itself`);
  }
  if (owner!.uid !== node?.metadata.uid) refuse(`node ${quoted} UID mismatch: expected ${owner!.uid} got ${node?.metadata.uid ?? ''}`);
  // Read as if it were no mirror pod, whose references are left out for this very reason.
  const { [ANNOTATION_MIRROR_POD]: _, ...others } = annotations;
  for (const reference of podReferences({ ...pod, metadata: { ...pod.metadata, annotations: others } })) {
    const resource = reference.split('/')[0]!;
    refuse(`node ${quoted} can not create pods that reference ${resource === 'serviceaccounts' ? 'a service account' : resource}`);
  }
}
