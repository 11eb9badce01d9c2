// Watches Nodes and ServiceCIDRs; gives each node a pod CIDR of its own out of the cluster's, where no Service's address is.
import { type Cidr, cidrOf, cidrsOverlap, parseCidr, requireCidr } from '../apimachinery/cidr.js';
import { nodes } from '../kinds/core/node.js';
import { serviceCidrs } from '../kinds/networking/servicecidr.js';
import type { Node } from '../kinds/types/core_v1.js';
import type { ServiceCIDR } from '../kinds/types/networking_v1.js';
import { defineController } from './define.js';

/** All nodes are one key: a CIDR is free only in view of all of them, and a key's reconcile sees its own earlier writes. */
const ALL_NODES = 'nodes';

export const nodeIpam = defineController({
  name: 'node-ipam',
  eventSource: 'cidrAllocator',
  serviceAccount: 'node-controller',
  inputs: [nodes.mapped(() => [ALL_NODES]), serviceCidrs.mapped(() => [ALL_NODES])],
  outputs: [nodes],
  async reconcile(_key, { client, events, list, options }) {
    if (list(nodes).every(isServed)) return;
    // Asked live: by a cache that lags behind two nodes could get the same.
    const { items: all } = await client.list(nodes);
    const waiting = all.filter((node) => !isServed(node));
    const ofServices = options.serviceClusterIpRange ? [options.serviceClusterIpRange] : [];
    const taken = [...ofServices, ...takenCidrs(all, list(serviceCidrs))];
    const free = freeCidrs(options.clusterCidr, options.nodeCidrMaskSize, taken);
    for (const node of waiting.sort(byName)) {
      const next = free.next();
      if (next.done) {
        events.event(node, 'Normal', 'CIDRNotAvailable', `Node ${node.metadata.name} status is now: CIDRNotAvailable`);
        continue;
      }
      const { uid, resourceVersion } = node.metadata;
      // With the version: should someone else have given it one meanwhile, theirs stays.
      const patch = { metadata: { uid, resourceVersion }, spec: { podCIDR: next.value, podCIDRs: [next.value] } };
      await client.patch(nodes, node.metadata, 'application/merge-patch+json', patch);
    }
  },
});

const isServed = ({ spec }: Node): boolean => Boolean(spec.podCIDR);

/** A pod at an address of Services would be reached by nobody: their ranges are no node's. */
export function takenCidrs(all: readonly Node[], services: readonly ServiceCIDR[]): readonly string[] {
  const ofNodes = all.flatMap(({ spec }) => [...(spec.podCIDR ? [spec.podCIDR] : []), ...(spec.podCIDRs ?? [])]);
  return [...ofNodes, ...services.flatMap(({ spec }) => spec.cidrs ?? [])];
}

/** The ranges of `maskSize` bits in `clusterCidr`, lowest first, that overlap none of `taken`. Throws for text that is no IPv4 range. */
export function* freeCidrs(clusterCidr: string, maskSize: number, taken: readonly string[]): Generator<string, void> {
  const cluster = requireCidr(clusterCidr);
  const used = taken.map(parseCidr).filter((cidr): cidr is Cidr => cidr !== undefined);
  for (let base = cluster.base; base < cluster.base + cluster.size; base += 2 ** (32 - maskSize)) {
    const cidr = cidrOf(base, maskSize);
    if (!used.some((other) => cidrsOverlap(other, cidr))) yield cidr.text;
  }
}

const byName = (a: Node, b: Node) => (a.metadata.name < b.metadata.name ? -1 : 1);
