// The pace of writes: the first change at once, bursts as one, failures again after a growing wait, and nothing after the stop.
import { describe, expect, it } from 'vitest';
import { createSyncLoop } from '../../../../agent/proxy/sync-loop.js';
import type { Clock } from '../../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';

/** Time that passes only when told to. */
class StepClock implements Clock {
  private time_ms = 0;
  private timers: { at_ms: number; fn: () => void }[] = [];
  now = () => this.time_ms;
  monotonic = () => this.time_ms;

  after(delay_ms: number, fn: () => void) {
    const timer = { at_ms: this.time_ms + delay_ms, fn };
    this.timers.push(timer);
    return {
      cancel: () => {
        this.timers = this.timers.filter((other) => other !== timer);
      },
    };
  }

  async pass(ms: number): Promise<void> {
    for (const end = this.time_ms + ms; ; ) {
      const next = this.timers.filter((timer) => timer.at_ms <= end).sort((a, b) => a.at_ms - b.at_ms)[0];
      this.time_ms = next?.at_ms ?? end;
      if (!next) return;
      this.timers = this.timers.filter((timer) => timer !== next);
      next.fn();
      await new Promise(setImmediate);
    }
  }
}

function setUp(run: (runs: number) => Promise<void> = async () => {}) {
  const clock = new StepClock();
  const at: number[] = [];
  const options = { task: 'test', clock, log: silentLogger, minInterval_ms: 100 };
  const loop = createSyncLoop({ ...options, run: () => run(at.push(clock.now())) });
  return { clock, at, loop };
}

describe('the sync loop', () => {
  it('runs for the first change at once, and for a burst once per interval', async () => {
    const { clock, at, loop } = setUp();
    for (let i = 0; i < 25; i++) {
      loop.trigger();
      await clock.pass(10);
    }
    await clock.pass(1000);
    expect(at).toEqual([0, 100, 200, 300]);
    loop.trigger();
    await clock.pass(0);
    expect(at).toHaveLength(5);
  });

  it('tries again after a failure, each time after a longer wait, until it works', async () => {
    const { clock, at, loop } = setUp(async (runs) => {
      if (runs < 4) throw new Error('no');
    });
    loop.trigger();
    await clock.pass(10_000);
    expect(at).toEqual([0, 200, 600, 1400]);
  });

  it('runs again for a change that comes while it runs, and waits for the run at the stop', async () => {
    let release = () => {};
    const { clock, at, loop } = setUp(() => new Promise((resolve) => (release = resolve)));
    loop.trigger();
    await clock.pass(0);
    loop.trigger();
    await clock.pass(500);
    expect(at).toEqual([0]);
    release();
    await new Promise(setImmediate);
    await clock.pass(0);
    expect(at).toEqual([0, 500]);
    let stopped = false;
    const stop = loop.stop().then(() => {
      stopped = true;
    });
    loop.trigger();
    await new Promise(setImmediate);
    expect(stopped).toBe(false);
    release();
    await stop;
    await clock.pass(1000);
    expect(at).toEqual([0, 500]);
  });
});
