// Rules as data: what a rule, a chain and a rule set are, and that nothing but plain tokens gets into one.
import type { Backend, Table } from './iptables.js';

/** What a rule stands for: the answer to "why is this rule here". */
export interface Subject {
  readonly kind: 'Service' | 'Node' | 'NetworkPolicy' | 'Pod';
  readonly namespace?: string;
  readonly name: string;
  /** The Service port's name, or its number where it has none. */
  readonly port?: string;
  /** `ip:port` of the endpoint, and what it is: `pod default/web-1`. */
  readonly endpoint?: string;
  readonly target?: string;
  /** In words: `cluster IP`, `node port`, `no endpoints`. */
  readonly role: string;
}

export interface Rule {
  /** Arguments of iptables, one token each. */
  readonly match: readonly string[];
  readonly comment: string;
  readonly target: readonly string[];
  readonly about: Subject;
}

export interface Chain {
  readonly table: Table;
  readonly name: string;
  readonly rules: readonly Rule[];
  /** The chain's rules in iptables-restore's format, one line each. */
  readonly text: string;
}

/** A rule in a chain that is not ours, leading into one that is. */
export interface Jump {
  readonly table: Table;
  readonly from: 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';
  /** The line as iptables-save prints it, so that presence is string equality. */
  readonly line: string;
}

/** Something in an object that has no rules, and why: reported, never silently left out. */
export interface Problem {
  readonly about: Subject;
  readonly message: string;
}

export interface RuleSet {
  /** In an order in which a chain comes after those it leads to. */
  readonly chains: readonly Chain[];
  readonly jumps: readonly Jump[];
  readonly problems: readonly Problem[];
}

export type { Backend, Table };

/** An option such as `--dport`, a lone `!`, or a plain word: no quotes, spaces, line ends, nothing that could become a second token. */
const TOKEN = /^(?:--?[a-z][a-z0-9-]*|!|[A-Za-z0-9][A-Za-z0-9_.:,/-]*)$/;
const COMMENT = /^[A-Za-z0-9][A-Za-z0-9 _.:,/>()-]*$/;
/** The comment match's limit is 255 bytes and a zero. */
const COMMENT_MAX_CHARS = 255;

/** Text from objects as it may stand in a comment: everything unusual becomes `_`. */
export function sanitise(text: string): string {
  const safe = text.replace(/[^A-Za-z0-9 _.:,/>()-]/g, '_').slice(0, COMMENT_MAX_CHARS);
  return /^[A-Za-z0-9]/.test(safe) ? safe : `x${safe}`.slice(0, COMMENT_MAX_CHARS);
}

/** Throws where a token is none: a mistake in this program, as objects' values are checked before they get here. */
function ruleText(chain: string, rule: Rule): string {
  for (const token of [...rule.match, ...rule.target]) {
    if (!TOKEN.test(token)) throw new Error(`not an iptables token: ${JSON.stringify(token)}`);
  }
  if (!COMMENT.test(rule.comment) || rule.comment.length > COMMENT_MAX_CHARS) {
    throw new Error(`not an iptables comment: ${JSON.stringify(rule.comment)}`);
  }
  return ['-A', chain, ...rule.match, '-m comment --comment', `"${rule.comment}"`, ...rule.target].join(' ');
}

export function makeChain(table: Table, name: string, rules: readonly Rule[]): Chain {
  return { table, name, rules, text: rules.map((rule) => `${ruleText(name, rule)}\n`).join('') };
}

export function makeRule(about: Subject, match: readonly string[], comment: string, ...target: string[]): Rule {
  return { match, comment: sanitise(comment), target: ['-j', ...target], about };
}
