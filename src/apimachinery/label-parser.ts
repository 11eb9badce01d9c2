// The grammar of label selectors in text: requirements joined by commas.
import { isLabelValue, isQualifiedName } from './names.js';
import { badRequest } from './status.js';

/** `exists` and `!` take no values; the comparisons take one. */
export type Operator = 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt' | '=' | '!=';

export interface Requirement {
  readonly key: string;
  readonly op: Operator;
  readonly values: readonly string[];
}

/** Throws StatusError 400 with upstream's words. */
export function parseRequirements(text: string): Requirement[] {
  const tokens = tokenize(text);
  const requirements: Requirement[] = [];
  let at = 0;
  const fail = (expected: string) =>
    badRequest(`unable to parse requirement: found '${tokens[at] ?? ''}', expected: ${expected} (selector ${JSON.stringify(text)})`);
  const word = (what: string): string => {
    const token = tokens[at];
    if (token === undefined || SYMBOLS.has(token)) throw fail(what);
    at++;
    return token;
  };
  /** A value may be left out: `a=` asks for the empty one. */
  const valueOrEmpty = (): string => {
    const token = tokens[at];
    return token === undefined || token === ',' || token === ')' ? '' : word('identifier');
  };

  while (at < tokens.length) {
    const absent = tokens[at] === '!';
    if (absent) at++;
    const key = word('!, identifier, or "end of string"');
    const token = tokens[at];
    if (absent || token === undefined || token === ',') requirements.push(checked({ key, op: absent ? '!' : 'exists', values: [] }));
    else if (token === 'in' || token === 'notin') {
      at++;
      if (tokens[at++] !== '(') throw fail("'('");
      const values = [valueOrEmpty()];
      for (; tokens[at] === ','; values.push(valueOrEmpty())) at++;
      if (tokens[at++] !== ')') throw fail("',' or ')'");
      requirements.push(checked({ key, op: token, values }));
    } else {
      const op = COMPARISONS.get(token);
      if (!op) throw fail('in, notin, =, ==, !=, gt, lt');
      at++;
      requirements.push(checked({ key, op, values: [valueOrEmpty()] }));
    }
    if (at < tokens.length) {
      if (tokens[at] !== ',') throw fail("',' or 'end of string'");
      at++;
      if (at === tokens.length) throw fail("identifier after ','");
    }
  }
  return requirements;
}

const COMPARISONS: ReadonlyMap<string, Operator> = new Map([
  ['=', '='],
  ['==', '='],
  ['!=', '!='],
  ['>', 'gt'],
  ['<', 'lt'],
]);
const SYMBOLS: ReadonlySet<string> = new Set(['=', '==', '!=', '>', '<', '!', '(', ')', ',']);
const SYMBOL_CHARS = '=!<>(),';

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  for (let i = 0; i < text.length; ) {
    const c = text[i]!;
    if (c === ' ' || c === '\t' || c === '\n' || c === '\r') i++;
    else if (SYMBOL_CHARS.includes(c)) {
      const symbol = text[i + 1] === '=' && (c === '=' || c === '!') ? `${c}=` : c;
      tokens.push(symbol);
      i += symbol.length;
    } else {
      const start = i;
      while (i < text.length && !SYMBOL_CHARS.includes(text[i]!) && !' \t\n\r'.includes(text[i]!)) i++;
      tokens.push(text.slice(start, i));
    }
  }
  return tokens;
}

function checked(requirement: Requirement): Requirement {
  const { key, op, values } = requirement;
  const [keyError] = isQualifiedName(key);
  if (keyError) throw badRequest(`unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: ${keyError}`);
  if ((op === 'gt' || op === 'lt') && !isInteger(values[0])) {
    throw badRequest(
      `unable to parse requirement: values[0][${key}]: Invalid value: ${JSON.stringify(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer`,
    );
  }
  values.forEach((value, i) => {
    const [error] = isLabelValue(value);
    if (error) throw badRequest(`unable to parse requirement: values[${i}][${key}]: Invalid value: ${JSON.stringify(value)}: ${error}`);
  });
  return requirement;
}

/** What `>` and `<` can compare. */
export const isInteger = (text: string | undefined): text is string => text !== undefined && /^[+-]?\d{1,18}$/.test(text);
