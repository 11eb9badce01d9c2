// The cluster as DNS needs it, read from informer caches through indexes by address and by Service.

import { isBeingDeleted } from '../../src/apimachinery/object.js';
import type { Informers } from '../../src/client/informer.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { services } from '../../src/kinds/core/service.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import { LABEL_SERVICE_NAME } from '../../src/kinds/wellknown.js';
import type { ClusterView } from './records.js';

const BY_CLUSTER_IP = 'dns-cluster-ip';
const BY_SERVICE = 'dns-service';
const BY_ENDPOINT_IP = 'dns-endpoint-ip';

export interface SyncedView extends ClusterView {
  /** Before this, a name that is missing may only not have been read yet. */
  readonly synced: boolean;
}

export type Zone = Pick<ClusterView, 'domain' | 'dnsIp' | 'reverseCidrs'>;

export function createClusterView(informers: Informers, zone: Zone): SyncedView {
  const serviceCache = informers.of(services);
  const sliceCache = informers.of(endpointSlices);
  const namespaceCache = informers.of(namespaces);
  serviceCache.addIndex(BY_CLUSTER_IP, ({ spec }) => (spec.clusterIP && spec.clusterIP !== 'None' ? [spec.clusterIP] : []));
  sliceCache.addIndex(BY_SERVICE, ({ metadata }) => {
    const name = metadata.labels?.[LABEL_SERVICE_NAME];
    return name ? [`${metadata.namespace}/${name}`] : [];
  });
  sliceCache.addIndex(BY_ENDPOINT_IP, (slice) => [...new Set((slice.endpoints ?? []).flatMap(({ addresses }) => addresses))]);
  return {
    ...zone,
    get synced() {
      return serviceCache.synced && sliceCache.synced && namespaceCache.synced;
    },
    service: (namespace, name) => serviceCache.get({ namespace, name }),
    serviceByIp: (ip) => serviceCache.byIndex(BY_CLUSTER_IP, ip).find((service) => !isBeingDeleted(service)),
    slices: (namespace, service) => sliceCache.byIndex(BY_SERVICE, `${namespace}/${service}`),
    slicesByIp: (ip) => sliceCache.byIndex(BY_ENDPOINT_IP, ip),
    hasNamespace: (name) => namespaceCache.get({ name }) !== undefined,
  };
}
