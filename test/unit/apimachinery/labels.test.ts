import { describe, expect, test } from 'vitest';
import { parseSelector, selectorOf, selectorOfMap, validateLabelSelector } from '../../../src/apimachinery/labels.js';
import { StatusError } from '../../../src/apimachinery/status.js';

const web = { app: 'web', tier: 'front', rank: '5' };

describe('kubectl -l', () => {
  test.each([
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app = web , tier=front', true],
    ['app=db', false],
    ['app!=db', true],
    ['missing!=x', true],
    ['app', true],
    ['missing', false],
    ['!missing', true],
    ['!app', false],
    ['app in (web,db)', true],
    ['app in (db)', false],
    ['app notin (db)', true],
    ['missing notin (x)', true],
    ['app notin (web)', false],
    ['rank>4', true],
    ['rank<5', false],
    ['app>1', false],
    ['missing=', false],
    ['example.com/role!=x,app in (web)', true],
  ])('%j selects app=web,tier=front,rank=5: %s', (text, expected) => {
    expect(parseSelector(text).matches(web)).toBe(expected);
  });

  test('an empty value asks for the empty label', () => {
    expect(parseSelector('a=').matches({ a: '' })).toBe(true);
    expect(parseSelector('a in (x,)').matches({ a: '' })).toBe(true);
    expect(parseSelector('a=').matches({ a: 'x' })).toBe(false);
  });

  test('what objects inherit is no label', () => {
    expect(parseSelector('constructor').matches({})).toBe(false);
    expect(parseSelector('!constructor').matches(undefined)).toBe(true);
  });

  test.each([
    'a=b=c',
    'a in b',
    'a in (b',
    '=b',
    'a,',
    ',a',
    'a b',
    '!a=b',
    'a>x',
    '-a=b',
    'a=b c',
    'a=-',
    '(',
    '!',
    'a in',
  ])('%j is refused with 400', (text) => {
    expect(() => parseSelector(text)).toThrow(StatusError);
    expect(() => parseSelector(text)).toThrow(
      expect.objectContaining({ code: 400, message: expect.stringContaining('unable to parse requirement') }),
    );
  });

  test.each([
    ['b=2,a=1', 'a=1,b=2'],
    ['x in (z,y),!w', '!w,x in (y,z)'.split(',').slice(0, 1).concat('x in (y,z)').join(',')],
    ['k', 'k'],
    ['k>1', 'k>1'],
    ['k!=v', 'k!=v'],
  ])('%j is written back as %j', (text, expected) => {
    expect(parseSelector(text).toString()).toBe(expected);
    expect(parseSelector(parseSelector(text).toString()).toString()).toBe(expected);
  });
});

describe('selectors of objects', () => {
  test('no LabelSelector selects nothing, an empty one everything', () => {
    expect(selectorOf(undefined).matches(web)).toBe(false);
    expect(selectorOf({}).matches(undefined)).toBe(true);
    expect(selectorOf({}).empty).toBe(true);
    expect(selectorOf(undefined).empty).toBe(false);
  });

  test('matchLabels and matchExpressions must all hold', () => {
    const selector = selectorOf({ matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['back'] }] });
    expect(selector.matches(web)).toBe(true);
    expect(selector.matches({ app: 'web', tier: 'back' })).toBe(false);
    expect(selector.toString()).toBe('app=web,tier notin (back)');
  });

  test('a Service without a selector selects nothing', () => {
    expect(selectorOfMap(undefined).matches(web)).toBe(false);
    expect(selectorOfMap({}).matches(web)).toBe(false);
    expect(selectorOfMap({ app: 'web' }).matches(web)).toBe(true);
    expect(selectorOfMap({ app: 'web', x: 'y' }).matches(web)).toBe(false);
  });

  test('validation names each fault by its path', () => {
    const errors = validateLabelSelector(
      {
        matchLabels: { 'bad key': 'ok' },
        matchExpressions: [
          { key: 'a', operator: 'In' },
          { key: 'b', operator: 'Exists', values: ['x'] },
          { key: 'c', operator: 'Like', values: ['x'] },
        ],
      },
      'spec.selector',
    );
    expect(errors.map((e) => e.field)).toEqual([
      'spec.selector.matchLabels',
      'spec.selector.matchExpressions[0].values',
      'spec.selector.matchExpressions[1].values',
      'spec.selector.matchExpressions[2].operator',
    ]);
    expect(validateLabelSelector({ matchLabels: { app: 'web' } }, 'x')).toEqual([]);
  });
});
