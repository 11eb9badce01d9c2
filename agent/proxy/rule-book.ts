// The rules of a node by Service, so that what one Service changes is told without looking at the others: its own chains, and of the
// shared ones those in which its part is another.

import { type NodeContext, SHARED_CHAINS } from './port-rules.js';
import { assemble, sharedChain } from './render.js';
import type { Chain, RuleSet, Table } from './rules.js';
import type { ServiceRules, UdpPort } from './service-rules.js';

export interface RuleChange {
  /** To be written, each after those that it leads to. */
  readonly chains: readonly Chain[];
  /** What nothing leads to any more once they are. */
  readonly gone: readonly { readonly table: Table; readonly name: string }[];
  readonly udpBefore: readonly UdpPort[];
  readonly udpAfter: readonly UdpPort[];
}

export class RuleBook {
  readonly #services = new Map<string, ServiceRules>();
  /** Those that changed since what is in the kernel was written, as they are there. */
  readonly #touched = new Map<string, ServiceRules | undefined>();
  readonly #sharedTouched = new Set<number>();
  #ruleSet: RuleSet | undefined;

  constructor(readonly node: NodeContext) {}

  /** `rules` absent: the Service is no more. */
  set(key: string, rules: ServiceRules | undefined): void {
    const before = this.#services.get(key);
    if (before === rules) return;
    if (!this.#touched.has(key)) this.#touched.set(key, before);
    if (rules) this.#services.set(key, rules);
    else this.#services.delete(key);
    for (const index of SHARED_CHAINS.keys()) {
      if ((before?.shared[index]?.text ?? '') !== (rules?.shared[index]?.text ?? '')) this.#sharedTouched.add(index);
    }
    this.#ruleSet = undefined;
  }

  keys(): Iterable<string> {
    return this.#services.keys();
  }

  /** All of it. */
  get ruleSet(): RuleSet {
    this.#ruleSet ??= assemble(this.#sorted(), this.node);
    return this.#ruleSet;
  }

  get udp(): readonly UdpPort[] {
    return [...this.#services.values()].flatMap(({ udp }) => udp);
  }

  /** Since the last `committed`. */
  change(): RuleChange {
    const chains: Chain[] = [];
    const gone: { table: Table; name: string }[] = [];
    for (const [key, before] of this.#touched) {
      const now = this.#services.get(key)?.chains ?? [];
      const texts = new Map(before?.chains.map(({ name, text }) => [name, text]));
      chains.push(...now.filter(({ name, text }) => texts.get(name) !== text));
      const wanted = new Set(now.map(({ name }) => name));
      gone.push(...(before?.chains ?? []).filter(({ name }) => !wanted.has(name)));
    }
    if (this.#sharedTouched.size > 0) {
      const sorted = this.#sorted();
      for (const index of [...this.#sharedTouched].sort((a, b) => a - b)) chains.push(sharedChain(index, sorted, this.node));
    }
    const touched = [...this.#touched];
    return {
      chains,
      gone,
      udpBefore: touched.flatMap(([, before]) => before?.udp ?? []),
      udpAfter: touched.flatMap(([key]) => this.#services.get(key)?.udp ?? []),
    };
  }

  /** What `change` told, or all, is in the kernel. */
  committed(): void {
    this.#touched.clear();
    this.#sharedTouched.clear();
  }

  #sorted(): readonly ServiceRules[] {
    return [...this.#services].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rules]) => rules);
  }
}
