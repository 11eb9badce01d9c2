// The ports of a policy's rule as iptables matches them, with names looked up in the pod that they are of. Pure.
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { NetworkPolicyPort } from '../../src/kinds/types/networking_v1.js';
import { isPort } from '../proxy/net.js';

export interface Ports {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Inclusive; absent: every port. */
  readonly ranges?: readonly PortRange[];
}

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

const PROTOCOLS: { readonly [name: string]: Ports['protocol'] } = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

/** The kernel's multiport match takes so many numbers, a range counting for two. */
const MULTIPORT_MAX = 15;

/**
 * Undefined: no ports are named, so all are meant. A name that the pod does not have stands for no port, as does any name where
 * there is no pod to ask.
 */
export function portsOf(ports: readonly NetworkPolicyPort[] | undefined, pod: Pod | undefined): readonly Ports[] | undefined {
  if (!ports?.length) return undefined;
  const byProtocol = new Map<Ports['protocol'], PortRange[] | undefined>();
  for (const { protocol: name = 'TCP', port, endPort } of ports) {
    const protocol = PROTOCOLS[name];
    if (!protocol) continue;
    const known = byProtocol.get(protocol);
    if (port === undefined) byProtocol.set(protocol, undefined);
    else if (!byProtocol.has(protocol) || known) byProtocol.set(protocol, [...(known ?? []), ...rangesOf(port, endPort, name, pod)]);
  }
  return [...byProtocol].flatMap(([protocol, ranges]) => {
    if (!ranges) return [{ protocol }];
    return ranges.length > 0 ? [{ protocol, ranges }] : [];
  });
}

function rangesOf(port: number | string, endPort: number | undefined, protocol: string, pod: Pod | undefined): readonly PortRange[] {
  if (typeof port === 'number') return isPort(port) ? [{ from: port, to: isPort(endPort) ? endPort : port }] : [];
  return namedPorts(pod)
    .filter((named) => named.name === port && (named.protocol ?? 'TCP') === protocol && isPort(named.containerPort))
    .map(({ containerPort }) => ({ from: containerPort, to: containerPort }));
}

/** Of containers, and of init containers that go on running beside them. */
export function namedPorts(pod: Pod | undefined) {
  const { containers = [], initContainers = [] } = pod?.spec ?? {};
  return [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')].flatMap(({ ports = [] }) => ports);
}

export const hasPort = ({ ranges }: Ports, port: number) => !ranges || ranges.some(({ from, to }) => port >= from && port <= to);

/** Arguments of iptables for each rule that it takes; one without arguments where all ports are meant. */
export function portMatches(ports: readonly Ports[] | undefined): readonly (readonly string[])[] {
  if (!ports) return [[]];
  return ports.flatMap(({ protocol, ranges }) => {
    if (!ranges) return [['-p', protocol]];
    return batches(ranges).map((batch) => ['-p', protocol, '-m', 'multiport', '--dports', batch.map(portText).join(',')]);
  });
}

export const portText = ({ from, to }: PortRange) => (from === to ? String(from) : `${from}:${to}`);

function batches(ranges: readonly PortRange[]): readonly (readonly PortRange[])[] {
  const all: PortRange[][] = [];
  let room = 0;
  for (const range of ranges) {
    const size = range.from === range.to ? 1 : 2;
    if (size > room) {
      all.push([]);
      room = MULTIPORT_MAX;
    }
    all.at(-1)!.push(range);
    room -= size;
  }
  return all;
}
