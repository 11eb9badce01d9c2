// What an update of a Service keeps of what was allocated to it, so that a manifest without addresses can replace one with them.
import { sameJson } from '../checks.js';
import type { Mutable } from '../define.js';
import type { Service, ServicePort, ServiceSpec } from '../types/core_v1.js';

const hasClusterIp = (spec: ServiceSpec) => spec.type !== 'ExternalName';
const hasNodePorts = (spec: ServiceSpec) => spec.type === 'NodePort' || spec.type === 'LoadBalancer';
const sameService = (a: ServicePort, b: ServicePort) => a.port === b.port && a.protocol === b.protocol;

/** Addresses and node ports that the update leaves out stay as they are. */
export function carryAllocations({ spec }: Mutable<Service>, { spec: old }: Service): void {
  if (hasClusterIp(spec) && hasClusterIp(old)) {
    if (!spec.clusterIP && !spec.clusterIPs?.length) {
      if (old.clusterIP) spec.clusterIP = old.clusterIP;
      if (old.clusterIPs) spec.clusterIPs = [...old.clusterIPs];
    } else {
      // Clients that know only one of the two fields leave the other behind, empty or as it was.
      if (spec.clusterIP && spec.clusterIP !== old.clusterIP && sameJson(spec.clusterIPs, old.clusterIPs)) {
        spec.clusterIPs = [spec.clusterIP];
      }
      if (!spec.clusterIPs?.length && spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
      if (!spec.clusterIP && spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0];
    }
    if (!spec.ipFamilies?.length && old.ipFamilies) spec.ipFamilies = [...old.ipFamilies];
    if (old.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy ??= old.ipFamilyPolicy;
  }
  if (hasNodePorts(spec) && hasNodePorts(old)) carryNodePorts(spec.ports ?? [], old.ports ?? []);
}

function carryNodePorts(ports: Mutable<ServicePort>[], old: readonly ServicePort[]): void {
  const taken = new Set(ports.map(({ nodePort }) => nodePort));
  for (const port of ports) {
    const nodePort = old.find((before) => sameService(before, port))?.nodePort;
    if (port.nodePort || !nodePort || taken.has(nodePort)) continue;
    port.nodePort = nodePort;
    taken.add(nodePort);
  }
}

/** What belongs to the old type and was not touched goes with it: changing `type` alone is enough. */
export function dropTypeDependent({ spec }: Mutable<Service>, { spec: old }: Service): void {
  if (hasClusterIp(old) && !hasClusterIp(spec)) {
    if (spec.clusterIP === old.clusterIP) delete spec.clusterIP;
    if (sameJson(spec.clusterIPs, old.clusterIPs)) delete spec.clusterIPs;
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
  }
  if (hasNodePorts(old) && !hasNodePorts(spec)) {
    const nodePorts = (list: readonly ServicePort[] | undefined) => (list ?? []).map(({ nodePort }) => nodePort);
    if (sameJson(nodePorts(spec.ports), nodePorts(old.ports))) for (const port of spec.ports ?? []) delete port.nodePort;
    if (spec.externalTrafficPolicy === old.externalTrafficPolicy && !spec.externalIPs?.length) delete spec.externalTrafficPolicy;
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    delete spec.allocateLoadBalancerNodePorts;
    delete spec.loadBalancerClass;
  }
  const isChecked = spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
  if (!isChecked && spec.healthCheckNodePort === old.healthCheckNodePort) delete spec.healthCheckNodePort;
}
