// The difference between the rules that should be there and those that are: missing, foreign, changed. Pure.
import type { Difference } from '../../src/client/proxyz.js';
import type { RuleOwner } from '../proxy/names.js';
import type { Chain, RuleSet, Subject, Table } from '../proxy/rules.js';
import { type Chains, canonical, type Line, parseLine } from './lines.js';

export type Tables = ReadonlyMap<Table, Chains>;

interface Wanted {
  readonly line: Line;
  readonly about: string | undefined;
}

/** Of one owner's chains and jumps. */
export function differences({ chains, jumps }: RuleSet, owner: RuleOwner, tables: Tables): readonly Difference[] {
  const wanted = new Set(chains.map(({ table, name }) => `${table} ${name}`));
  const found = chains.flatMap((chain) => ofChain(chain, tables.get(chain.table)?.get(chain.name)));
  for (const { table, from, line } of jumps) {
    const present = (tables.get(table)?.get(from) ?? []).map(({ tokens }) => canonical(tokens));
    if (!present.includes(canonical(parseLine(line)!.tokens))) found.push({ table, chain: from, kind: 'missing', wanted: line });
  }
  for (const table of owner.tables) {
    for (const [chain, lines] of tables.get(table) ?? []) {
      if (!owner.isOurChain(chain) || wanted.has(`${table} ${chain}`)) continue;
      found.push(...lines.map(({ text }) => ({ table, chain, kind: 'foreign' as const, actual: text })));
    }
  }
  return found;
}

/** `actual` is undefined where there is no such chain. */
function ofChain(chain: Chain, actual: readonly Line[] = []): readonly Difference[] {
  const { table, name, rules } = chain;
  const lines = chain.text.split('\n').flatMap((text) => parseLine(text) ?? []);
  const wanted: Wanted[] = lines.map((line, i) => ({ line, about: aboutText(rules[i]?.about) }));
  const same = (a: Line, b: Line) => canonical(a.tokens) === canonical(b.tokens);
  if (actual.length === wanted.length && actual.every((line, i) => same(line, wanted[i]!.line))) return [];
  const foreign = [...actual];
  const missing = wanted.filter(({ line }) => !takeOut(foreign, (other) => same(other, line)));
  if (missing.length === 0 && foreign.length === 0)
    return [{ table, chain: name, kind: 'changed', wanted: 'the same rules in another order', ...about(wanted[0]?.about) }];
  const found = missing.map(({ line, about: of }): Difference => {
    const instead = takeOut(foreign, (other) => other.comment !== '' && other.comment === line.comment);
    const base = { table, chain: name, wanted: line.text, ...about(of) };
    return instead ? { ...base, kind: 'changed', actual: instead.text } : { ...base, kind: 'missing' };
  });
  return [...found, ...foreign.map(({ text }): Difference => ({ table, chain: name, kind: 'foreign', actual: text }))];
}

const about = (text: string | undefined) => (text === undefined ? {} : { about: text });

function takeOut<T>(list: T[], test: (item: T) => boolean): T | undefined {
  const at = list.findIndex(test);
  return at < 0 ? undefined : list.splice(at, 1)[0];
}

export function aboutText(subject: Subject | undefined): string | undefined {
  return subject && `${subject.kind} ${subject.namespace ? `${subject.namespace}/` : ''}${subject.name}`;
}
