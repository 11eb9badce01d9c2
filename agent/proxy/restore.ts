// From rule sets to iptables-restore input: only what changed, and from iptables-save output back to what is there. Pure.
import { PROXY, type RuleOwner } from './names.js';
import type { Chain, Jump, Table } from './rules.js';

/** One table as found: our chains in it, and every rule of the built-in chains. */
export interface TableState {
  /** With the number of their rules. */
  readonly ourChains: ReadonlyMap<string, number>;
  /** `-A` lines of chains that are not ours, in their order. */
  readonly foreignLines: readonly string[];
  /** Endpoints that rules of ours lead UDP traffic to. */
  readonly udpEndpoints: readonly { readonly ip: string; readonly port: number }[];
}

/** Reads `iptables-save -t TABLE`. */
export function parseSave(saved: string, { isOurChain }: RuleOwner = PROXY): TableState {
  const ourChains = new Map<string, number>();
  const foreignLines: string[] = [];
  const udpEndpoints: { ip: string; port: number }[] = [];
  for (const line of saved.split('\n')) {
    if (line.startsWith(':')) {
      const name = line.slice(1, line.indexOf(' '));
      if (isOurChain(name)) ourChains.set(name, 0);
    } else if (line.startsWith('-A ')) {
      const name = line.slice(3, line.indexOf(' ', 3));
      const count = ourChains.get(name);
      if (count === undefined) foreignLines.push(line);
      else ourChains.set(name, count + 1);
      const dnat = line.startsWith('-A KUBE-SEP-') ? / -p udp .*--to-destination (\S+):(\d+)/.exec(line) : null;
      if (dnat) udpEndpoints.push({ ip: dnat[1]!, port: Number(dnat[2]) });
    }
  }
  return { ourChains, foreignLines, udpEndpoints };
}

/** Reads `iptables-save` of all tables: each as `iptables-save -t TABLE` would print it. Tables that nobody uses are not there. */
export function splitTables(saved: string): ReadonlyMap<string, string> {
  return new Map(
    saved
      .split(/^\*/m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part]),
  );
}

/** What one table is to become: chains to write anew, and lines (`-D`, `-I`) on chains that are not ours. */
export interface TableChange {
  readonly table: Table;
  readonly chains: readonly Chain[];
  readonly lines: readonly string[];
}

/** Input for one iptables-restore --noflush. Declaring a chain empties it, so its rules are replaced in the same transaction. */
export function restoreInput(changes: readonly TableChange[]): string {
  return changes
    .filter(({ chains, lines }) => chains.length > 0 || lines.length > 0)
    .map(({ table, chains, lines }) => {
      const declarations = chains.map(({ name }) => `:${name} - [0:0]\n`).join('');
      const rules = chains.map(({ text }) => text).join('');
      return `*${table}\n${declarations}${rules}${lines.map((line) => `${line}\n`).join('')}COMMIT\n`;
    })
    .join('');
}

/** Input that empties and deletes chains; nothing may lead into them any more. */
export function deleteInput(table: Table, chains: Iterable<string>): string {
  const names = [...chains];
  return `*${table}\n${names.map((name) => `:${name} - [0:0]\n`).join('')}${names.map((name) => `-X ${name}\n`).join('')}COMMIT\n`;
}

/**
 * Lines that put our jumps on top of the built-in chains, in order. A chain that has all of its jumps stays as it is, wherever
 * in it they stand: foreign rules before ours are somebody's intention.
 */
export function jumpLines(table: Table, jumps: readonly Jump[], present: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const from of new Set(jumps.filter((jump) => jump.table === table).map((jump) => jump.from))) {
    const wanted = jumps.filter((jump) => jump.table === table && jump.from === from).map((jump) => jump.line);
    if (wanted.every((line) => present.includes(line))) continue;
    for (const line of wanted) {
      if (present.includes(line)) lines.push(line.replace('-A ', '-D '));
    }
    for (const line of wanted.toReversed()) lines.push(line.replace('-A ', '-I '));
  }
  return lines;
}

/** What ends a packet's way through a built-in chain, or gives it another address, before it can reach what stands behind. */
const VERDICT = / -j (?:ACCEPT|DROP|REJECT|DNAT|SNAT|MASQUERADE|REDIRECT|NETMAP|QUEUE|NFQUEUE)(?: |$)/;

/** Foreign rules in a built-in chain that a packet meets before the last of our jumps, and that may keep it from there. */
export function foreignBefore(jumps: readonly Jump[], present: readonly string[]): readonly string[] {
  const ours = new Set(jumps.map(({ line }) => line));
  const last = present.findLastIndex((line) => ours.has(line));
  return present.slice(0, Math.max(0, last)).filter((line) => !ours.has(line) && VERDICT.test(line));
}

/** Lines that take every jump into a chain of ours out of the chains that are not. */
export function unjumpLines(present: readonly string[], { isOurChain }: RuleOwner = PROXY): readonly string[] {
  return present
    .filter((line) => {
      const target = / -[jg] (\S+)$/.exec(line)?.[1];
      return target !== undefined && isOurChain(target);
    })
    .map((line) => line.replace('-A ', '-D '));
}
