// Graceful node shutdown, the pure parts, and logind's signal as a real bus carries it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../../../agent/config/load.js';
import { checkShutdown, shutdownGroups, shutdownPeriod_ms } from '../../../../agent/kubelet/shutdown/groups.js';
import { parsePrepareForShutdown, systemdLogind } from '../../../../agent/kubelet/shutdown/logind.js';
import { systemExec } from '../../../../agent/proxy/exec.js';
import { pod } from './fixtures.js';

const named = (name: string, priority?: number) => pod(priority === undefined ? {} : { priority }, {}, { name });

describe('who ends when', () => {
  const settings = readSettings({ shutdownGracePeriod: '30s', shutdownGracePeriodCriticalPods: '10s' });
  it('is the critical last, each in its part of the time', () => {
    const all = [named('dns', 2_000_000_000), named('web'), named('batch', -5), named('proxy', 2_000_001_000)];
    const groups = shutdownGroups(all, settings).map(({ pods, period_s }) => [period_s, ...pods.map(({ metadata }) => metadata.name)]);
    expect(groups).toEqual([
      [20, 'web', 'batch'],
      [10, 'dns', 'proxy'],
    ]);
    expect(shutdownGroups([named('web')], settings)).toHaveLength(1);
  });
  it('is as somebody has shared the time out among priorities', () => {
    const byPriority = readSettings({
      shutdownGracePeriodByPodPriority: [
        { priority: 1000, shutdownGracePeriodSeconds: 5 },
        { priority: 0, shutdownGracePeriodSeconds: 60 },
        { priority: 2_000_000_000, shutdownGracePeriodSeconds: 7 },
      ],
    });
    const all = [named('dns', 2_000_000_000), named('web'), named('batch', -5), named('much', 1000), named('more', 1999)];
    expect(shutdownGroups(all, byPriority).map(({ pods, period_s }) => [period_s, ...pods.map(({ metadata }) => metadata.name)])).toEqual([
      [60, 'web', 'batch'],
      [5, 'much', 'more'],
      [7, 'dns'],
    ]);
    expect(shutdownPeriod_ms(byPriority)).toBe(72_000);
    expect(() => checkShutdown({ ...byPriority, shutdownGracePeriod: 1 })).toThrow('Cannot specify both');
  });
  it('cannot be with more time for the critical than for all', () => {
    expect(() => checkShutdown({ ...settings, shutdownGracePeriod: 5_000 })).toThrow('shutdownGracePeriodCriticalPods');
  });
});

it('reads what busctl tells', () => {
  const line = (member: string, data: unknown[]) => JSON.stringify({ type: 'signal', member, payload: { type: 'b', data } });
  expect(parsePrepareForShutdown(line('PrepareForShutdown', [true]))).toBe(true);
  expect(parsePrepareForShutdown(line('PrepareForShutdown', [false]))).toBe(false);
  expect(parsePrepareForShutdown(line('PrepareForSleep', [true]))).toBeUndefined();
});

describe('a bus', () => {
  let directory: string;
  let daemon: ChildProcess;
  let address: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'porthole-bus-'));
    const everything = '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>';
    const config = `<busconfig><type>session</type><listen>unix:path=${directory}/bus</listen><policy context="default">${everything}</policy></busconfig>`;
    writeFileSync(join(directory, 'bus.conf'), config);
    daemon = spawn('dbus-daemon', [`--config-file=${directory}/bus.conf`, '--nofork', '--print-address=1'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    address = await new Promise((resolve) => createInterface({ input: daemon.stdout! }).once('line', resolve));
  });

  afterAll(() => {
    daemon.kill('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  });

  it('carries the signal that a shutdown begins, and that it was called off', async () => {
    const heard: boolean[] = [];
    const logind = systemdLogind(systemExec, [`--address=${address}`]);
    let failed = '';
    const watching = logind.watch(
      (isGoingDown) => heard.push(isGoingDown),
      (why) => {
        failed = why;
      },
    );
    const emit = (value: string) =>
      execFileSync('busctl', [
        `--address=${address}`,
        'emit',
        '/org/freedesktop/login1',
        'org.freedesktop.login1.Manager',
        'PrepareForShutdown',
        'b',
        value,
      ]);
    // Who listens too late misses a signal: asked again until it is heard.
    for (let tries = 0; heard.length === 0 && tries < 100 && !failed; tries++) {
      emit('true');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    emit('false');
    await expect.poll(() => heard.at(-1), { timeout: 10_000 }).toBe(false);
    expect(heard[0]).toBe(true);
    watching.close();
    expect(failed).toBe('');
  });
});
