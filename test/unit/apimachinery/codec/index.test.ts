import { describe, expect, test } from 'vitest';
import { decodeBody } from '../../../../src/apimachinery/codec/index.js';
import { decodeJson } from '../../../../src/apimachinery/codec/json.js';
import { decodeYaml } from '../../../../src/apimachinery/codec/yaml.js';

const bytes = (text: string) => Buffer.from(text);
const noSchema = () => undefined;
const refusal = (code: number, message: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('content types', () => {
  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON', '', undefined])('%j is JSON', (type) => {
    expect(decodeBody(type, bytes('{"a":1}'), noSchema).value).toEqual({ a: 1 });
  });

  test('YAML', () => expect(decodeBody('application/yaml', bytes('a: 1'), noSchema).value).toEqual({ a: 1 }));

  test('others are refused with what would be taken', () => {
    expect(() => decodeBody('text/plain', bytes('{}'), noSchema)).toThrow(refusal(415, /application\/json, application\/yaml/));
  });

  test.each(['[]', '1', 'null', '"x"'])('a body of %s is no object', (text) => {
    expect(() => decodeBody('application/json', bytes(text), noSchema)).toThrow(
      refusal(400, /cannot unmarshal (array|number|null|string) into Go value/),
    );
  });
});

describe('JSON', () => {
  test.each([
    ['', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['{"a":"b', 'unexpected end of JSON input'],
    ['[1,', 'unexpected end of JSON input'],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['{"a"}', "invalid character '}' after object key"],
    ['{"a":1 "b":2}', `invalid character '"' after object key:value pair`],
    ['[1 2]', "invalid character '2' after array element"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['{"a":x}', "invalid character 'x' looking for beginning of value"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['\ufeff{}', "invalid character '\ufeff' looking for beginning of value"],
  ])('%j is refused in Go’s words', (text, why) => {
    expect(() => decodeJson(bytes(text))).toThrow(`couldn't get version/kind; json parse error: ${why}`);
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
