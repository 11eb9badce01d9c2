import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalQuantity, formatQuantity, milliValue, parseQuantity, QuantityError } from '../../../src/apimachinery/quantity.js';

describe('the canonical form', () => {
  test.each([
    ['1000m', '1'],
    ['0.5', '500m'],
    ['1024Mi', '1Gi'],
    ['1536Mi', '1536Mi'],
    ['0', '0'],
    ['-0', '0'],
    ['0Ki', '0'],
    ['100m', '100m'],
    ['128Mi', '128Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Gi', '512Mi'],
    ['512', '512'],
    ['1Ki', '1Ki'],
    ['0.5Ki', '512'],
    ['0.1Ki', '102400m'],
    ['1.5', '1500m'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['1000000k', '1G'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['12e1', '120'],
    ['1e-3', '1e-3'],
    ['1E', '1E'],
    ['1Ei', '1Ei'],
    ['100n', '100n'],
    ['1000u', '1m'],
    ['0.1n', '1n'],
    ['-1.5Gi', '-1536Mi'],
    ['+5', '5'],
    ['.5', '500m'],
    ['5.', '5'],
    ['10E', '9223372036854775807'],
    ['1P', '1P'],
    ['1T', '1T'],
    ['2Pi', '2Pi'],
    ['2Ti', '2Ti'],
  ])('of %s is %s', (given, expected) => {
    expect(canonicalQuantity(given)).toBe(expected);
  });

  test('of a JSON number is that of its text', () => {
    expect(canonicalQuantity(0.25)).toBe('250m');
    expect(canonicalQuantity(2)).toBe('2');
  });

  test('is its own canonical form and keeps the amount', () => {
    const suffix = fc.constantFrom('n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'Ti', 'e3', 'E-2');
    fc.assert(
      fc.property(fc.integer({ min: -99_999, max: 99_999 }), fc.nat(999), suffix, (whole, fraction, unit) => {
        const text = `${whole}.${fraction}${unit}`;
        const canonical = canonicalQuantity(text);
        expect(canonicalQuantity(canonical)).toBe(canonical);
        expect(parseQuantity(canonical)).toBe(parseQuantity(text));
        expect(milliValue(canonical)).toBe(milliValue(text));
      }),
    );
  });
});

describe('amounts', () => {
  test.each([
    ['100m', 0.1, 100],
    ['2', 2, 2000],
    ['1Gi', 2 ** 30, 2 ** 30 * 1000],
    ['1k', 1000, 1_000_000],
    ['1n', 1e-9, 1],
    ['-1n', -1e-9, -1],
  ])('%s is %d, in thousandths rounded away from zero %d', (text, value, milli) => {
    expect(parseQuantity(text)).toBe(value);
    expect(milliValue(text)).toBe(milli);
  });

  test('are written in the asked format, small and fractional ones as decimals', () => {
    expect(formatQuantity(2 ** 30, 'BinarySI')).toBe('1Gi');
    expect(formatQuantity(1000, 'BinarySI')).toBe('1k');
    expect(formatQuantity(0.1, 'DecimalSI')).toBe('100m');
    expect(formatQuantity(4, 'DecimalSI')).toBe('4');
    expect(formatQuantity(1_000_000, 'DecimalExponent')).toBe('1e6');
    expect(() => formatQuantity(Number.NaN, 'DecimalSI')).toThrow(QuantityError);
  });
});

test.each([
  '',
  'abc',
  '1K',
  '1.2.3',
  '1 Gi',
  '1mi',
  'Gi',
  '.',
  '1e',
  '1e999',
  '--1',
  '1'.repeat(80),
  'constructor',
])('%j is refused', (text) => {
  expect(() => parseQuantity(text)).toThrow(QuantityError);
});
