// What of a pod policies need, and all that a node keeps of the pods of other nodes.
import type { Container, Pod } from '../../src/kinds/types/core_v1.js';

/** A tenth of a pod, or less: with 10,000 pods in the cluster this is what bounds an agent's memory. */
export function policyPart({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { name, namespace, uid, resourceVersion, labels, creationTimestamp } = metadata;
  const kept = {
    apiVersion,
    kind,
    metadata: { name, namespace, uid, resourceVersion, labels, creationTimestamp },
    spec: {
      nodeName: spec.nodeName,
      hostNetwork: spec.hostNetwork,
      containers: spec.containers.map(ports),
      initContainers: spec.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always').map(ports),
    },
    status: { phase: status?.phase, podIP: status?.podIP },
  };
  return kept as unknown as Pod;
}

const ports = ({ name, ports, restartPolicy }: Container) => ({ name, ports, restartPolicy });

/** Whether something that policies ask for is different. */
export const isSamePart = (a: Pod, b: Pod) => facts(a) === facts(b);

function facts({ metadata, spec, status }: Pod): string {
  return JSON.stringify([metadata.uid, metadata.labels, spec.nodeName, status?.phase, status?.podIP]);
}
