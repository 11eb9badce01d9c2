import { describe, expect, test } from 'vitest';
import { decodeBody } from '../../../../src/apimachinery/codec/index.js';
import { decodeJson } from '../../../../src/apimachinery/codec/json.js';
import { decodeYaml } from '../../../../src/apimachinery/codec/yaml.js';

const bytes = (text: string) => Buffer.from(text);
const noSchema = () => undefined;
const refusal = (code: number, message: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('content types', () => {
  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON', '', undefined])('%j is JSON', (type) => {
    expect(decodeBody(type, bytes('{"a":1}'), noSchema)).toEqual({ a: 1 });
  });

  test('YAML', () => expect(decodeBody('application/yaml', bytes('a: 1'), noSchema)).toEqual({ a: 1 }));

  test('others are refused with what would be taken', () => {
    expect(() => decodeBody('text/plain', bytes('{}'), noSchema)).toThrow(refusal(415, /application\/json, application\/yaml/));
  });

  test.each(['[]', '1', 'null', '"x"'])('a body of %s is no object', (text) => {
    expect(() => decodeBody('application/json', bytes(text), noSchema)).toThrow(refusal(400, /must be an object/));
  });
});

describe('JSON', () => {
  test.each(['', '{', '{"a":1,}', '{"a"}', "{'a':1}", '\ufeff{}'])('%j is refused', (text) => {
    expect(() => decodeJson(bytes(text))).toThrow(refusal(400, /json parse error/));
  });

  test('bytes that are no UTF-8 are refused', () => {
    expect(() => decodeJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(refusal(400, /UTF-8/));
  });

  test('nesting is bounded, brackets in strings do not count', () => {
    expect(() => decodeJson(bytes('['.repeat(100_000)))).toThrow(refusal(400, /nested/));
    expect(decodeJson(bytes(`"${'[{'.repeat(1000)}\\"[["`))).toHaveLength(2003);
    expect(decodeJson(bytes('['.repeat(200) + ']'.repeat(200)))).toBeInstanceOf(Array);
  });
});

describe('YAML', () => {
  test('only the first document counts', () => {
    expect(decodeYaml(bytes('a: 1\n---\na: 2\n'))).toEqual({ a: 1 });
    expect(decodeYaml(bytes(''))).toBeNull();
  });

  test('scalars are what kubectl makes of them', () => {
    const text = 'yes: "no"\nbool: yes\noctal: 010\ntime: 2024-01-01\nsixty: 1:30\nport: 80\nname: "80"\nempty:\nfloat: 1.5\n';
    expect(decodeYaml(bytes(text))).toEqual({
      true: 'no',
      bool: true,
      octal: 8,
      time: '2024-01-01',
      sixty: '1:30',
      port: 80,
      name: '80',
      empty: null,
      float: 1.5,
    });
  });

  test('anchors and merge keys', () => {
    expect(decodeYaml(bytes('base: &b {p: 1}\nother:\n  <<: *b\n  q: 2\n'))).toEqual({ base: { p: 1 }, other: { p: 1, q: 2 } });
  });

  test('a map of many keys is read in time that grows with it', () => {
    const text = Array.from({ length: 50_000 }, (_, i) => `key${i}: 1`).join('\n');
    expect(Object.keys(decodeYaml(bytes(text)) as object)).toHaveLength(50_000);
  });

  test.each([
    ['a: 1\na: 2\n', /line 2: key "a" already set in map/],
    ['a:\n- {1: x, "1": y}\n', /line 2: key "1" already set in map/],
    ['a: [1\n', /line \d+/],
    ['a: *nowhere\n', /nowhere/],
    ['a: &a [*a]\n', /yaml/],
    [
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefg'
        .split('')
        .map((c, i) => `${c}: &${c} [${Array(10).fill(`*${'abcdef'[i]}`).join(',')}]`)
        .join('\n')}\n`,
      /alias/,
    ],
    ['{'.repeat(500), /yaml|levels/],
    ['['.repeat(1_000_000), /nested more than 256 levels/],
    [`${'- '.repeat(1_000_000)}a`, /nested more than 256 levels/],
    [`${'? '.repeat(1_000_000)}a`, /nested more than 256 levels/],
  ])('%# is refused', (text, message) => {
    expect(() => decodeYaml(bytes(text))).toThrow(refusal(400, message));
  });
});
