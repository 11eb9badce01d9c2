// Auto-compaction: by time and by revision, as etcd's flags have it.
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { duration_ms } from '../../../src/cli/flags.js';
import { type AutoCompaction, parseAutoCompaction, startAutoCompaction } from '../../../src/etcd/auto-compaction.js';
import type { Backend } from '../../../src/etcd/backend.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { ManualClock } from '../client/fakes.js';

const MINUTE_ms = 60_000;

/** Writes once a minute for so long; returns the compacted revision at the end. */
async function compactedAfter(minutes: number, policy: AutoCompaction): Promise<number> {
  const clock = new ManualClock();
  const backend: Backend = await createMemoryBackend({ clock });
  const running = startAutoCompaction({ backend, policy, clock, log: silentLogger });
  for (let minute = 0; minute < minutes; minute++) {
    await backend.txn({ compare: [], success: [{ type: 'put', key: 'k', value: Buffer.from(String(minute)) }], failure: [] });
    clock.advance(MINUTE_ms);
    // What the timers began goes on in later turns of the event loop.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  running.stop();
  const { compactedRevision } = await backend.status();
  await backend.close();
  return compactedRevision;
}

describe('auto-compaction', () => {
  it('by time keeps what is younger, and looks once an hour at the most', async () => {
    expect(await compactedAfter(119, { mode: 'periodic', retention_ms: 60 * MINUTE_ms })).toBeLessThanOrEqual(61);
    const compacted = await compactedAfter(180, { mode: 'periodic', retention_ms: 60 * MINUTE_ms });
    // 180 minutes, an hour kept, and up to an hour until the next look.
    expect(compacted).toBeGreaterThanOrEqual(60);
    expect(compacted).toBeLessThanOrEqual(121);
  });

  it('by time keeps all while nothing is old enough', async () => {
    expect(await compactedAfter(59, { mode: 'periodic', retention_ms: 60 * MINUTE_ms })).toBe(0);
  });

  it('by revision keeps that many', async () => {
    expect(await compactedAfter(30, { mode: 'revision', retention: 10 })).toBe(21);
    expect(await compactedAfter(8, { mode: 'revision', retention: 10 })).toBe(0);
  });

  it.each([
    ['periodic', '0', undefined],
    ['periodic', '1', { mode: 'periodic', retention_ms: 3600_000 }],
    ['periodic', '5m', { mode: 'periodic', retention_ms: 300_000 }],
    ['revision', '1000', { mode: 'revision', retention: 1000 }],
    ['revision', '0', undefined],
  ])('reads %s %s', (mode, retention, policy) => {
    expect(parseAutoCompaction(mode, retention, duration_ms)).toEqual(policy);
  });

  it('refuses what etcd does', () => {
    expect(() => parseAutoCompaction('revision', '5m', duration_ms)).toThrow('is no number of revisions');
    expect(() => parseAutoCompaction('sometimes', '5m', duration_ms)).toThrow('give periodic or revision');
  });
});
