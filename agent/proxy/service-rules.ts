// The rules of one Service: its own chains, and its entries in the chains that all Services share. Pure.
import type { Service } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { endpointsOf, type PortEndpoints, type ProxyEndpoint } from './endpoints.js';
import { chainName, MARK_MASQ } from './names.js';
import { type Chain, makeChain, makeRule, type Problem, type Rule } from './rules.js';
import { type ServicePortInfo, serviceInfo, subjectOf } from './service-info.js';

/** What rules depend on besides Services and their endpoints. */
export interface NodeContext {
  readonly nodeName: string;
  /** All pods' addresses: what comes from elsewhere is masqueraded on its way to a pod. */
  readonly clusterCidr: string;
  /** This node's pods' addresses; absent until the node has got them. */
  readonly podCidr: string | undefined;
}

/** How a UDP Service port is reached and by whom it is served: what stale connection tracking is found by. */
export interface UdpPort {
  readonly id: string;
  readonly ips: readonly string[];
  readonly nodePort: number | undefined;
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
}

export interface ServiceRules {
  readonly chains: readonly Chain[];
  /** Entries of KUBE-SERVICES (nat), KUBE-NODEPORTS (nat), KUBE-SERVICES (filter), KUBE-EXTERNAL-SERVICES (filter). */
  readonly services: readonly Rule[];
  readonly nodePorts: readonly Rule[];
  readonly unserved: readonly Rule[];
  readonly externalUnserved: readonly Rule[];
  readonly udp: readonly UdpPort[];
  readonly problems: readonly Problem[];
}

export function renderService(service: Service, slices: readonly EndpointSlice[], node: NodeContext): ServiceRules {
  const { ports, problems } = serviceInfo(service);
  const parts = ports.map((info) => {
    const endpoints = endpointsOf(slices, { name: info.portName, protocol: info.protocol.toUpperCase() }, node.nodeName);
    return { info, endpoints, rules: new PortRules(info, endpoints, node) };
  });
  return {
    chains: parts.flatMap(({ rules }) => rules.chains()),
    services: parts.flatMap(({ rules }) => rules.services()),
    nodePorts: parts.flatMap(({ rules }) => rules.nodePorts()),
    unserved: parts.flatMap(({ rules }) => rules.unserved()),
    externalUnserved: parts.flatMap(({ rules }) => rules.externalUnserved()),
    udp: parts.filter(({ info }) => info.protocol === 'udp').map(({ info, endpoints }) => udpPort(info, endpoints)),
    problems,
  };
}

function udpPort(info: ServicePortInfo, { cluster, local }: PortEndpoints): UdpPort {
  const used = [...(info.internalLocal ? [] : cluster), ...(info.externalLocal ? [] : cluster), ...local];
  return {
    id: info.id,
    ips: [info.clusterIp, ...info.externalIps],
    nodePort: info.nodePort,
    endpoints: used.map(({ ip, port }) => ({ ip, port })),
  };
}

/** One Service port's rules. */
class PortRules {
  private readonly svc: string;
  private readonly svl: string;
  private readonly ext: string;
  private readonly isExternal: boolean;

  constructor(
    private readonly info: ServicePortInfo,
    private readonly endpoints: PortEndpoints,
    private readonly node: NodeContext,
  ) {
    const { id, protocol } = info;
    this.svc = chainName('SVC', id, protocol);
    this.svl = chainName('SVL', id, protocol);
    this.ext = chainName('EXT', id, protocol);
    this.isExternal = info.nodePort !== undefined || info.externalIps.length > 0;
  }

  /** Chains of endpoints first, then those that choose among them, then that of outside traffic. */
  chains(): readonly Chain[] {
    const { info, endpoints, isExternal } = this;
    if (endpoints.cluster.length === 0) return [];
    const all = new Map([...endpoints.cluster, ...endpoints.local].map((endpoint) => [endpoint.address, endpoint]));
    const chains = [...all.values()].map((endpoint) => this.endpointChain(endpoint));
    const wantsLocal = info.internalLocal || (isExternal && info.externalLocal);
    // With the external policy Local too: this node's own pods and processes may use every endpoint.
    if (!info.internalLocal || isExternal) chains.push(this.choiceChain(this.svc, endpoints.cluster));
    if (wantsLocal && endpoints.local.length > 0) chains.push(this.choiceChain(this.svl, endpoints.local));
    if (isExternal) chains.push(this.externalChain());
    return chains;
  }

  /** nat KUBE-SERVICES. */
  services(): readonly Rule[] {
    const { info, endpoints } = this;
    const rules: Rule[] = [];
    const internal = info.internalLocal ? endpoints.local : endpoints.cluster;
    if (internal.length > 0) {
      rules.push(this.rule('cluster IP', this.to(info.clusterIp), `${info.id} cluster IP`, info.internalLocal ? this.svl : this.svc));
    }
    if (endpoints.cluster.length > 0) {
      for (const ip of info.externalIps) rules.push(this.rule('external IP', this.to(ip), `${info.id} external IP`, this.ext));
    }
    return rules;
  }

  /** nat KUBE-NODEPORTS. */
  nodePorts(): readonly Rule[] {
    const { info, endpoints } = this;
    if (info.nodePort === undefined || endpoints.cluster.length === 0) return [];
    return [this.rule('node port', this.dport(info.nodePort), info.id, this.ext)];
  }

  /** filter KUBE-SERVICES: refuse at once what nothing serves; with policy Local and endpoints elsewhere, drop as upstream does. */
  unserved(): readonly Rule[] {
    const { info, endpoints } = this;
    if (endpoints.cluster.length === 0)
      return [this.rule('no endpoints', this.to(info.clusterIp), `${info.id} has no endpoints`, ...this.reject())];
    if (!info.internalLocal || endpoints.local.length > 0) return [];
    return [this.rule('no local endpoints', this.to(info.clusterIp), `${info.id} has no local endpoints`, 'DROP')];
  }

  /** filter KUBE-EXTERNAL-SERVICES: the same for node ports and external addresses. */
  externalUnserved(): readonly Rule[] {
    const { info, endpoints } = this;
    const none = endpoints.cluster.length === 0;
    if (!none && !(info.externalLocal && endpoints.local.length === 0)) return [];
    const role = none ? 'no endpoints' : 'no local endpoints';
    const target = none ? this.reject() : ['DROP'];
    const matches = info.externalIps.map((ip) => this.to(ip));
    if (info.nodePort !== undefined) matches.push(['-m', 'addrtype', '--dst-type', 'LOCAL', ...this.dport(info.nodePort)]);
    return matches.map((match) => this.rule(role, match, `${info.id} has ${role}`, ...target));
  }

  private endpointChain(endpoint: ProxyEndpoint): Chain {
    const { info } = this;
    const name = chainName('SEP', info.id, info.protocol, endpoint.address);
    const about = (role: string) => subjectOf(info, role, { endpoint: endpoint.address, target: endpoint.target });
    const remember = info.affinity_s === undefined ? [] : ['-m', 'recent', '--name', name, '--set'];
    const where = `${info.id}${endpoint.target ? ` ${endpoint.target}` : ''}`;
    return makeChain('nat', name, [
      // A pod that reaches itself through its Service would otherwise see its own address and answer past the translation.
      makeRule(about('hairpin'), ['-s', `${endpoint.ip}/32`], where, MARK_MASQ),
      makeRule(
        about('endpoint'),
        ['-p', info.protocol, '-m', info.protocol, ...remember],
        where,
        'DNAT',
        '--to-destination',
        endpoint.address,
      ),
    ]);
  }

  private choiceChain(chain: string, endpoints: readonly ProxyEndpoint[]): Chain {
    const { info, node } = this;
    const outside = ['!', '-s', node.clusterCidr, ...this.to(info.clusterIp)];
    const rules: Rule[] = [this.rule('masquerade for clients outside the pod network', outside, `${info.id} cluster IP`, MARK_MASQ)];
    if (info.affinity_s !== undefined) {
      for (const endpoint of endpoints) rules.push(this.choice(endpoint, 'session affinity', this.recent(endpoint, info.affinity_s)));
    }
    for (const [i, endpoint] of endpoints.entries()) {
      const left = endpoints.length - i;
      rules.push(
        this.choice(endpoint, 'choice', left === 1 ? [] : ['-m', 'statistic', '--mode', 'random', '--probability', probability(left)]),
      );
    }
    return makeChain('nat', chain, rules);
  }

  private externalChain(): Chain {
    const { info, endpoints, node } = this;
    const what = `${info.id} external destinations`;
    if (!info.externalLocal) {
      return makeChain('nat', this.ext, [
        this.rule('masquerade outside traffic', [], `masquerade traffic for ${what}`, MARK_MASQ),
        this.rule('outside traffic', [], what, this.svc),
      ]);
    }
    const fromNode = ['-m', 'addrtype', '--src-type', 'LOCAL'];
    const rules = [
      this.rule('masquerade the node itself', fromNode, `masquerade LOCAL traffic for ${what}`, MARK_MASQ),
      this.rule('the node itself', fromNode, `route LOCAL traffic for ${what}`, this.svc),
    ];
    // This node's pods only: another node's pods come masqueraded, or with an address that this node must answer itself.
    if (node.podCidr) rules.unshift(this.rule("this node's pods", ['-s', node.podCidr], `pod traffic for ${what}`, this.svc));
    if (endpoints.local.length > 0) rules.push(this.rule('outside traffic', [], what, this.svl));
    return makeChain('nat', this.ext, rules);
  }

  private choice(endpoint: ProxyEndpoint, role: string, match: readonly string[]): Rule {
    const { info } = this;
    const about = subjectOf(info, role, { endpoint: endpoint.address, target: endpoint.target });
    const comment = `${info.id} -> ${endpoint.address}${endpoint.target ? ` ${endpoint.target}` : ''}`;
    return makeRule(about, match, comment, chainName('SEP', info.id, info.protocol, endpoint.address));
  }

  private recent(endpoint: ProxyEndpoint, affinity_s: number): readonly string[] {
    const name = chainName('SEP', this.info.id, this.info.protocol, endpoint.address);
    return ['-m', 'recent', '--name', name, '--rcheck', '--seconds', String(affinity_s), '--reap'];
  }

  private rule(role: string, match: readonly string[], comment: string, ...target: string[]): Rule {
    return makeRule(subjectOf(this.info, role), match, comment, ...target);
  }

  /** Not upstream's ICMP error for TCP: the kernel sends a client only about one of those a second, so some would wait. */
  private reject(): string[] {
    return this.info.protocol === 'tcp' ? ['REJECT', '--reject-with', 'tcp-reset'] : ['REJECT'];
  }

  private to(ip: string): string[] {
    return ['-d', `${ip}/32`, ...this.dport(this.info.port)];
  }

  private dport(port: number): string[] {
    const { protocol } = this.info;
    return ['-p', protocol, '-m', protocol, '--dport', String(port)];
  }
}

/** The kernel keeps 31 bits of it, about nine digits. */
const probability = (left: number): string => (1 / left).toFixed(10);
