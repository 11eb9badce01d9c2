// The log of changed nodes: what a reader has missed, and when it has to look at all of them.
import { expect, test } from 'vitest';
import { ChangeLog, ChangeReader } from '../../../src/scheduler/change-log.js';

test('a reader is told what has changed since it last read, and at first nothing can be told', () => {
  const [log, reader] = [new ChangeLog(), new ChangeReader()];
  log.add(3);
  expect(reader.read(log)).toBeUndefined();
  expect(reader.read(log)).toEqual([]);
  for (const at of [1, 2, 1]) log.add(at);
  expect(reader.read(log)).toEqual([1, 2, 1]);
});

test('once the indices are others, or another log is read, or none, any node may have changed', () => {
  const [log, other, reader] = [new ChangeLog(), new ChangeLog(), new ChangeReader()];
  reader.read(log);
  log.reset();
  expect(reader.read(log)).toBeUndefined();
  log.add(1);
  expect([reader.read(log), reader.read(other), reader.read(undefined), reader.read(log)]).toEqual([[1], undefined, undefined, undefined]);
});

test('who reads too seldom has to look at all nodes, and who reads often enough misses nothing', () => {
  const [log, often, seldom] = [new ChangeLog(), new ChangeReader(), new ChangeReader()];
  for (const reader of [often, seldom]) reader.read(log);
  const seen: number[] = [];
  const all = Array.from({ length: 20_000 }, (_, i) => i % 100);
  for (const [i, at] of all.entries()) {
    log.add(at);
    if (i % 1000 === 999) seen.push(...often.read(log)!);
  }
  expect(seen).toEqual(all);
  expect(seldom.read(log)).toBeUndefined();
});
