// Watches ServiceCIDRs; says that they are ready, and keeps one that is being deleted while addresses of it are in use that no other has.
import { type Cidr, cidrHasCidr, cidrHasIp, parseCidr, parseIpv4 } from '../apimachinery/cidr.js';
import { rfc3339 } from '../apimachinery/clock.js';
import { isBeingDeleted } from '../apimachinery/object.js';
import type { Lister } from '../kinds/define.js';
import { ipAddresses } from '../kinds/networking/ipaddress.js';
import { serviceCidrs } from '../kinds/networking/servicecidr.js';
import type { IPAddress, ServiceCIDR } from '../kinds/types/networking_v1.js';
import { defineController } from './define.js';

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
const READY = { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' };
const TERMINATING = {
  type: 'Ready',
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
};

/** What another range or address may have been waited for. */
const beingDeleted = (_: unknown, lister: Lister) =>
  lister
    .list(serviceCidrs)
    .filter(isBeingDeleted)
    .map(({ metadata }) => metadata.name);

export const serviceCidr = defineController({
  name: 'service-cidr',
  serviceAccount: 'service-cidrs-controller',
  inputs: [serviceCidrs, serviceCidrs.mapped(beingDeleted), ipAddresses.mapped(beingDeleted)],
  outputs: [serviceCidrs, serviceCidrs.status],
  async reconcile(name, { get, list, client, clock }) {
    const cidr = get(serviceCidrs, { name });
    if (!cidr) return;
    const { finalizers = [] } = cidr.metadata;
    const patch = (body: object, subresource?: string) =>
      client.patch(serviceCidrs, { name }, 'application/merge-patch+json', { metadata: { uid: cidr.metadata.uid }, ...body }, subresource);
    const report = async (wanted: typeof READY) => {
      const others = (cidr.status?.conditions ?? []).filter(({ type }) => type !== wanted.type);
      const current = cidr.status?.conditions?.find(({ type }) => type === wanted.type);
      if (current?.status === wanted.status) return;
      await patch({ status: { conditions: [...others, { ...wanted, lastTransitionTime: rfc3339(clock.now()) }] } }, 'status');
    };
    const { uid, resourceVersion } = cidr.metadata;
    const setFinalizers = (next: readonly string[]) => patch({ metadata: { uid, resourceVersion, finalizers: next } });
    if (!isBeingDeleted(cidr)) {
      if (!finalizers.includes(FINALIZER)) await setFinalizers([...finalizers, FINALIZER]);
      return report(READY);
    }
    if (!finalizers.includes(FINALIZER)) return;
    if (isNeeded(cidr, list(serviceCidrs), list(ipAddresses))) return report(TERMINATING);
    await setFinalizers(finalizers.filter((each) => each !== FINALIZER));
  },
});

const rangesOf = ({ spec }: ServiceCIDR): readonly Cidr[] => (spec.cidrs ?? []).map(parseCidr).filter((each) => each !== undefined);

function isNeeded(cidr: ServiceCIDR, all: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const others = all.filter((each) => each !== cidr && !isBeingDeleted(each)).flatMap(rangesOf);
  const alone = rangesOf(cidr).filter((range) => !others.some((other) => cidrHasCidr(other, range)));
  return addresses.some(({ metadata }) => {
    const ip = parseIpv4(metadata.name);
    return ip !== undefined && alone.some((range) => cidrHasIp(range, ip)) && !others.some((other) => cidrHasIp(other, ip));
  });
}
