// Functions on strings that the library does not have of itself: charAt, replace, find, findAll, format; strings.quote.
import { compileRegexp } from '../../regexp.js';
import { spend } from '../meter.js';
import type { Register } from './library.js';

class Strings {}

export const registerStrings: Register = (environment) => {
  environment
    .registerType('Strings', { ctor: Strings })
    .registerConstant('strings', 'Strings', new Strings())
    .registerFunction('Strings.quote(string): string', (_: Strings, text: string) => JSON.stringify(text))
    .registerFunction('string.charAt(int): string', (text: string, at: bigint) => {
      if (at < 0n || at > BigInt(text.length)) throw new Error(`index out of range: ${at}`);
      return text.charAt(Number(at));
    })
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) => replace(text, from, to))
    .registerFunction('string.replace(string, string, int): string', (text: string, from: string, to: string, limit: bigint) =>
      replace(text, from, to, Number(limit)),
    )
    .registerFunction('string.find(string): string', (text: string, pattern: string) => find(text, pattern, 1)[0] ?? '')
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      find(text, pattern, Number.POSITIVE_INFINITY),
    )
    .registerFunction('string.findAll(string, int): list<string>', (text: string, pattern: string, limit: bigint) =>
      find(text, pattern, limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)),
    )
    .registerFunction('matches(string, string): bool', (text: string, pattern: string) => compileRegexp(pattern).matches(text))
    .registerFunction('string.format(list): string', format);
};

function replace(text: string, from: string, to: string, limit = -1): string {
  const parts = text.split(from);
  const cut = limit < 0 ? parts.length - 1 : Math.min(limit, parts.length - 1);
  spend((text.length + cut * to.length) / 10);
  return [parts.slice(0, cut + 1).join(to), ...parts.slice(cut + 1)].join(from);
}

function find(text: string, pattern: string, limit: number): string[] {
  spend((text.length + pattern.length) / 10);
  return [...compileRegexp(pattern).find(text, limit)];
}

const VERB = /%(?:\.(\d+))?([sdfebxXo%])/g;

function format(template: string, values: readonly unknown[]): string {
  let next = 0;
  return template.replaceAll(VERB, (verb, precision: string | undefined, letter: string) => {
    if (letter === '%') return '%';
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    return formatted(values[next++], letter, precision === undefined ? 6 : Number(precision), verb);
  });
}

function formatted(value: unknown, letter: string, precision: number, verb: string): string {
  switch (letter) {
    case 's':
      return shown(value);
    case 'd':
      if (typeof value === 'bigint' || typeof value === 'number') return String(value);
      break;
    case 'f':
      if (typeof value === 'number' || typeof value === 'bigint') return Number(value).toFixed(precision);
      break;
    case 'e':
      if (typeof value === 'number' || typeof value === 'bigint') return Number(value).toExponential(precision);
      break;
    case 'x':
    case 'X': {
      const text =
        typeof value === 'string' ? Buffer.from(value).toString('hex') : typeof value === 'bigint' ? value.toString(16) : undefined;
      if (text !== undefined) return letter === 'X' ? text.toUpperCase() : text;
      break;
    }
    default:
      if (typeof value === 'bigint') return value.toString(letter === 'b' ? 2 : 8);
      if (typeof value === 'boolean') return value ? '1' : '0';
  }
  throw new Error(`error during formatting: ${verb} does not fit ${shown(value)}`);
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (typeof value !== 'object' || value === null) return String(value);
  // Durations, quantities and the like know how to write themselves.
  if (Object.hasOwn(Object.getPrototypeOf(value) ?? {}, 'toString') && Object.getPrototypeOf(value) !== Object.prototype)
    return String(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${name}: ${shown(member)}`).join(', ')}}`;
}
