// When probes are tried, and what their results in a row amount to.
import { describe, expect, it } from 'vitest';
import { resolvePort } from '../../../../agent/probes/probe.js';
import { type ProbeKind, Prober } from '../../../../agent/probes/prober.js';
import type { Probe } from '../../../../src/kinds/types/core_v1.js';
import { ManualClock } from '../../client/fakes.js';
import { container, T0_MS } from '../kubelet/fixtures.js';

function setUp(kind: ProbeKind, probe: Probe, results: readonly (boolean | 'unknown' | 'warning')[], mayRun = () => true) {
  const clock = new ManualClock();
  const told: string[] = [];
  const tries: number[] = [];
  const prober = new Prober({
    kind,
    probe,
    containerStartedAt_ms: T0_MS,
    initial: kind === 'liveness' ? 'success' : kind === 'readiness' ? 'failure' : 'unknown',
    clock,
    mayRun,
    async probeOnce() {
      tries.push((clock.now() - T0_MS) / 1000);
      const result = results[tries.length - 1] ?? results.at(-1)!;
      return { result: result === true ? 'success' : result === false ? 'failure' : result, output: 'no' };
    },
    onOutcome: ({ result }) => result !== 'success' && told.push(result === 'failure' ? 'failed' : result),
    onVerdict: (verdict) => told.push(verdict),
  });
  return { clock, told, tries, prober };
}

describe('a prober', () => {
  it('waits, tries at each period, and needs so many successes', async () => {
    const { clock, told, tries } = setUp(
      'readiness',
      { initialDelaySeconds: 3, periodSeconds: 2, successThreshold: 2, failureThreshold: 2 },
      [false, true, true, true, false, false],
    );
    await clock.advance(14_000);
    expect(tries).toEqual([3, 5, 7, 9, 11, 13]);
    expect(told).toEqual(['failed', 'success', 'failed', 'failed', 'failure']);
  });

  it('counts for nothing what could not be made, and a warning as a success', async () => {
    const { clock, told } = setUp('liveness', { periodSeconds: 1, failureThreshold: 2 }, [
      false,
      'unknown',
      'warning',
      false,
      'unknown',
      false,
    ]);
    await clock.advance(4_000);
    expect(told).toEqual(['failed', 'unknown', 'warning', 'failed', 'unknown']);
    await clock.advance(1_000);
    expect(told.slice(5)).toEqual(['failed', 'failure']);
  });

  it('of liveness gives up after so many failures, and is done then', async () => {
    const { clock, told, tries } = setUp('liveness', { periodSeconds: 1, failureThreshold: 3 }, [true, false]);
    await clock.advance(20_000);
    expect(tries).toEqual([0, 1, 2, 3]);
    expect(told).toEqual(['failed', 'failed', 'failed', 'failure']);
  });

  it('of startup is done when it has succeeded', async () => {
    const { clock, told, tries } = setUp('startup', { periodSeconds: 1 }, [false, true]);
    await clock.advance(20_000);
    expect(tries).toEqual([0, 1]);
    expect(told).toEqual(['failed', 'success']);
  });

  it('holds back until it may run, and hurries then', async () => {
    let open = false;
    const { clock, tries, prober } = setUp('readiness', { periodSeconds: 10 }, [true], () => open);
    await clock.advance(5_000);
    open = true;
    prober.hurry();
    await clock.advance(0);
    expect(tries).toEqual([5]);
    prober.stop();
    await clock.advance(60_000);
    expect(tries).toEqual([5]);
  });
});

it('finds ports by number and by name', () => {
  const main = container('main', { ports: [{ name: 'web', containerPort: 8080 }] });
  expect(resolvePort(80, main)).toBe(80);
  expect(resolvePort('web', main)).toBe(8080);
  expect(() => resolvePort('nope', main)).toThrow("couldn't find port: nope");
});
