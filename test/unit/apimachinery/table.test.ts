import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { humanDuration, type TableColumn, tableOf } from '../../../src/apimachinery/table.js';

const NOW_MS = Date.parse('2024-06-01T12:00:00Z');
const object = (name: string, creationTimestamp: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, uid: 'u', resourceVersion: '7', creationTimestamp },
});
const column = (name: string, priority = 0): TableColumn => ({
  name,
  type: 'string',
  priority,
  description: '',
  cell: (o) => `${name} of ${o.metadata.name}`,
});
const rows = [object('a', '2024-06-01T11:54:30Z')];

describe('columns', () => {
  test('Name and Age stand around the own ones, those for wide output come last', () => {
    const table = tableOf({ columns: [column('Ready'), column('IP', 1), column('Status')] }, rows, {
      now_ms: NOW_MS,
      resourceVersion: '9',
    });
    expect(table.columnDefinitions.map((c) => c.name)).toEqual(['Name', 'Ready', 'Status', 'Age', 'IP']);
    expect(table.columnDefinitions[0]).toMatchObject({ type: 'string', format: 'name', priority: 0 });
    expect(table.rows[0]?.cells).toEqual(['a', 'Ready of a', 'Status of a', '5m30s', 'IP of a']);
    expect(table.metadata).toEqual({ resourceVersion: '9' });
  });

  test('a kind that brings its own Name brings all of them', () => {
    const table = tableOf({ columns: [column('X'), column('Name', 1)] }, rows, { now_ms: NOW_MS, resourceVersion: '9' });
    expect(table.columnDefinitions.map((c) => c.name)).toEqual(['X', 'Name']);
  });

  test('watch events may leave the definitions out, the cells stay', () => {
    const table = tableOf({}, rows, { now_ms: NOW_MS, resourceVersion: '9', withoutColumns: true });
    expect(table.columnDefinitions).toEqual([]);
    expect(table.rows[0]?.cells).toEqual(['a', '5m30s']);
  });
});

test('rows carry the metadata, the object or nothing', () => {
  const carried = (includeObject?: 'None' | 'Metadata' | 'Object') =>
    tableOf({}, rows, { now_ms: NOW_MS, resourceVersion: '9', ...(includeObject ? { includeObject } : {}) }).rows[0]?.object;
  expect(carried()).toEqual({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: rows[0]?.metadata });
  expect(carried('Object')).toBe(rows[0]);
  expect(carried('None')).toBeUndefined();
});

test('a page that is not the last says how to go on', () => {
  const table = tableOf({}, [], { now_ms: NOW_MS, resourceVersion: '9', continue: 'token', remainingItemCount: 3 });
  expect(table.metadata).toEqual({ resourceVersion: '9', continue: 'token', remainingItemCount: 3 });
});

const [SECOND, MINUTE, HOUR, DAY] = [1, 60, 3600, 86400];
test.each([
  [-5 * SECOND, '<invalid>'],
  [-SECOND, '0s'],
  [0, '0s'],
  [119 * SECOND, '119s'],
  [2 * MINUTE, '2m'],
  [5 * MINUTE + 30, '5m30s'],
  [10 * MINUTE + 30, '10m'],
  [179 * MINUTE, '179m'],
  [3 * HOUR, '3h'],
  [3 * HOUR + 5 * MINUTE, '3h5m'],
  [47 * HOUR, '47h'],
  [2 * DAY, '2d'],
  [2 * DAY + 3 * HOUR, '2d3h'],
  [8 * DAY + 3 * HOUR, '8d'],
  [729 * DAY, '729d'],
  [730 * DAY, '2y'],
  [765 * DAY, '2y35d'],
  [3000 * DAY, '8y'],
])('%d seconds are shown as %s', (seconds, expected) => {
  expect(humanDuration(seconds * 1000)).toBe(expected);
});

test('an object without a creation time has an unknown age', () => {
  const table = tableOf({}, [object('a', '')], { now_ms: NOW_MS, resourceVersion: '1' });
  expect(table.rows[0]?.cells).toEqual(['a', '<unknown>']);
});
