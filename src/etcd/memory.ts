// The store in memory: the same MVCC over abstract-level's memory database, for tests of what stands on a Backend.
import { MemoryLevel } from 'memory-level';
import { type Clock, type Random, systemRandom } from '../apimachinery/clock.js';
import type { Database } from './database.js';
import type { EmbeddedBackend } from './embedded.js';
import { MvccBackend } from './mvcc.js';

export async function createMemoryBackend({
  clock,
  random = systemRandom,
}: {
  readonly clock: Clock;
  readonly random?: Random;
}): Promise<EmbeddedBackend> {
  const db = new MemoryLevel<string, Buffer>({ keyEncoding: 'utf8', valueEncoding: 'buffer' });
  await db.open();
  return MvccBackend.open({ db: db as unknown as Database, clock, random, size: async () => 0, reopen: async () => {} });
}
