// Watches Services and pods; keeps each Service's EndpointSlices: which pods serve it, at which ports, in which state.
import { controllerOf, isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import { services } from '../kinds/core/service.js';
import { endpointSlices } from '../kinds/discovery/endpointslice.js';
import type { Service } from '../kinds/types/core_v1.js';
import type { EndpointSlice } from '../kinds/types/discovery_v1.js';
import { LABEL_ENDPOINTSLICE_MANAGED_BY, LABEL_SERVICE_NAME, LABEL_ZONE } from '../kinds/wellknown.js';
import { controllerRef } from './controller-ref.js';
import { defineController } from './define.js';
import { copiedLabels, hasManagedEndpoints, podsBehind, servicesOf } from './endpoint-pods.js';
import { endpointOf, groupByPorts, planSlices } from './endpointslice-plan.js';
import { writeSlices } from './endpointslice-writes.js';

const MANAGED_BY = 'endpointslice-controller.k8s.io';

export const endpointSlice = defineController({
  name: 'endpointslice',
  eventSource: 'endpoint-slice-controller',
  inputs: [
    services,
    pods.mapped(servicesOf),
    endpointSlices.mapped((slice) => {
      const service = isOurs(slice) ? slice.metadata.labels?.[LABEL_SERVICE_NAME] : undefined;
      return service ? [`${slice.metadata.namespace}/${service}`] : [];
    }),
    // Read for the zone of a pod's node, which hardly ever changes: no key of its own.
    nodes.mapped(() => []),
  ],
  outputs: [endpointSlices],
  async reconcile(key, context) {
    const service = context.get(services, parseKey(key));
    // The slices of a Service that is gone go with it, by their owner reference.
    if (!service || isBeingDeleted(service) || !hasManagedEndpoints(service)) return;
    const namespace = service.metadata.namespace;
    const existing = context.list(endpointSlices, namespace).filter((slice) => isOurs(slice) && isOf(slice, service));
    const groups = groupByPorts(podsBehind(service, context.list(pods, namespace)), service, (pod) => {
      const node = context.get(nodes, { name: pod.spec.nodeName ?? '' });
      return endpointOf(service, pod, node?.metadata.labels?.[LABEL_ZONE]);
    });
    const plan = planSlices(existing, groups, sliceLabels(service));
    const owner = controllerRef(services, service);
    await writeSlices(context, plan, { namespace, serviceName: service.metadata.name, owner, addressType: 'IPv4' });
  },
});

const isOurs = ({ metadata }: EndpointSlice) => metadata.labels?.[LABEL_ENDPOINTSLICE_MANAGED_BY] === MANAGED_BY;

function isOf(slice: EndpointSlice, service: Service): boolean {
  const owner = controllerOf(slice);
  return slice.metadata.labels?.[LABEL_SERVICE_NAME] === service.metadata.name && (!owner || owner.uid === service.metadata.uid);
}

function sliceLabels(service: Service): { readonly [name: string]: string } {
  return {
    ...copiedLabels(service),
    [LABEL_SERVICE_NAME]: service.metadata.name,
    [LABEL_ENDPOINTSLICE_MANAGED_BY]: MANAGED_BY,
  };
}
