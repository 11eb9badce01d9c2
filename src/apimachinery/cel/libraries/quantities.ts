// quantity(): amounts such as `100m` and `1.5Gi`, exact.
import { int, order, type Register } from './library.js';

const NANO = 1_000_000_000n;
const DECIMAL: { readonly [suffix: string]: number } = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** Digits and exponents beyond these are no amounts of anything. */
const MAX_LENGTH = 64;
const MAX_EXPONENT = 100;

class Quantity {
  constructor(readonly nano: bigint) {}

  toString(): string {
    return this.nano % NANO === 0n ? String(this.nano / NANO) : String(Number(this.nano) / 1e9);
  }
}

/** Undefined for what is no quantity. */
function parse(text: string): Quantity | undefined {
  const found = text.length <= MAX_LENGTH && /^([+-]?)(\d+)?(?:\.(\d*))?(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (!found) return undefined;
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = found;
  if (whole === '' && fraction === '') return undefined;
  const power = Number(exponent ?? DECIMAL[suffix] ?? 0);
  if (Math.abs(power) > MAX_EXPONENT) return undefined;
  const binary = BINARY.indexOf(suffix) + 1;
  const digits = BigInt(whole + fraction) * 1024n ** int(binary);
  const scale = power + 9 - fraction.length;
  const nano = scale >= 0 ? digits * 10n ** int(scale) : -(-digits / 10n ** int(-scale));
  return new Quantity(sign === '-' ? -nano : nano);
}

function required(text: string): Quantity {
  const quantity = parse(text);
  if (!quantity) {
    throw new Error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }
  return quantity;
}

const MAX_INT = 2n ** 63n;
const isInteger = ({ nano }: Quantity) => nano % NANO === 0n && nano / NANO < MAX_INT && nano / NANO >= -MAX_INT;

export const registerQuantities: Register = (environment) => {
  environment
    .registerType('Quantity', { ctor: Quantity })
    .registerFunction('quantity(string): Quantity', required)
    .registerFunction('isQuantity(string): bool', (text: string) => parse(text) !== undefined)
    .registerFunction('Quantity.isInteger(): bool', isInteger)
    .registerFunction('Quantity.asInteger(): int', (quantity: Quantity) => {
      if (!isInteger(quantity)) throw new Error('cannot convert value to integer');
      return quantity.nano / NANO;
    })
    .registerFunction('Quantity.asApproximateFloat(): double', ({ nano }: Quantity) => Number(nano) / 1e9)
    .registerFunction('Quantity.sign(): int', ({ nano }: Quantity) => order(nano, 0n))
    .registerFunction('Quantity.add(Quantity): Quantity', (a: Quantity, b: Quantity) => new Quantity(a.nano + b.nano))
    .registerFunction('Quantity.add(int): Quantity', (a: Quantity, b: bigint) => new Quantity(a.nano + b * NANO))
    .registerFunction('Quantity.sub(Quantity): Quantity', (a: Quantity, b: Quantity) => new Quantity(a.nano - b.nano))
    .registerFunction('Quantity.sub(int): Quantity', (a: Quantity, b: bigint) => new Quantity(a.nano - b * NANO))
    .registerFunction('Quantity.isLessThan(Quantity): bool', (a: Quantity, b: Quantity) => a.nano < b.nano)
    .registerFunction('Quantity.isGreaterThan(Quantity): bool', (a: Quantity, b: Quantity) => a.nano > b.nano)
    .registerFunction('Quantity.compareTo(Quantity): int', (a: Quantity, b: Quantity) => order(a.nano, b.nano))
    .registerOperator('Quantity == Quantity', (a: Quantity, b: Quantity) => a.nano === b.nano);
};
