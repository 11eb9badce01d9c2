// Whether the rules of policies that are in the kernel are those that should be there: compared rule by rule where a chain has changed since it was
// last found in order, else as text.
import type { Difference } from '../../src/client/proxyz.js';
import { differences } from '../glassbox/difference.js';
import { parseChains } from '../glassbox/lines.js';
import type { RuleSet } from '../proxy/rules.js';
import { POLICY, TABLE } from './names.js';

export class RuleCheck {
  /** By chain: what was wanted, and how the kernel said it. */
  #inOrder = new Map<string, { readonly wanted: string; readonly found: string }>();

  /** The first difference; `saved` is what `iptables-save -t TABLE` says. */
  first(ruleSet: RuleSet, saved: string): Difference | undefined {
    const lines = linesByChain(saved);
    const inOrder = new Map<string, { readonly wanted: string; readonly found: string }>();
    const changed = ruleSet.chains.filter(({ name, text }) => {
      const known = this.#inOrder.get(name);
      const found = lines.get(name)?.join('\n');
      if (found !== undefined) inOrder.set(name, { wanted: text, found });
      return !known || known.wanted !== text || known.found !== found;
    });
    const compared = new Set(changed.map(({ name }) => name));
    const rest = [...lines].filter(([name]) => compared.has(name) || !inOrder.has(name)).flatMap(([, each]) => each);
    const [first] = differences({ ...ruleSet, chains: changed }, POLICY, new Map([[TABLE, parseChains(rest.join('\n'))]]));
    this.#inOrder = first ? new Map() : inOrder;
    return first;
  }
}

/** Without the counters of built-in chains, which change all the time. */
function linesByChain(saved: string): ReadonlyMap<string, string[]> {
  const chains = new Map<string, string[]>();
  for (const line of saved.split('\n')) {
    if (line.startsWith(':')) {
      const name = line.slice(1, line.indexOf(' '));
      chains.set(name, [`:${name} -`]);
    } else if (line.startsWith('-A ')) chains.get(line.slice(3, line.indexOf(' ', 3)))?.push(line);
  }
  return chains;
}
