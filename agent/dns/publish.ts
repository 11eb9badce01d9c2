// Publishes this node's DNS server as an endpoint of kube-system/kube-dns: an EndpointSlice of the node's own, restored when lost.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Draft } from '../../src/apimachinery/json.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { isStatus } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { nodes } from '../../src/kinds/core/node.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { LABEL_ENDPOINTSLICE_MANAGED_BY, LABEL_SERVICE_NAME, NAMESPACE_SYSTEM } from '../../src/kinds/wellknown.js';
import { createSyncLoop } from '../proxy/sync-loop.js';

export interface PublishOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly nodeName: string;
  readonly nodeIp: string;
  /** Where this node's DNS server listens, UDP and TCP. */
  readonly port: number;
  readonly metricsPort: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const SERVICE = 'kube-dns';
/** Not the endpoint slice controller's, which would delete what no selector explains. */
const MANAGED_BY = 'porthole-agent';
/** A slice that somebody keeps deleting is restored at most this often. */
const MIN_INTERVAL_MS = 500;

/** Follows the slice and the Node from now on; failures are retried. The slice stays after `stop`, and goes with the Node. */
export function publishDnsEndpoints(options: PublishOptions): { stop(): Promise<void> } {
  const { client, informers, nodeName, clock } = options;
  const log = options.log.child({ component: 'dns' });
  const name = { namespace: NAMESPACE_SYSTEM, name: `${SERVICE}-${nodeName}` };
  const slices = informers.of(endpointSlices);
  const nodeInformer = informers.of(nodes);
  const aborter = new AbortController();

  const loop = createSyncLoop({
    task: 'publish the DNS server',
    clock,
    log,
    minInterval_ms: MIN_INTERVAL_MS,
    async run() {
      const node = nodeInformer.get({ name: nodeName });
      // Its registration triggers the next run; before that there is nothing for the slice to belong to.
      if (!node) return;
      const wanted = dnsSlice(options, name, node.metadata.uid);
      const present = slices.get(name);
      if (present && isSame(present, wanted)) return;
      try {
        const stored = present ? await client.update(endpointSlices, wanted) : await client.create(endpointSlices, wanted);
        await slices.whenSeen(Number(stored.metadata.resourceVersion), aborter.signal);
      } catch (error) {
        if (aborter.signal.aborted) return;
        // The cache is behind: the event that it lacks triggers the next run.
        if (!isStatus(error, 'AlreadyExists') && !isStatus(error, 'NotFound')) throw error;
      }
    },
  });

  const unsubscribe: (() => void)[] = [];
  Promise.all([slices.whenSynced(aborter.signal), nodeInformer.whenSynced(aborter.signal)]).then(
    () => {
      unsubscribe.push(
        slices.onChange(({ key }) => key === `${name.namespace}/${name.name}` && loop.trigger()),
        nodeInformer.onChange(({ key, old, new: now }) => key === nodeName && old?.metadata.uid !== now?.metadata.uid && loop.trigger()),
      );
      loop.trigger();
    },
    (error) => {
      if (!aborter.signal.aborted) throw error;
    },
  );
  return {
    async stop() {
      aborter.abort();
      for (const off of unsubscribe) off();
      await loop.stop();
    },
  };
}

/** The slice as it should be. Pure. */
export function dnsSlice(
  { nodeName, nodeIp, port, metricsPort }: Pick<PublishOptions, 'nodeName' | 'nodeIp' | 'port' | 'metricsPort'>,
  name: { readonly namespace: string; readonly name: string },
  nodeUid: string,
): Draft<EndpointSlice> {
  return {
    metadata: {
      ...name,
      labels: { [LABEL_SERVICE_NAME]: SERVICE, [LABEL_ENDPOINTSLICE_MANAGED_BY]: MANAGED_BY },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid }],
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [nodeIp], conditions: { ready: true, serving: true, terminating: false }, nodeName }],
    ports: [
      { name: 'dns', protocol: 'UDP', port },
      { name: 'dns-tcp', protocol: 'TCP', port },
      { name: 'metrics', protocol: 'TCP', port: metricsPort },
    ],
  };
}

function isSame(present: EndpointSlice, wanted: Draft<EndpointSlice>): boolean {
  const facts = (slice: Draft<EndpointSlice>) =>
    JSON.stringify([
      slice.metadata?.labels?.[LABEL_SERVICE_NAME],
      slice.metadata?.ownerReferences?.map((ref) => ref?.uid),
      slice.endpoints?.map((e) => [e?.addresses, e?.conditions?.ready, e?.nodeName]),
      slice.ports?.map((p) => [p?.name, p?.protocol, p?.port]),
    ]);
  return facts(present) === facts(wanted);
}
