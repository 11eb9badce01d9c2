// Health endpoints in upstream's form: in all, one by one, with checks left out, and when something is wrong.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger as log } from '../../../src/apimachinery/logger.js';
import { Health } from '../../../src/apiserver/health.js';
import type { Backend } from '../../../src/etcd/backend.js';

type Range = Backend['range'];
const answers: Range = async () => ({ revision: 1, kvs: [], more: false, count: 0 });
const down: Range = () => Promise.reject(new Error('connection refused'));

function healthOf(range: Range, clock = systemClock) {
  const health = new Health({ backend: { range } as Backend, clock, log });
  const ask = (path: string, query = '') => health.report(path, new URLSearchParams(query));
  return { health, ask };
}

describe('a server that starts', () => {
  it('is not ready before it serves, and not any more when it stops, but lives on', async () => {
    const { health, ask } = healthOf(answers);
    expect(await ask('/readyz')).toEqual({
      healthy: false,
      text: '[+]ping ok\n[+]etcd ok\n[-]poststarthook/bootstrap-controller failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n',
    });
    health.state = 'ready';
    for (const path of ['/readyz', '/livez', '/healthz']) expect(await ask(path)).toEqual({ healthy: true, text: 'ok' });
    health.state = 'stopping';
    expect(await ask('/readyz/shutdown')).toEqual({ healthy: false, text: 'internal server error: process is shutting down\n' });
    expect((await ask('/readyz'))!.healthy).toBe(false);
    expect((await ask('/livez'))!.healthy).toBe(true);
  });
});

describe('a store that is down', () => {
  it('shows, its reason only where that check is asked for', async () => {
    const { health, ask } = healthOf(down);
    health.state = 'ready';
    const { healthy, text } = (await ask('/livez'))!;
    expect(healthy).toBe(false);
    expect(text).toContain('[-]etcd failed: reason withheld\n');
    expect(text).not.toContain('refused');
    expect(await ask('/livez/etcd')).toEqual({ healthy: false, text: 'internal server error: connection refused\n' });
    expect(await ask('/livez/ping')).toEqual({ healthy: true, text: 'ok' });
    expect((await ask('/livez', 'exclude=etcd'))!.text).toBe('ok');
  });

  it('or does not answer, fails its check in a bounded time', async () => {
    const clock = {
      ...systemClock,
      after(_delay_ms: number, fn: () => void) {
        queueMicrotask(fn);
        return { cancel() {} };
      },
    };
    const { ask } = healthOf(() => new Promise(() => {}), clock);
    expect(await ask('/livez/etcd')).toEqual({ healthy: false, text: 'internal server error: the store does not answer\n' });
  });
});

it('lists its checks when asked to, and says what cannot be left out', async () => {
  const { health, ask } = healthOf(answers);
  health.state = 'ready';
  expect((await ask('/livez', 'verbose'))!.text).toBe(
    '[+]ping ok\n[+]etcd ok\n[+]poststarthook/bootstrap-controller ok\nlivez check passed\n',
  );
  expect((await ask('/readyz', 'verbose&exclude=etcd&exclude=ping&exclude=nothing'))!.text).toBe(
    '[+]ping excluded: ok\n[+]etcd excluded: ok\n[+]poststarthook/bootstrap-controller ok\n[+]shutdown ok\n' +
      'warn: some health checks cannot be excluded: no matches for "nothing"\nreadyz check passed\n',
  );
  expect(await ask('/readyz/nothing')).toBeUndefined();
  expect(await ask('/constructor')).toBeUndefined();
  expect(health.paths()).toContain('/readyz/poststarthook/bootstrap-controller');
});
