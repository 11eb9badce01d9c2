// What an agent answers at /proxyz: the rules of Services on its node with their counters, and what became of a connection there.
export interface Proxyz {
  readonly node: string;
  readonly backend: string;
  readonly services: readonly ServiceTable[];
  /** Where the kernel's rules are not those that should be there. */
  readonly differences: readonly Difference[];
  /** Rules of other programs in the chains that everything passes, as they are: they may stand in the way, or not. */
  readonly others: readonly string[];
  /** Objects, or parts of them, that have no rules, and why. */
  readonly problems: readonly string[];
  /** Only where the request says from where. */
  readonly walk?: NodeWalk;
}

export interface ServiceTable {
  readonly namespace: string;
  readonly name: string;
  /** In the order in which a packet meets them. */
  readonly rules: readonly TableRule[];
  readonly endpoints: readonly TableEndpoint[];
}

export interface TableRule {
  readonly table: string;
  readonly chain: string;
  /** 0 in the chains that all Services share, more in those that they lead to. */
  readonly depth: number;
  /** In words: `cluster IP`, `choice`, `endpoint`. */
  readonly role: string;
  readonly match: string;
  readonly target: string;
  readonly comment: string;
  /** Since the chain was last written; absent where the rule is missing. */
  readonly packets?: number;
  readonly bytes?: number;
  readonly state: 'ok' | 'missing';
  /** `10.244.1.6:8080`. */
  readonly endpoint?: string;
}

export interface TableEndpoint {
  /** The Service port's name, or its number where it has none. */
  readonly port: string;
  readonly protocol: string;
  readonly address: string;
  /** `pod default/web-1`. */
  readonly target?: string;
  readonly node?: string;
  readonly ready: boolean;
  readonly terminating: boolean;
}

export interface Difference {
  readonly table: string;
  readonly chain: string;
  /** changed: a rule with the same comment says something else, or the rules stand in another order. */
  readonly kind: 'missing' | 'foreign' | 'changed';
  readonly wanted?: string;
  readonly actual?: string;
  /** `Service default/web`: what the wanted rule is about. */
  readonly about?: string;
}

export interface NodeWalk {
  readonly dns?: DnsStep;
  readonly endpoints: readonly EndpointStep[];
}

export interface DnsStep {
  readonly name: string;
  readonly server: string;
  readonly answer?: readonly string[];
  readonly error?: string;
  /** Whether policies let the pod ask. */
  readonly verdict: Verdict;
}

export interface EndpointStep {
  readonly address: string;
  readonly protocol: string;
  /** What this node's rules for network policies do with the first packet. */
  readonly verdict: Verdict;
  readonly route: RouteStep;
  /** Asked only by the endpoint's own node, and only of TCP. */
  readonly listening?: 'yes' | 'refused' | 'no answer';
}

export interface Verdict {
  readonly allowed: boolean;
  /** Comments of the rules that decided, in order; empty where no policy is about either end. */
  readonly by: readonly string[];
}

export interface RouteStep {
  /** `10.244.1.0/24 via 192.168.241.11 dev eth0`; absent where there is none. */
  readonly route?: string;
  readonly error?: string;
}
