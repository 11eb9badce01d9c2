// The IPAddress objects that show which Service has which cluster IP: each is written and removed in the transaction of its Service.
import { type Clock, type Random, rfc3339, uuid } from '../../apimachinery/clock.js';
import { ipAddresses } from '../../kinds/networking/ipaddress.js';
import type { Service } from '../../kinds/types/core_v1.js';
import type { IPAddress } from '../../kinds/types/networking_v1.js';
import type { ResourceExtension, Shown } from './extension.js';

const PREFIX = '/registry/networking.k8s.io/ipaddresses/';
const LABEL_MANAGED_BY = 'ipaddress.kubernetes.io/managed-by';
const LABEL_FAMILY = 'ipaddress.kubernetes.io/ip-family';
/** Upstream's name of who manages them. */
const ALLOCATOR = 'ipallocator.k8s.io';

export const shownAddresses = { prefix: PREFIX, isOurs: isOfService };

function isOfService({ metadata }: Pick<IPAddress, 'metadata'>): boolean {
  return metadata.labels?.[LABEL_MANAGED_BY] === ALLOCATOR;
}

export function shownAddress({ metadata }: Service, ip: string, random: Random, clock: Clock): Shown {
  const { namespace, name } = metadata;
  return {
    key: PREFIX + ip,
    value: () => {
      const labels = { [LABEL_FAMILY]: 'IPv4', [LABEL_MANAGED_BY]: ALLOCATOR };
      const address = {
        kind: ipAddresses.kind,
        apiVersion: ipAddresses.apiVersion,
        metadata: { name: ip, uid: uuid(random), generation: 1, creationTimestamp: rfc3339(clock.now()), labels },
        spec: { parentRef: { resource: 'services', namespace, name } },
      };
      return Buffer.from(JSON.stringify(address));
    },
  };
}

/** Whoever deletes one takes the address from nobody: it goes with its Service. */
export const serviceAddresses: ResourceExtension<IPAddress> = {
  kind: ipAddresses,
  finalizers: (address) => (isOfService(address) ? [ALLOCATOR] : []),
};
