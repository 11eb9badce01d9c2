// How fast nodes of one zone may be emptied: the more of a zone is down, the likelier it is the network and not the nodes. Pure.
import type { Node } from '../kinds/types/core_v1.js';
import { LABEL_ZONE } from '../kinds/wellknown.js';
import type { ControllerOptions } from './define.js';
import { isNodeReady } from './node-health.js';

const LABEL_REGION = 'topology.kubernetes.io/region';
/** Of fewer nodes down no share is telling. */
const UNHEALTHY_MIN = 3;

type EvictionOptions = Pick<
  ControllerOptions,
  'nodeEvictionRate' | 'secondaryNodeEvictionRate' | 'unhealthyZoneThreshold' | 'largeClusterSizeThreshold'
>;

export const zoneOf = ({ metadata }: Node): string => `${metadata.labels?.[LABEL_REGION] ?? ''}/${metadata.labels?.[LABEL_ZONE] ?? ''}`;

/** How many nodes of the zone may begin to be emptied in a second; that no node of the cluster is well is not looked at here. */
export function evictionRate(zone: readonly Node[], options: EvictionOptions): number {
  const down = zone.filter((node) => !isNodeReady(node)).length;
  // A zone that is down as a whole, with others that are well, has failed.
  if (down === zone.length || down < UNHEALTHY_MIN || down / zone.length < options.unhealthyZoneThreshold) return options.nodeEvictionRate;
  return zone.length > options.largeClusterSizeThreshold ? options.secondaryNodeEvictionRate : 0;
}
