import { expect, test } from 'vitest';
import { parseFieldSelector } from '../../../src/apimachinery/field-selector.js';

test.each([
  ['', []],
  ['metadata.name=web', [{ path: 'metadata.name', op: '=', value: 'web' }]],
  ['spec.nodeName==n1', [{ path: 'spec.nodeName', op: '=', value: 'n1' }]],
  [
    'status.phase!=Running,spec.nodeName=',
    [
      { path: 'status.phase', op: '!=', value: 'Running' },
      { path: 'spec.nodeName', op: '=', value: '' },
    ],
  ],
  ['a=x\\,y\\=z\\\\', [{ path: 'a', op: '=', value: 'x,y=z\\' }]],
])('%j is understood', (text, expected) => {
  expect(parseFieldSelector(text)).toEqual(expected);
});

test.each(['a', 'a=b=c', 'a=\\x', 'a!b'])('%j is refused with 400', (text) => {
  expect(() => parseFieldSelector(text)).toThrow(expect.objectContaining({ code: 400 }));
});
