// The rules of one port of a Service: its own chains, and its entries in the chains that all Services share. Pure.
import { cidrHasIp, parseCidr, parseIpv4 } from '../../src/apimachinery/cidr.js';
import type { Place, PortEndpoints, ProxyEndpoint } from './endpoints.js';
import { chainName, EXTERNAL_SERVICES, MARK_MASQ, NODEPORTS, PROXY_FIREWALL, SERVICES } from './names.js';
import { type Chain, makeChain, makeRule, type Rule, type Table } from './rules.js';
import { type ServicePortInfo, subjectOf } from './service-info.js';

/** What a kernel may lack; Services that need it are told so, the others go on. */
export type Match = 'recent' | 'statistic' | 'sctp';

/** What rules depend on besides Services and their endpoints. */
export interface NodeContext extends Place {
  readonly nodeIp: string;
  /** All pods' addresses: what comes from elsewhere is masqueraded on its way to a pod. */
  readonly clusterCidr: string;
  /** This node's pods' addresses; absent until the node has got them. */
  readonly podCidr: string | undefined;
  /** Ranges of the node's addresses at which node ports are served; empty: all. */
  readonly nodePortAddresses: readonly string[];
  /** Whether 127.0.0.1:NodePort is served. */
  readonly localhostNodePorts: boolean;
  /** Whether whatever goes to a cluster IP is masqueraded. */
  readonly masqueradeAll: boolean;
  /** The bit of the packet mark that says so. */
  readonly masqueradeBit: number;
  readonly missing: ReadonlySet<Match>;
}

/** The chains that all Services share, each after those that it leads to. */
export const SHARED_CHAINS = [
  { table: 'nat', name: NODEPORTS },
  { table: 'nat', name: SERVICES },
  { table: 'filter', name: SERVICES },
  { table: 'filter', name: EXTERNAL_SERVICES },
  { table: 'filter', name: NODEPORTS },
  { table: 'filter', name: PROXY_FIREWALL },
] as const satisfies readonly { table: Table; name: string }[];

/** One Service port's rules. */
export class PortRules {
  private readonly svc: string;
  private readonly svl: string;
  private readonly ext: string;
  private readonly fw: string;
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
    this.fw = chainName('FW', id, protocol);
    this.isExternal = info.nodePort !== undefined || info.externalIps.length > 0 || info.loadBalancerIps.length > 0;
  }

  /** Chains of endpoints first, then those that choose among them, then those of outside traffic. */
  chains(): readonly Chain[] {
    const { info, endpoints, isExternal } = this;
    if (endpoints.cluster.length === 0) return [];
    const all = new Map([...endpoints.cluster, ...endpoints.local].map((endpoint) => [endpoint.address, endpoint]));
    const wantsLocal = info.internalLocal || (isExternal && info.externalLocal);
    // With the external policy Local too: this node's own pods and processes may use every endpoint.
    const wantsAll = !info.internalLocal || isExternal;
    const chains = [...all.values()].map((endpoint) => this.endpointChain(endpoint));
    if (wantsAll) chains.push(this.choiceChain(this.svc, endpoints.cluster));
    if (wantsLocal && endpoints.local.length > 0) chains.push(this.choiceChain(this.svl, endpoints.local));
    if (isExternal) chains.push(this.externalChain());
    if (this.hasFirewall) chains.push(this.firewallChain());
    return chains;
  }

  /** What the port has in a chain of `SHARED_CHAINS`. */
  shared(table: Table, name: string): readonly Rule[] {
    if (name === SERVICES) return table === 'nat' ? this.services() : this.unserved();
    if (name === EXTERNAL_SERVICES) return this.externalUnserved();
    if (name === PROXY_FIREWALL) return this.firewalled();
    return table === 'nat' ? this.nodePorts() : [];
  }

  /** nat KUBE-SERVICES. */
  private services(): readonly Rule[] {
    const { info, endpoints } = this;
    const rules: Rule[] = [];
    const internal = info.internalLocal ? endpoints.local : endpoints.cluster;
    if (internal.length > 0) {
      rules.push(this.rule('cluster IP', this.to(info.clusterIp), `${info.id} cluster IP`, info.internalLocal ? this.svl : this.svc));
    }
    if (endpoints.cluster.length === 0) return rules;
    for (const ip of info.externalIps) rules.push(this.rule('external IP', this.to(ip), `${info.id} external IP`, this.ext));
    const balanced = this.hasFirewall ? this.fw : this.ext;
    for (const ip of info.loadBalancerIps) rules.push(this.rule('load balancer', this.to(ip), `${info.id} loadbalancer IP`, balanced));
    return rules;
  }

  /** nat KUBE-NODEPORTS. */
  private nodePorts(): readonly Rule[] {
    const { info, endpoints } = this;
    if (info.nodePort === undefined || endpoints.cluster.length === 0) return [];
    return [this.rule('node port', this.dport(info.nodePort), info.id, this.ext)];
  }

  /** filter KUBE-SERVICES: refuse at once what nothing serves; with policy Local and endpoints elsewhere, drop as upstream does. */
  private unserved(): readonly Rule[] {
    const { info, endpoints } = this;
    if (endpoints.cluster.length === 0)
      return [this.rule('no endpoints', this.to(info.clusterIp), `${info.id} has no endpoints`, ...this.reject())];
    if (!info.internalLocal || endpoints.local.length > 0) return [];
    return [this.rule('no local endpoints', this.to(info.clusterIp), `${info.id} has no local endpoints`, 'DROP')];
  }

  /** filter KUBE-EXTERNAL-SERVICES: the same for node ports and external addresses. */
  private externalUnserved(): readonly Rule[] {
    const { info, endpoints } = this;
    const none = endpoints.cluster.length === 0;
    if (!none && !(info.externalLocal && endpoints.local.length === 0)) return [];
    const role = none ? 'no endpoints' : 'no local endpoints';
    const target = none ? this.reject() : ['DROP'];
    const matches = [...info.externalIps, ...info.loadBalancerIps].map((ip) => this.to(ip));
    if (info.nodePort !== undefined) matches.push(['-m', 'addrtype', '--dst-type', 'LOCAL', ...this.dport(info.nodePort)]);
    return matches.map((match) => this.rule(role, match, `${info.id} has ${role}`, ...target));
  }

  /** filter KUBE-PROXY-FIREWALL: what still has the load balancer's address was let in by no source range. */
  private firewalled(): readonly Rule[] {
    const { info } = this;
    if (!this.hasFirewall) return [];
    const comment = `${info.id} traffic not accepted by ${this.fw}`;
    return info.loadBalancerIps.map((ip) => this.rule('not in the source ranges', this.to(ip), comment, 'DROP'));
  }

  private get hasFirewall(): boolean {
    const { info, endpoints } = this;
    return info.sourceRanges !== undefined && info.loadBalancerIps.length > 0 && endpoints.cluster.length > 0;
  }

  private firewallChain(): Chain {
    const { info, node } = this;
    const ranges = info.sourceRanges ?? [];
    const letIn = (source: string) => this.rule('source range', ['-s', source], `${info.id} loadbalancer IP`, this.ext);
    const rules = ranges.map(letIn);
    // Where the address is on the node itself, its own requests come with that as their source.
    if (ranges.some((range) => cidrHasIp(parseCidr(range)!, parseIpv4(node.nodeIp)!)))
      rules.push(...info.loadBalancerIps.map((ip) => letIn(`${ip}/32`)));
    return makeChain('nat', this.fw, rules);
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
    const outside = [...(node.masqueradeAll ? [] : ['!', '-s', node.clusterCidr]), ...this.to(info.clusterIp)];
    const role = node.masqueradeAll ? 'masquerade for all clients' : 'masquerade for clients outside the pod network';
    const rules: Rule[] = [this.rule(role, outside, `${info.id} cluster IP`, MARK_MASQ)];
    if (info.affinity_s !== undefined) {
      for (const endpoint of endpoints) rules.push(this.choice(endpoint, 'session affinity', this.recent(endpoint, info.affinity_s)));
    }
    // Without a way to choose at random the first one gets all of it, which is reported for the node.
    const chosen = node.missing.has('statistic') ? endpoints.slice(0, 1) : endpoints;
    for (const [i, endpoint] of chosen.entries()) {
      const left = chosen.length - i;
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
