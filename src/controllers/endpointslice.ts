// Watches Services and pods; keeps each Service's EndpointSlices: which pods serve it, at which ports, in which state.
import type { Draft } from '../apimachinery/json.js';
import { controllerOf, isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import { services } from '../kinds/core/service.js';
import { endpointSlices } from '../kinds/discovery/endpointslice.js';
import type { Service } from '../kinds/types/core_v1.js';
import type { EndpointSlice } from '../kinds/types/discovery_v1.js';
import { LABEL_ENDPOINTSLICE_MANAGED_BY, LABEL_SERVICE_NAME, LABEL_ZONE } from '../kinds/wellknown.js';
import { controllerRef } from './controller-ref.js';
import { defineController, type ReconcileContext } from './define.js';
import { copiedLabels, hasManagedEndpoints, podsBehind, servicesOf } from './endpoint-pods.js';
import { endpointOf, groupByPorts, planSlices, type SliceDraft } from './endpointslice-plan.js';

const MANAGED_BY = 'endpointslice-controller.k8s.io';

export const endpointSlice = defineController({
  name: 'endpointslice',
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
    for (const draft of plan.create) await context.client.create(endpointSlices, newSlice(service, draft));
    for (const { slice, draft } of plan.update) await context.client.update(endpointSlices, changedSlice(slice, draft));
    for (const slice of plan.delete) await deleteSlice(context, slice);
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

function newSlice(service: Service, { labels, endpoints, ports }: SliceDraft): Draft<EndpointSlice> {
  const { name, namespace } = service.metadata;
  return {
    metadata: {
      generateName: `${name}-`,
      ...(namespace ? { namespace } : {}),
      labels,
      ownerReferences: [controllerRef(services, service)],
    },
    addressType: 'IPv4',
    endpoints,
    ports,
  };
}

function changedSlice(slice: EndpointSlice, { labels, endpoints, ports }: SliceDraft): Draft<EndpointSlice> {
  return { ...slice, metadata: { ...slice.metadata, labels }, endpoints, ports };
}

async function deleteSlice({ client }: ReconcileContext, { metadata }: EndpointSlice): Promise<void> {
  try {
    await client.delete(endpointSlices, metadata, { preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
