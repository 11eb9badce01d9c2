// Mirror pods: what the API is shown of static ones. Pure.
import type { Informer } from '../../../src/client/informer.js';
import type { Node, Pod } from '../../../src/kinds/types/core_v1.js';
import { ANNOTATION_CONFIG_SOURCE, ANNOTATION_MIRROR_POD } from '../../../src/kinds/wellknown.js';
import type { PodLookup } from '../../server/find-container.js';

export const ANNOTATION_CONFIG_HASH = 'kubernetes.io/config.hash';
export const ANNOTATION_CONFIG_SEEN = 'kubernetes.io/config.seen';

/** The uid of the static pod that it stands for. */
export const mirroredUid = ({ metadata }: Pod) => metadata.annotations?.[ANNOTATION_MIRROR_POD];

/** The API's pods of a node as it runs them, by which their containers are found. */
export function podLookup(informer: Informer<Pod>): PodLookup {
  return {
    pods: () => informer.list().map(asRun),
    pod(namespace, name) {
      const pod = informer.get({ namespace, name });
      return pod && asRun(pod);
    },
  };
}

/** The containers of a mirror pod bear the static pod's uid. */
function asRun(pod: Pod): Pod {
  const uid = mirroredUid(pod);
  return uid === undefined ? pod : { ...pod, metadata: { ...pod.metadata, uid } };
}

/** As the kubelet itself has it. */
export const isStaticPod = (pod: Pod) => pod.metadata.annotations?.[ANNOTATION_CONFIG_SOURCE] === 'file' && mirroredUid(pod) === undefined;

/** What is sent to be created; its owner is the node, which alone may make it. */
export function mirrorOf(
  { metadata, spec }: Pod,
  { metadata: node }: Node,
): Omit<Pod, 'metadata' | 'status'> & { readonly metadata: object } {
  const { name, namespace, labels, annotations, uid } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      ...(labels ? { labels } : {}),
      annotations: { ...annotations, [ANNOTATION_MIRROR_POD]: uid },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid, controller: true }],
    },
    spec,
  };
}
