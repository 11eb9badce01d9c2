// Supervised processes: started, found, restarted when they die, ended with their supervisor, and told apart from others.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import {
  childPid,
  deathOf,
  isAlive,
  processesOf,
  startSupervised,
  stopSupervised,
  supervisorPid,
} from '../../../../src/cluster/local/process.js';
import type { ProcessLayout } from '../../../../src/cluster/local/state.js';
import { waitFor } from '../../../../src/cluster/local/wait.js';

const TIMEOUT_MS = 5_000;
let directory: string;
let layout: ProcessLayout;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'porthole-process-'));
  layout = { pidFile: join(directory, 'x.pid'), logFile: join(directory, 'x.log') };
});

afterEach(async () => {
  await stopSupervised(layout, systemClock, TIMEOUT_MS);
  await rm(directory, { recursive: true });
});

const until = <T>(probe: () => Promise<T | undefined>, what: string) =>
  waitFor(probe, { clock: systemClock, timeout_ms: TIMEOUT_MS, what });

async function running(other?: number): Promise<{ supervisor: number; child: number }> {
  const child = await until(async () => {
    const pid = await childPid(layout);
    return pid === other ? undefined : pid;
  }, 'a child');
  return { supervisor: await until(() => supervisorPid(layout), 'a supervisor'), child };
}

test('a command that is killed is started again, and ends with its supervisor', async () => {
  await startSupervised(layout, ['sleep', '1000']);
  const first = await running();
  process.kill(first.child, 'SIGKILL');
  const second = await running(first.child);
  expect(second.supervisor).toBe(first.supervisor);
  await stopSupervised(layout, systemClock, TIMEOUT_MS);
  expect(await isAlive(second.supervisor)).toBe(false);
  expect(await isAlive(second.child)).toBe(false);
  expect(await supervisorPid(layout)).toBeUndefined();
});

test('a command that does not heed TERM is killed after the grace period', async () => {
  await startSupervised(layout, ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done']);
  const { child } = await running();
  await until(async () => ((await readFile(layout.logFile, 'utf8')).includes('ready\n') ? true : undefined), 'the trap');
  await stopSupervised(layout, systemClock, 200);
  expect(await isAlive(child)).toBe(false);
  // Nor is anything of the supervisor left, its log keeper included.
  expect(await processesOf([directory], () => true)).toEqual([]);
});

test('why a command died is its own error line, of this start only', async () => {
  await startSupervised(layout, ['sh', '-c', 'echo "porthole server: port 6443 is in use"; echo more; exit 1']);
  expect(await until(() => deathOf(layout), 'a death')).toBe(`porthole server: port 6443 is in use (log: ${layout.logFile})`);
  await stopSupervised(layout, systemClock, TIMEOUT_MS);
  await startSupervised(layout, ['sleep', '1000']);
  await running();
  expect(await deathOf(layout)).toBeUndefined();
});

test('processes are found by a path on their command line, and only those that are wanted', async () => {
  await startSupervised(layout, ['sh', '-c', 'while :; do sleep 0.1; done', join(directory, 'data')]);
  const { supervisor, child } = await running();
  const found = await processesOf([directory], () => true);
  expect(found).toContain(supervisor);
  expect(found).toContain(child);
  expect(await processesOf([directory], () => false)).toEqual([]);
  expect(await processesOf([`${directory}-other`], () => true)).toEqual([]);
});
