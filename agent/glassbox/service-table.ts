// The rules of one Service in the order in which a packet meets them, each with its counters. Pure.
import type { TableRule } from '../../src/client/proxyz.js';
import type { Chain, Rule, RuleSet, Table } from '../proxy/rules.js';
import type { Tables } from './difference.js';
import { canonical, type Line, parseLine, readable } from './lines.js';

const TABLES: readonly Table[] = ['nat', 'filter'];

export function serviceRules(ruleSet: RuleSet, namespace: string, name: string, tables: Tables): readonly TableRule[] {
  const walk = new Walk(
    ruleSet,
    (rule) => rule.about.kind === 'Service' && rule.about.namespace === namespace && rule.about.name === name,
    tables,
  );
  for (const table of TABLES) {
    for (const chain of new Set(ruleSet.jumps.filter((jump) => jump.table === table).map(({ line }) => line.split(' ').at(-1)!))) {
      walk.enter(table, chain, 0);
    }
  }
  return walk.rules;
}

class Walk {
  readonly rules: TableRule[] = [];
  readonly #chains: ReadonlyMap<string, Chain>;
  readonly #entered = new Set<string>();

  constructor(
    { chains }: RuleSet,
    private readonly isOurs: (rule: Rule) => boolean,
    private readonly tables: Tables,
  ) {
    this.#chains = new Map(chains.map((chain) => [`${chain.table} ${chain.name}`, chain]));
  }

  /** Each chain once: what leads to it a second time shows where it stands. */
  enter(table: Table, name: string, depth: number): void {
    const chain = this.#chains.get(`${table} ${name}`);
    if (!chain || this.#entered.has(`${table} ${name}`)) return;
    this.#entered.add(`${table} ${name}`);
    const lines = chain.text.split('\n');
    for (const [i, rule] of chain.rules.entries()) {
      const target = rule.target[1] ?? '';
      if (this.isOurs(rule)) {
        this.rules.push(this.#row(chain, rule, lines[i]!, depth));
        this.enter(table, target, depth + 1);
      } else if (rule.about.kind === 'Node') {
        // Chains that all Services share, such as the one for node ports.
        this.enter(table, target, depth);
      }
    }
  }

  #row({ table, name }: Chain, rule: Rule, text: string, depth: number): TableRule {
    const { tokens } = parseLine(text)!;
    const actual = (this.tables.get(table)?.get(name) ?? []).find((line: Line) => canonical(line.tokens) === canonical(tokens));
    return {
      table,
      chain: name,
      depth,
      role: rule.about.role,
      ...readable(tokens),
      comment: rule.comment,
      ...(actual ? { packets: actual.packets, bytes: actual.bytes, state: 'ok' } : { state: 'missing' }),
      ...(rule.about.endpoint ? { endpoint: rule.about.endpoint } : {}),
    };
  }
}
