// Rules as iptables-save prints them, read back: tokens, counters, and a form in which two spellings of one rule are equal. Pure.

export interface Line {
  readonly chain: string;
  /** Without the chain. */
  readonly tokens: readonly string[];
  readonly comment: string;
  readonly packets: number;
  readonly bytes: number;
  /** As printed, without counters. */
  readonly text: string;
}

/** Chains of one table with their rules in order; chains without rules are there too. */
export type Chains = ReadonlyMap<string, readonly Line[]>;

/** Reads `iptables-save -c -t TABLE`. */
export function parseChains(saved: string): Chains {
  const chains = new Map<string, Line[]>();
  for (const text of saved.split('\n')) {
    if (text.startsWith(':')) chains.set(text.slice(1, text.indexOf(' ')), []);
    const line = parseLine(text);
    if (line) chains.get(line.chain)?.push(line);
  }
  return chains;
}

/** Undefined for what is no rule. */
export function parseLine(printed: string): Line | undefined {
  const [, packets = '0', bytes = '0', text = printed] = /^\[(\d+):(\d+)\] (.*)$/.exec(printed) ?? [];
  if (!text.startsWith('-A ')) return undefined;
  const [, chain = '', ...tokens] = tokensOf(text.trimEnd());
  const at = tokens.indexOf('--comment');
  return { chain, tokens, comment: at < 0 ? '' : (tokens[at + 1] ?? ''), packets: Number(packets), bytes: Number(bytes), text };
}

function tokensOf(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => plain ?? quoted!.replaceAll(/\\(.)/g, '$1'));
}

/** One option with what belongs to it: `! -s 10.0.0.0/8`. */
export interface Option {
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

export function optionsOf(tokens: readonly string[]): readonly Option[] {
  const options: { name: string; negated: boolean; values: string[] }[] = [];
  let negated = false;
  let takesText = false;
  for (const token of tokens) {
    if (token === '!') negated = true;
    else if (token.startsWith('-') && !takesText) {
      options.push({ name: token, negated, values: [] });
      negated = false;
      takesText = token === '--comment';
    } else {
      options.at(-1)?.values.push(token);
      takesText = false;
    }
  }
  return options;
}

/** What iptables-save adds of itself: defaults of the matches and targets that we use. */
const DEFAULTS = new Set(['--reject-with icmp-port-unreachable', '--mask 255.255.255.255', '--rsource']);
/** The kernel keeps 31 bits of a probability and prints more digits than it knows. */
const PROBABILITY_DIGITS = 6;

/** Equal for two spellings of the same rule: order, defaults, masks and rounding do not count. */
export function canonical(tokens: readonly string[]): string {
  return optionsOf(tokens)
    .filter(({ name }) => name !== '-m')
    .map(spell)
    .filter((text) => !DEFAULTS.has(text))
    .sort()
    .join(' ');
}

function spell({ name, negated, values }: Option): string {
  const [value = ''] = values;
  const plain = (text: string, option = name) => `${negated ? '! ' : ''}${option}${text === '' ? '' : ` ${text}`}`;
  switch (name) {
    case '-s':
    case '-d':
    case '--ctorigdst':
      return plain(value.replace(/\/32$/, ''));
    case '--or-mark':
      return plain(`${value}/${value}`, '--set-xmark');
    case '--xor-mark':
      return plain(`${value}/0x0`, '--set-xmark');
    case '--probability':
      return plain(Number(value).toFixed(PROBABILITY_DIGITS));
    case '--ctstate':
      return plain(value.split(',').sort().join(','));
    default:
      return plain(values.join(' '));
  }
}

/** The rule without comment and target, and the target, for people to read. */
export function readable(tokens: readonly string[]): { readonly match: string; readonly target: string } {
  const at = tokens.findIndex((token) => token === '-j' || token === '-g');
  const before = tokens.slice(0, at < 0 ? tokens.length : at);
  const comment = before.indexOf('--comment');
  const match = comment < 0 ? before : [...before.slice(0, comment - 2), ...before.slice(comment + 2)];
  return { match: match.join(' '), target: at < 0 ? '' : tokens.slice(at + 1).join(' ') };
}
