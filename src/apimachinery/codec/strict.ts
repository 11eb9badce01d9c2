// Strict decoding: names that an object has twice, and fields that its type does not know, in upstream's words.
import type { Json } from '../json.js';
import type { ParsedJson } from './json.js';

/** As upstream: enough to see what is wrong, whatever a body holds. */
export const MAX_STRICT_ERRORS = 100;

/** The messages for fields that are not known, by their paths (`spec.containers[0].foo`). */
export const unknownFieldMessages = (paths: readonly string[]): string[] =>
  paths.slice(0, MAX_STRICT_ERRORS).map((path) => `unknown field ${JSON.stringify(path)}`);

/** Both kinds of messages, in the order in which the text has the fields. `unknown` as `normalize` found them. */
export function strictErrorsOf(parsed: ParsedJson, unknown: readonly string[]): readonly string[] {
  // Almost every body: nothing is there twice, so nothing needs to be read again.
  if (!hasDuplicates(parsed)) return unknownFieldMessages(unknown);
  return new Reader(parsed.text, new Set(unknown)).errors();
}

/** Whether any object has a name twice. */
export const hasDuplicates = ({ value, members }: ParsedJson): boolean => members !== membersOf(value);

function membersOf(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += membersOf(item);
    return count;
  }
  for (const key in value) count += 1 + membersOf((value as { [key: string]: Json })[key]!);
  return count;
}

/** Reads a text that is known to be JSON, and not too deep, once more: for its names only. */
class Reader {
  #at = 0;
  readonly #path: string[] = [];
  readonly #errors = new Set<string>();

  constructor(
    private readonly text: string,
    private readonly unknown: ReadonlySet<string>,
  ) {}

  errors(): readonly string[] {
    this.#value(true);
    return [...this.#errors].slice(0, MAX_STRICT_ERRORS);
  }

  /** `told` is false within a field that is not known: as upstream, nothing is said about what it holds. */
  #value(told: boolean): void {
    this.#blank();
    const c = this.text[this.#at];
    if (c === '{') this.#object(told);
    else if (c === '[') this.#list(told);
    else if (c === '"') this.#string();
    else while (this.#at < this.text.length && !',]} \t\r\n'.includes(this.text[this.#at]!)) this.#at++;
    this.#blank();
  }

  #object(told: boolean): void {
    const seen = new Set<string>();
    this.#at++;
    this.#blank();
    while (this.text[this.#at] !== '}') {
      this.#blank();
      const name = this.#string();
      this.#path.push(this.#path.length > 0 ? `.${name}` : name);
      const path = this.#path.join('');
      const isUnknown = this.unknown.has(path);
      if (told && seen.has(name)) this.#errors.add(`duplicate field ${JSON.stringify(path)}`);
      else if (told && isUnknown) this.#errors.add(`unknown field ${JSON.stringify(path)}`);
      seen.add(name);
      this.#blank();
      this.#at++;
      this.#value(told && !isUnknown);
      this.#path.pop();
      if (this.text[this.#at] === ',') this.#at++;
    }
    this.#at++;
  }

  #list(told: boolean): void {
    this.#at++;
    this.#blank();
    for (let i = 0; this.text[this.#at] !== ']'; i++) {
      this.#path.push(`[${i}]`);
      this.#value(told);
      this.#path.pop();
      if (this.text[this.#at] === ',') this.#at++;
    }
    this.#at++;
  }

  #string(): string {
    const start = this.#at++;
    for (; this.text[this.#at] !== '"'; this.#at++) if (this.text[this.#at] === '\\') this.#at++;
    this.#at++;
    return JSON.parse(this.text.slice(start, this.#at)) as string;
  }

  #blank(): void {
    while (' \t\r\n'.includes(this.text[this.#at] ?? 'x')) this.#at++;
  }
}
