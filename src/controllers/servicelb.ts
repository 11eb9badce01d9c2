// Watches Services, Nodes and endpoint slices; gives each LoadBalancer the addresses of nodes, at which kube-proxy takes its traffic.
import { isBeingDeleted, objectKey, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { nodes } from '../kinds/core/node.js';
import { services } from '../kinds/core/service.js';
import type { Lister } from '../kinds/define.js';
import { endpointSlices } from '../kinds/discovery/endpointslice.js';
import type { LoadBalancerIngress, Node, Service } from '../kinds/types/core_v1.js';
import type { EndpointSlice } from '../kinds/types/discovery_v1.js';
import { LABEL_SERVICE_NAME } from '../kinds/wellknown.js';
import { defineController, type ReconcileContext } from './define.js';
import { addressesFor, isBalanced, nodeFacts, portsOf, sharePort } from './servicelb-nodes.js';

const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

export const serviceLb = defineController({
  name: 'service-lb',
  eventSource: 'service-controller',
  serviceAccount: 'service-controller',
  inputs: [services.mapped(withRivals), nodes.mapped(balancedIfChanged), endpointSlices.mapped(serviceIfLocal)],
  outputs: [services.status],
  async reconcile(key, context) {
    const service = context.get(services, parseKey(key));
    if (!service) return;
    if (isBalanced(service)) await ensure(context, service);
    else if (service.metadata.finalizers?.includes(FINALIZER)) await giveUp(context, service);
  },
});

/** An address and port is one Service's only: whoever wants the same is looked at again. */
function withRivals(service: Service, lister: Lister): readonly string[] {
  if (service.spec.type !== 'LoadBalancer') return [objectKey(service)];
  const rivals = lister.list(services).filter((other) => isBalanced(other) && sharePort(other, service));
  return [objectKey(service), ...rivals.map(objectKey)];
}

/** Called with the old and the new state of a node, whose status changes all the time. */
function balancedIfChanged(_node: Node, lister: Lister): readonly string[] {
  return lister.list(services).filter(isBalanced).map(objectKey);
}

function serviceIfLocal(slice: EndpointSlice, lister: Lister): readonly string[] {
  const name = slice.metadata.labels?.[LABEL_SERVICE_NAME];
  const service = name ? lister.get(services, { namespace: slice.metadata.namespace, name }) : undefined;
  return service && isBalanced(service) && service.spec.externalTrafficPolicy === 'Local' ? [objectKey(service)] : [];
}

async function ensure(context: ReconcileContext, service: Service): Promise<void> {
  const { events } = context;
  const { ips, taken } = addressesFor(service, nodeFacts(context, service), context.list(services).filter(isBalanced));
  const before = ipsOf(service);
  const held = service.metadata.finalizers?.includes(FINALIZER);
  if (held && sameIps(before, ips)) return;
  if (!held) events.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer');
  const finalizers = held ? service.metadata.finalizers! : [...(service.metadata.finalizers ?? []), FINALIZER];
  await write(context, service, finalizers, ips);
  if (ips.length > 0) {
    const [reason, message] =
      before.length > 0
        ? ['UpdatedLoadBalancer', 'Updated load balancer with new hosts']
        : ['EnsuredLoadBalancer', 'Ensured load balancer'];
    events.event(service, 'Normal', reason!, message!);
  } else if (taken) {
    const message = `Error syncing load balancer: failed to ensure load balancer: ${portsOf(service).join(', ')} of every node is taken by ${taken}`;
    events.event(service, 'Warning', 'SyncLoadBalancerFailed', message);
  } else events.event(service, 'Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer');
}

async function giveUp(context: ReconcileContext, service: Service): Promise<void> {
  context.events.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer');
  const finalizers = service.metadata.finalizers!.filter((each) => each !== FINALIZER);
  await write(context, service, finalizers, []);
  context.events.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer');
}

/** Both in one write: who sees the one sees the other. */
async function write({ client }: ReconcileContext, service: Service, finalizers: readonly string[], ips: readonly string[]): Promise<void> {
  const ingress = ips.map((ip): LoadBalancerIngress => ({ ip, ipMode: 'VIP' }));
  const loadBalancer = ingress.length > 0 ? { ingress } : {};
  try {
    await client.update(
      services,
      { ...service, metadata: { ...service.metadata, finalizers }, status: { ...service.status, loadBalancer } },
      'status',
    );
  } catch (error) {
    if (!(isBeingDeleted(service) && isStatus(error, 'NotFound'))) throw error;
  }
}

const ipsOf = ({ status }: Service): readonly string[] => (status.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));

const sameIps = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((ip, i) => ip === b[i]);
