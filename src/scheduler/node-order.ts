// The order in which nodes are looked at: zones in turn, so that a search that ends early has seen some of each. Pure.
import type { Node } from '../kinds/types/core_v1.js';
import { LABEL_REGION, LABEL_ZONE } from '../kinds/wellknown.js';

/** Of nodes in one zone the first comes first; a node without labels is in the zone without a name. */
export function nodesInTurn<T extends { readonly node: Node }>(nodes: readonly T[]): T[] {
  const zones = new Map<string, T[]>();
  for (const info of nodes) {
    const zone = zoneOf(info.node);
    const others = zones.get(zone);
    if (others) others.push(info);
    else zones.set(zone, [info]);
  }
  const inTurn: T[] = [];
  for (let i = 0; inTurn.length < nodes.length; i++) for (const zone of zones.values()) if (i < zone.length) inTurn.push(zone[i]!);
  return inTurn;
}

/** Zones of different regions may have the same name. */
export const zoneOf = ({ metadata: { labels } }: Node): string => `${labels?.[LABEL_REGION] ?? ''}\0${labels?.[LABEL_ZONE] ?? ''}`;
