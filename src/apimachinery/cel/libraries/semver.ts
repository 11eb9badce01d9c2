// semver(): versions by the rules of semver.org.
import { order, type Register } from './library.js';

class Semver {
  constructor(
    readonly numbers: readonly bigint[],
    readonly pre: readonly string[],
    readonly text: string,
  ) {}

  toString(): string {
    return this.text;
  }
}

const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/;

function parse(text: string): Semver | undefined {
  const found = SEMVER.exec(text);
  const pre = found?.[4]?.split('.') ?? [];
  if (!found || pre.some((part) => /^0\d+$/.test(part))) return undefined;
  return new Semver([found[1]!, found[2]!, found[3]!].map(BigInt), pre, text);
}

/** `v1.2` and the like, as people write them. */
function normalized(text: string): string {
  const [core = '', ...rest] = text.replace(/^v/, '').split(/(?=[-+])/);
  const numbers = core.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (numbers.length < 3) numbers.push('0');
  return numbers.join('.') + rest.join('');
}

function required(text: string): Semver {
  const version = parse(text);
  if (!version) throw new Error(`semver parse error during conversion from string: ${JSON.stringify(text)}`);
  return version;
}

function compare(a: Semver, b: Semver): bigint {
  for (const [i, number] of a.numbers.entries()) if (number !== b.numbers[i]) return order(number, b.numbers[i]!);
  // A version comes after all that lead to it.
  if (a.pre.length === 0 || b.pre.length === 0) return order(b.pre.length, a.pre.length);
  for (let i = 0; i < Math.min(a.pre.length, b.pre.length); i++) {
    const difference = comparePart(a.pre[i]!, b.pre[i]!);
    if (difference !== 0n) return difference;
  }
  return order(a.pre.length, b.pre.length);
}

function comparePart(a: string, b: string): bigint {
  const [numericA, numericB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (numericA && numericB) return order(BigInt(a), BigInt(b));
  return numericA === numericB ? order(a, b) : numericA ? -1n : 1n;
}

export const registerSemver: Register = (environment) => {
  environment
    .registerType('Semver', { ctor: Semver })
    .registerFunction('semver(string): Semver', required)
    .registerFunction('semver(string, bool): Semver', (text: string, normalize: boolean) => required(normalize ? normalized(text) : text))
    .registerFunction('isSemver(string): bool', (text: string) => parse(text) !== undefined)
    .registerFunction('isSemver(string, bool): bool', (text: string, normalize: boolean) => {
      return parse(normalize ? normalized(text) : text) !== undefined;
    })
    .registerFunction('Semver.major(): int', ({ numbers }: Semver) => numbers[0]!)
    .registerFunction('Semver.minor(): int', ({ numbers }: Semver) => numbers[1]!)
    .registerFunction('Semver.patch(): int', ({ numbers }: Semver) => numbers[2]!)
    .registerFunction('Semver.isLessThan(Semver): bool', (a: Semver, b: Semver) => compare(a, b) < 0n)
    .registerFunction('Semver.isGreaterThan(Semver): bool', (a: Semver, b: Semver) => compare(a, b) > 0n)
    .registerFunction('Semver.compareTo(Semver): int', compare)
    .registerOperator('Semver == Semver', (a: Semver, b: Semver) => compare(a, b) === 0n);
};
