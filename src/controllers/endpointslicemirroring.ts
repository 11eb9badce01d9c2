// Watches Endpoints of Services without a selector, which somebody keeps by hand; mirrors them in EndpointSlices, which all readers go by.
import { isBeingDeleted, objectKey, parseKey } from '../apimachinery/object.js';
import { endpoints as endpointsKind } from '../kinds/core/endpoints.js';
import { services } from '../kinds/core/service.js';
import { endpointSlices } from '../kinds/discovery/endpointslice.js';
import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../kinds/types/core_v1.js';
import type { Endpoint, EndpointSlice } from '../kinds/types/discovery_v1.js';
import { ANNOTATION_LAST_APPLIED, LABEL_ENDPOINTSLICE_MANAGED_BY, LABEL_SERVICE_NAME, LABEL_SKIP_MIRROR } from '../kinds/wellknown.js';
import { controllerRef } from './controller-ref.js';
import { defineController, type ReconcileContext } from './define.js';
import { type PortGroup, planSlices } from './endpointslice-plan.js';
import { deleteSlices, writeSlices } from './endpointslice-writes.js';

const MANAGED_BY = 'endpointslicemirroring-controller.k8s.io';
/** Endpoints were once what leaders were elected by. */
const ANNOTATION_LEADER = 'control-plane.alpha.kubernetes.io/leader';
const ANNOTATION_TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';
/** Upstream's --mirroring-max-endpoints-per-subset: as many as Endpoints kept by a controller have. */
const MAX_PER_SUBSET = 1000;

const isOurs = ({ metadata }: EndpointSlice) => metadata.labels?.[LABEL_ENDPOINTSLICE_MANAGED_BY] === MANAGED_BY;

export const endpointSliceMirroring = defineController({
  name: 'endpointslice-mirroring',
  eventSource: 'endpoint-slice-mirroring-controller',
  serviceAccount: 'endpointslicemirroring-controller',
  inputs: [
    endpointsKind.mapped((object) => (isExcepted(object) ? [] : [objectKey(object)])),
    services,
    endpointSlices.mapped((slice) => {
      const name = isOurs(slice) ? slice.metadata.labels?.[LABEL_SERVICE_NAME] : undefined;
      return name ? [`${slice.metadata.namespace}/${name}`] : [];
    }),
  ],
  outputs: [endpointSlices],
  async reconcile(key, context) {
    const name = parseKey(key);
    const found = context.get(endpointsKind, name);
    const service = context.get(services, name);
    const source = found && service && isMirrored(found, service) ? found : undefined;
    const existing = context
      .list(endpointSlices, name.namespace)
      .filter((slice) => isOurs(slice) && slice.metadata.labels?.[LABEL_SERVICE_NAME] === name.name);
    if (!source) return deleteSlices(context, existing);
    const subsets = limited(context, source);
    const owner = controllerRef(endpointsKind, source);
    for (const addressType of ['IPv4', 'IPv6'] as const) {
      const groups = groupsOf(subsets, addressType === 'IPv6');
      const same = existing.filter((slice) => slice.addressType === addressType);
      const plan = planSlices(same, groups, labelsOf(source), annotationsOf(source));
      await writeSlices(context, plan, { namespace: name.namespace, serviceName: name.name, owner, addressType });
    }
  },
});

function isExcepted({ metadata }: Endpoints): boolean {
  return metadata.labels?.[LABEL_SKIP_MIRROR] === 'true' || metadata.annotations?.[ANNOTATION_LEADER] !== undefined;
}

/** A Service with a selector has slices of its own. */
const isMirrored = (object: Endpoints, service: Service): boolean =>
  !isExcepted(object) && !isBeingDeleted(object) && Object.keys(service.spec.selector ?? {}).length === 0;

function labelsOf({ metadata }: Endpoints): { readonly [name: string]: string } {
  return { ...metadata.labels, [LABEL_SERVICE_NAME]: metadata.name, [LABEL_ENDPOINTSLICE_MANAGED_BY]: MANAGED_BY };
}

function annotationsOf({ metadata }: Endpoints): { readonly [name: string]: string } {
  const { [ANNOTATION_LAST_APPLIED]: _applied, [ANNOTATION_TRIGGER_TIME]: _time, ...others } = metadata.annotations ?? {};
  return others;
}

/** The subsets, each of no more addresses than can be mirrored; says so where there are more. */
function limited({ events }: ReconcileContext, object: Endpoints): readonly EndpointSubset[] {
  let skipped = 0;
  const subsets = (object.subsets ?? []).map((subset) => {
    const addresses = (subset.addresses ?? []).slice(0, MAX_PER_SUBSET);
    const notReadyAddresses = (subset.notReadyAddresses ?? []).slice(0, MAX_PER_SUBSET - addresses.length);
    skipped += (subset.addresses?.length ?? 0) + (subset.notReadyAddresses?.length ?? 0) - addresses.length - notReadyAddresses.length;
    return { ...subset, addresses, notReadyAddresses };
  });
  if (skipped > 0) {
    const message = `A max of ${MAX_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`;
    events.event(object, 'Warning', 'TooManyAddressesToMirror', message);
  }
  return subsets;
}

function groupsOf(subsets: readonly EndpointSubset[], ipv6: boolean): readonly PortGroup[] {
  const groups = subsets.map(({ addresses = [], notReadyAddresses = [], ports = [] }) => ({
    ports: ports.map((port) => ({ ...port, name: port.name ?? '' })),
    endpoints: [
      ...addresses.map((address) => endpointOf(address, true)),
      ...notReadyAddresses.map((address) => endpointOf(address, false)),
    ].filter(({ addresses: [ip] }) => ip!.includes(':') === ipv6),
  }));
  return groups.filter(({ endpoints }) => endpoints.length > 0);
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  };
}
