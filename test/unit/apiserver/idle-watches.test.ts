// Watches at rest: what happens while nothing changes does not grow with the number of watches.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { openWatch } from '../../../src/apiserver/handlers/watch.js';
import { EventEncoder } from '../../../src/apiserver/http/encode-events.js';
import { HttpWatch } from '../../../src/apiserver/http/http-watch.js';
import { JSON_FORM } from '../../../src/apiserver/http/negotiate.js';
import type { Resource } from '../../../src/apiserver/resources.js';
import { Storage } from '../../../src/apiserver/storage/storage.js';
import { Turns } from '../../../src/apiserver/storage/turns.js';
import { WatchCache } from '../../../src/apiserver/storage/watch-cache.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { ManualClock } from '../client/fakes.js';

const MINUTES = 25;

/** Tells how often it has called somebody back. */
class CountingClock extends ManualClock {
  fired = 0;
  override after(delay_ms: number, fn: () => void) {
    return super.after(delay_ms, () => {
      this.fired++;
      fn();
    });
  }
}

async function atRest(count: number, bookmarks: boolean): Promise<{ fired: number; writes: number }> {
  const clock = new CountingClock();
  const backend = await createMemoryBackend({ clock: systemClock });
  const storage = new Storage(configMaps, backend, new Turns(clock), undefined);
  const cache = new WatchCache(storage, backend, clock, silentLogger);
  await cache.ready();
  const resource = { kind: configMaps, storage, cache } as unknown as Resource;
  let writes = 0;
  const out = { write: () => ++writes > 0, once() {}, end() {}, destroy() {} };
  const parameters = { prefix: storage.prefix, matches: undefined, after: cache.revision, bookmarks, initialEventsEnd: false };
  const stops = Array.from({ length: count }, () =>
    openWatch(
      { type: 'watch', resource, parameters: { ...parameters, timeout_ms: undefined } as never },
      new HttpWatch(out, new EventEncoder(resource, JSON_FORM, () => clock.now()), clock),
      clock,
      0.5,
    ),
  );
  await clock.advance(MINUTES * 60_000);
  for (const stop of stops) stop();
  cache.close();
  await backend.close();
  return { fired: clock.fired, writes };
}

describe('watches at rest', () => {
  it('are called back by no timer and are written nothing', async () => {
    const [one, many] = [await atRest(1, false), await atRest(500, false)];
    expect(many).toEqual(one);
    expect(one.writes).toBe(0);
  });

  it('that want bookmarks get one a minute, from one timer for all', async () => {
    const [one, many] = [await atRest(1, true), await atRest(500, true)];
    expect(many.fired).toBe(one.fired);
    expect(one.writes).toBe(MINUTES);
    expect(many.writes).toBe(500 * MINUTES);
  });
});
