// Quantities (`100m`, `1.5Gi`, `1e3`): parsed exactly, compared as numbers, written in upstream's canonical form.

export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

interface Parsed {
  /** Base units; exact as far as a double goes. */
  readonly value: number;
  /** Thousandths, rounded up. */
  readonly milli: number;
  readonly canonical: string;
}

const NANO = 1_000_000_000n;
/** Upstream caps larger amounts at this (2^63-1 base units) instead of refusing them. */
const VALUE_MAX = (1n << 63n) - 1n;
/** Digits and exponents beyond these are no amounts of anything; they would only cost time. */
const LENGTH_MAX = 64;
const EXPONENT_MAX = 100;

const DECIMAL_SUFFIXES: { readonly [suffix: string]: number } = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const DECIMAL_BY_EXPONENT = new Map(Object.entries(DECIMAL_SUFFIXES).map(([suffix, exponent]) => [exponent, suffix]));
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** A cluster's manifests use few distinct quantities, and each is parsed on every write and scheduling cycle. */
const CACHE_MAX = 4096;
const cache = new Map<string, Parsed>();

/** The amount in base units (bytes, cores), perhaps fractional. Throws QuantityError. */
export function parseQuantity(q: string | number): number {
  return lookup(q).value;
}

/** The amount in thousandths, rounded up, as CPU is counted. Throws QuantityError. */
export function milliValue(q: string | number): number {
  return lookup(q).milli;
}

/** The one form upstream writes it in: `1000m` is `1`, `0.5` is `500m`, `1024Mi` is `1Gi`. Throws QuantityError. */
export function canonicalQuantity(q: string | number): string {
  return lookup(q).canonical;
}

/** Writes an amount in base units, in canonical form. */
export function formatQuantity(value: number, format: QuantityFormat): string {
  if (!Number.isFinite(value)) throw new QuantityError(`${value} is no quantity`);
  const whole = Math.trunc(value);
  return canonical(BigInt(whole) * NANO + BigInt(Math.round((value - whole) * 1e9)), format);
}

function lookup(q: string | number): Parsed {
  const text = typeof q === 'number' ? String(q) : q;
  const known = cache.get(text);
  if (known) return known;
  const { nano, format } = parse(text);
  const whole = nano / NANO;
  const parsed = {
    value: Number(whole) + Number(nano % NANO) / 1e9,
    milli: Number(divideUp(nano, 1_000_000n)),
    canonical: canonical(nano, format),
  };
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(text, parsed);
  return parsed;
}

function parse(text: string): { nano: bigint; format: QuantityFormat } {
  const match = text.length <= LENGTH_MAX ? /^([+-]?)(\d*)(?:\.(\d*))?([A-Za-z]{0,2}|[eE][+-]?\d+)$/.exec(text) : null;
  const [, sign, whole = '', fraction = '', suffix = ''] = match ?? [];
  if (!match || (whole === '' && fraction === '')) {
    throw new QuantityError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }
  const { base, exponent, format } = scaleOf(suffix);
  const digits = BigInt(whole + fraction) * (base === 2n ? 1n << BigInt(exponent) : 1n);
  const tens = 9 - fraction.length + (base === 10n ? exponent : 0);
  // Less than a nano is rounded up, away from zero: who asked for something gets something.
  const magnitude = tens >= 0 ? digits * 10n ** BigInt(tens) : divideUp(digits, 10n ** BigInt(-tens));
  const capped = magnitude > VALUE_MAX * NANO ? VALUE_MAX * NANO : magnitude;
  return { nano: sign === '-' ? -capped : capped, format };
}

function scaleOf(suffix: string): { base: bigint; exponent: number; format: QuantityFormat } {
  const decimal = Object.hasOwn(DECIMAL_SUFFIXES, suffix) ? DECIMAL_SUFFIXES[suffix] : undefined;
  if (decimal !== undefined) return { base: 10n, exponent: decimal, format: 'DecimalSI' };
  const binary = BINARY_SUFFIXES.indexOf(suffix);
  if (binary > 0) return { base: 2n, exponent: binary * 10, format: 'BinarySI' };
  const exponent = /^[eE][+-]?\d+$/.test(suffix) ? Number(suffix.slice(1)) : Number.NaN;
  if (Math.abs(exponent) <= EXPONENT_MAX) return { base: 10n, exponent, format: 'DecimalExponent' };
  throw new QuantityError("unable to parse quantity's suffix");
}

function canonical(nano: bigint, format: QuantityFormat): string {
  if (nano === 0n) return '0';
  const magnitude = nano < 0n ? -nano : nano;
  const sign = nano < 0n ? '-' : '';
  // Small or fractional amounts would lose precision, or say nothing, in powers of 1024.
  if (format === 'BinarySI' && magnitude >= 1024n * NANO && magnitude % NANO === 0n) {
    let [amount, step] = [magnitude / NANO, 0];
    for (; step < BINARY_SUFFIXES.length - 1 && amount % 1024n === 0n; step++) amount /= 1024n;
    return `${sign}${amount}${BINARY_SUFFIXES[step]}`;
  }
  let [amount, exponent] = [magnitude, -9];
  for (; exponent < 18 && amount % 1000n === 0n; exponent += 3) amount /= 1000n;
  const suffix = format === 'DecimalExponent' ? (exponent === 0 ? '' : `e${exponent}`) : DECIMAL_BY_EXPONENT.get(exponent);
  return `${sign}${amount}${suffix}`;
}

/** Rounds away from zero. */
function divideUp(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  if (value % by === 0n) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}
