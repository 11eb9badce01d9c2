// Parses regular expressions in the syntax of Go (RE2), with Go's words for what is wrong with one.
export class RegexpError extends Error {
  override readonly name = 'RegexpError';
}

export type Assertion = 'beginText' | 'endText' | 'beginLine' | 'endLine' | 'boundary' | 'noBoundary';
/** Whether a code point belongs. */
export type Chars = (codePoint: number) => boolean;

export type Node =
  | { readonly type: 'chars'; readonly has: Chars }
  | { readonly type: 'assertion'; readonly what: Assertion }
  | { readonly type: 'sequence'; readonly parts: readonly Node[] }
  | { readonly type: 'choice'; readonly parts: readonly Node[] }
  /** No `max`: any number. */
  | { readonly type: 'repeat'; readonly of: Node; readonly min: number; readonly max: number | undefined };

/** Go's bounds. */
const MAX_REPEAT = 1000;
const MAX_DEPTH = 1000;

/** Throws RegexpError. */
export function parseRegexp(pattern: string): Node {
  return new Parser(pattern).parse();
}

const fail = (what: string, part: string) => new RegexpError(`error parsing regexp: ${what}: \`${part}\``);

type Range = readonly [number, number];
const within =
  (ranges: readonly Range[]): Chars =>
  (c) =>
    ranges.some(([from, to]) => c >= from && c <= to);
const not =
  (has: Chars): Chars =>
  (c) =>
    !has(c);
const only = (codePoint: number): Chars => within([[codePoint, codePoint]]);

const DIGIT: Range = [0x30, 0x39];
const UPPER: Range = [0x41, 0x5a];
const LOWER: Range = [0x61, 0x7a];
/** In Go these are ASCII. */
export const isWord = within([DIGIT, UPPER, LOWER, [0x5f, 0x5f]]);
const PERL: { readonly [letter: string]: Chars } = {
  d: within([DIGIT]),
  w: isWord,
  s: within([
    [9, 10],
    [12, 13],
    [32, 32],
  ]),
};
const POSIX: { readonly [name: string]: readonly Range[] } = {
  alnum: [DIGIT, UPPER, LOWER],
  alpha: [UPPER, LOWER],
  ascii: [[0, 0x7f]],
  blank: [
    [9, 9],
    [32, 32],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: [DIGIT],
  graph: [[0x21, 0x7e]],
  lower: [LOWER],
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [9, 13],
    [32, 32],
  ],
  upper: [UPPER],
  word: [DIGIT, UPPER, LOWER, [0x5f, 0x5f]],
  xdigit: [DIGIT, [0x41, 0x46], [0x61, 0x66]],
};
const CONTROLS: { readonly [letter: string]: number } = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const NEWLINE = 10;

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

class Parser {
  #at = 0;
  #depth = 0;
  #flags: Flags = { i: false, m: false, s: false };

  constructor(private readonly pattern: string) {}

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.pattern.length) throw fail('unexpected )', this.pattern);
    return node;
  }

  get #rest(): string {
    return this.pattern.slice(this.#at);
  }

  /** One code point. */
  #take(): string {
    const c = String.fromCodePoint(this.pattern.codePointAt(this.#at)!);
    this.#at += c.length;
    return c;
  }

  #choice(): Node {
    const flags = this.#flags;
    const parts = [this.#sequence()];
    while (this.pattern[this.#at] === '|') {
      this.#at++;
      parts.push(this.#sequence());
    }
    this.#flags = flags;
    return parts.length === 1 ? parts[0]! : { type: 'choice', parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.pattern.length && !/[|)]/.test(this.pattern[this.#at]!)) {
      const operator = this.#repetition();
      if (!operator) {
        parts.push(this.#atom());
        continue;
      }
      const of = parts.pop();
      if (!of) throw fail('missing argument to repetition operator', operator.text);
      parts.push({ type: 'repeat', of, min: operator.min, max: operator.max });
      const again = this.#repetition();
      if (again) throw fail('invalid nested repetition operator', operator.text + again.text);
    }
    return parts.length === 1 ? parts[0]! : { type: 'sequence', parts };
  }

  #repetition(): { text: string; min: number; max: number | undefined } | undefined {
    const found = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/.exec(this.pattern.slice(this.#at, this.#at + 32));
    if (!found) return undefined;
    const [text, low, comma, high] = found;
    this.#at += text.length;
    if (low === undefined) return { text, min: text[0] === '+' ? 1 : 0, max: text[0] === '?' ? 1 : undefined };
    const min = Number(low);
    const max = comma === undefined ? min : high ? Number(high) : undefined;
    if (min > MAX_REPEAT || (max ?? 0) > MAX_REPEAT || (max ?? min) < min) throw fail('invalid repeat count', text);
    return { text, min, max };
  }

  #atom(): Node {
    const c = this.#take();
    switch (c) {
      case '(':
        return this.#group();
      case '[':
        return { type: 'chars', has: this.#folded(this.#class()) };
      case '.':
        return { type: 'chars', has: this.#flags.s ? () => true : not(only(NEWLINE)) };
      case '^':
        return { type: 'assertion', what: this.#flags.m ? 'beginLine' : 'beginText' };
      case '$':
        return { type: 'assertion', what: this.#flags.m ? 'endLine' : 'endText' };
      case '\\':
        return this.#escapedAtom();
      default:
        return this.#literal(c);
    }
  }

  #literal(c: string): Node {
    return { type: 'chars', has: this.#folded(only(c.codePointAt(0)!)) };
  }

  #folded(has: Chars): Chars {
    if (!this.#flags.i) return has;
    return (c) => has(c) || has(folded(c, 'toLowerCase')) || has(folded(c, 'toUpperCase'));
  }

  #group(): Node {
    const opening = `(${this.#rest}`;
    if (++this.#depth > MAX_DEPTH) throw fail('expression nests too deeply', opening.slice(0, 32));
    const outer = this.#flags;
    const flags = /^\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(this.#rest);
    const named = /^\?P?<\w+>/.exec(this.#rest);
    if (flags) {
      this.#at += flags[0].length;
      const [, on = '', off = '', end] = flags;
      const is = (flag: keyof Flags) => (on.includes(flag) || outer[flag]) && !off.includes(flag);
      this.#flags = { i: is('i'), m: is('m'), s: is('s') };
      // Without a colon they count for the rest of the group that they stand in.
      if (end === ')') return { type: 'sequence', parts: [] };
    } else if (named) this.#at += named[0].length;
    else if (this.#rest.startsWith('?')) throw fail('invalid or unsupported Perl syntax', opening.slice(0, 3));
    const inner = this.#choice();
    if (this.pattern[this.#at] !== ')') throw fail('missing closing )', this.pattern);
    this.#at++;
    this.#depth--;
    this.#flags = outer;
    return inner;
  }

  #escapedAtom(): Node {
    const letter = this.pattern[this.#at];
    const assertion = letter && ASSERTIONS[letter];
    if (assertion) {
      this.#at++;
      return { type: 'assertion', what: assertion };
    }
    if (letter === 'Q') return this.#quoted();
    return { type: 'chars', has: this.#folded(this.#escape()) };
  }

  #quoted(): Node {
    const end = this.pattern.indexOf('\\E', ++this.#at);
    const text = this.pattern.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.pattern.length : end + 2;
    return { type: 'sequence', parts: [...text].map((c) => this.#literal(c)) };
  }

  /** What follows a backslash, as the characters it stands for. */
  #escape(): Chars {
    if (this.#at >= this.pattern.length) throw fail('trailing backslash at end of expression', '');
    const perl = PERL[this.pattern[this.#at]!.toLowerCase()];
    if (perl && /[dswDSW]/.test(this.pattern[this.#at]!)) return /[DSW]/.test(this.#take()) ? not(perl) : perl;
    if (/[pP]/.test(this.pattern[this.#at]!)) return this.#property();
    return only(this.#escapedCharacter());
  }

  #escapedCharacter(): number {
    const numeric = /^(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\}|(0[0-7]{0,2}|[1-7][0-7]{2}))/.exec(this.#rest);
    if (numeric) {
      this.#at += numeric[0].length;
      const codePoint = numeric[3] ? Number.parseInt(numeric[3], 8) : Number.parseInt((numeric[1] ?? numeric[2])!, 16);
      if (codePoint <= 0x10ffff) return codePoint;
      throw fail('invalid escape sequence', `\\${numeric[0]}`);
    }
    const c = this.#take();
    const control = CONTROLS[c];
    if (control !== undefined) return control;
    const codePoint = c.codePointAt(0)!;
    // Among them references back to a group, which are not regular.
    if (codePoint > 0x7f || isWord(codePoint)) throw fail('invalid escape sequence', `\\${c}`);
    return codePoint;
  }

  #property(): Chars {
    const found = /^([pP])(?:([A-Z])|\{(\^?)(\w+)\})/.exec(this.#rest);
    if (!found) throw fail('invalid character class range', `\\${this.#rest.slice(0, 2)}`);
    const [text, p, single, caret, name] = found;
    this.#at += text.length;
    const has = unicodeProperty(single ?? name!);
    if (!has) throw fail('invalid character class range', `\\${text}`);
    return (p === 'P') === Boolean(caret) ? has : not(has);
  }

  #class(): Chars {
    const start = this.#at - 1;
    const negated = this.pattern[this.#at] === '^';
    if (negated) this.#at++;
    const members: Chars[] = [];
    for (let first = true; first || this.pattern[this.#at] !== ']'; first = false) {
      if (this.#at >= this.pattern.length) throw fail('missing closing ]', this.pattern.slice(start));
      members.push(this.#member());
    }
    this.#at++;
    const has: Chars = this.#folded((c) => members.some((member) => member(c)));
    return negated ? not(has) : has;
  }

  #member(): Chars {
    const posix = /^\[:(\^?)(\w+):\]/.exec(this.#rest);
    if (posix) {
      const ranges = POSIX[posix[2]!];
      if (!ranges) throw fail('invalid character class range', posix[0]);
      this.#at += posix[0].length;
      return posix[1] ? not(within(ranges)) : within(ranges);
    }
    const start = this.#at;
    if (/^\\[dswDSWpP]/.test(this.#rest)) {
      this.#at++;
      return this.#escape();
    }
    const from = this.#classCharacter();
    if (!/^-[^\]]/.test(this.#rest)) return only(from);
    this.#at++;
    const to = this.#classCharacter();
    if (to < from) throw fail('invalid character class range', this.pattern.slice(start, this.#at));
    return within([[from, to]]);
  }

  #classCharacter(): number {
    const c = this.#take();
    if (c !== '\\') return c.codePointAt(0)!;
    if (this.#at >= this.pattern.length) throw fail('trailing backslash at end of expression', '');
    return this.#escapedCharacter();
  }
}

const ASSERTIONS: { readonly [letter: string]: Assertion } = { A: 'beginText', z: 'endText', b: 'boundary', B: 'noBoundary' };

const folded = (c: number, how: 'toLowerCase' | 'toUpperCase') => String.fromCodePoint(c)[how]().codePointAt(0)!;

/** A general category or a script, as JavaScript knows them too; undefined if there is none. */
function unicodeProperty(name: string): Chars | undefined {
  for (const spelling of name === 'Any' ? ['Any'] : [`gc=${name}`, `Script=${name}`]) {
    try {
      const regexp = new RegExp(`\\p{${spelling}}`, 'u');
      return (c) => regexp.test(String.fromCodePoint(c));
    } catch {
      // Not of this sort.
    }
  }
  return undefined;
}
