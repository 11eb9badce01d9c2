// What was made of policies before, so that a change costs what it changes: rules that stay as they were are not made again, nor are chains.
import { type Chain, makeChain, type Rule } from '../proxy/rules.js';
import { type Direction, TABLE } from './names.js';
import type { Allowed } from './policy-rules.js';

interface KnownRules {
  /** Of whom they were made: equal text, equal rules. */
  readonly basis: string;
  readonly allowed: Allowed;
}

interface KnownChain {
  readonly parts: readonly Allowed[];
  readonly chain: Chain;
}

/** One node's, kept from one rendering to the next: what the last one did not ask for is forgotten. */
export class PolicyMemo {
  #rules = new Map<string, KnownRules>();
  #rulesBefore = this.#rules;
  #chains = new Map<string, KnownChain>();
  #chainsBefore = this.#chains;

  begin(): void {
    [this.#rulesBefore, this.#chainsBefore] = [this.#rules, this.#chains];
    [this.#rules, this.#chains] = [new Map(), new Map()];
  }

  /** `of`: whose rules; `basis` undefined where it cannot be told what they depend on. */
  rules(of: readonly [Direction, ...string[]], basis: string | undefined, make: () => Allowed): Allowed {
    if (basis === undefined) return make();
    const key = of.join(' ');
    const known = this.#rules.get(key) ?? this.#rulesBefore.get(key);
    const now = known?.basis === basis ? known : { basis, allowed: make() };
    this.#rules.set(key, now);
    return now.allowed;
  }

  /** `end` is the same for the same name. */
  chain(name: string, parts: readonly Allowed[], end: () => Rule): Chain {
    const known = this.#chainsBefore.get(name);
    const isSame = known?.parts.length === parts.length && known.parts.every((part, i) => part === parts[i]);
    const now = isSame ? known : { parts, chain: makeChain(TABLE, name, [...parts.flatMap(({ rules }) => rules), end()]) };
    this.#chains.set(name, now);
    return now.chain;
  }
}
