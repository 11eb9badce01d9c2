import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileRegexp } from '../../../src/apimachinery/regexp.js';

test.each([
  ['a+b', 'xaab', true],
  ['^a+b$', 'xaab', false],
  ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'web-1', true],
  ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'web-', false],
  ['^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$', '* * * * */5', true],
  ['^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$', '* * * *', false],
  ['(?i)^get$', 'GeT', true],
  ['^(?i:a)b$', 'AB', false],
  ['^[[:alpha:]_][^[:space:]]*$', '_x', true],
  ['^\\p{Lu}\\P{Lu}$', 'Éa', true],
  ['^\\pL{2}$', 'é1', false],
  ['^.$', '😀', true],
  ['^.$', '\n', false],
  ['(?s)^.$', '\n', true],
  ['(?m)^b$', 'a\nb\nc', true],
  ['^b$', 'a\nb\nc', false],
  ['\\bfoo\\b', 'a foo.', true],
  ['\\bfoo\\b', 'afoo', false],
  ['^[\\]a-c\\-]+$', ']b-', true],
  ['^[-a]$', '-', true],
  ['^[a-]$', '-', true],
  ['^\\x41\\x{1F600}\\101$', 'A😀A', true],
  ['^\\Qa.b\\E$', 'a.b', true],
  ['^\\Qa.b\\E$', 'axb', false],
  ['^a{2,3}$', 'aaaa', false],
  ['^a{2,}$', 'aaaa', true],
  ['^a{,3}$', 'a{,3}', true],
  ['^(?P<year>\\d{4})$', '2026', true],
  ['', '', true],
  ['^(|a)*$', 'aa', true],
  ['^(a|ab)(c|bcd)$', 'abcd', true],
  ['\\Aab\\z', 'ab', true],
])('%j on %j: %j', (pattern, text, expected) => {
  expect(compileRegexp(pattern).matches(text)).toBe(expected);
});

test.each([
  ['(a', 'missing closing ): `(a`'],
  ['a)', 'unexpected ): `a)`'],
  ['[a', 'missing closing ]: `[a`'],
  ['*a', 'missing argument to repetition operator: `*`'],
  ['a**', 'invalid nested repetition operator: `**`'],
  ['a{1001}', 'invalid repeat count: `{1001}`'],
  ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
  ['(a)\\1', 'invalid escape sequence: `\\1`'],
  ['[z-a]', 'invalid character class range: `z-a`'],
  ['\\p{Nope}', 'invalid character class range: `\\p{Nope}`'],
  ['a\\', 'trailing backslash at end of expression'],
])('%j is refused in the words of Go', (pattern, why) => {
  expect(() => compileRegexp(pattern)).toThrow(`error parsing regexp: ${why}`);
});

test('what grows past all bounds when it is written out is refused', () => {
  expect(() => compileRegexp('((a{1000}){1000}){1000}')).toThrow('invalid repeat count');
  expect(() => compileRegexp('((){1000}){1000}')).toThrow('expression too large');
});

test('expressions on which backtracking never ends are answered', () => {
  expect(compileRegexp('^(a+)+$').matches(`${'a'.repeat(50_000)}!`)).toBe(false);
  expect(compileRegexp('^(a{1,5}){1,50}$').matches(`${'a'.repeat(60)}!`)).toBe(false);
  expect(compileRegexp('(x+x+)+y').matches('x'.repeat(50_000))).toBe(false);
});

const simple = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '^', '$', '\\b'),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(?:${a}|${b})`),
    fc.tuple(tie('node'), fc.constantFrom('*', '+', '?', '{1,2}')).map(([a, times]) => `(?:${a})${times}`),
  ),
})).node;

test('agrees with JavaScript where both mean the same', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), maxLength: 8 });
  fc.assert(
    fc.property(simple, text, (pattern, subject) => compileRegexp(pattern).matches(subject) === new RegExp(pattern).test(subject)),
    { numRuns: 500 },
  );
});
