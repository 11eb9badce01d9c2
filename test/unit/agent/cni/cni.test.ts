// What an agent that starts learns of the networks that the one before it has wired.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { CniNetwork } from '../../../../agent/cni/cni.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';

const stateDirectory = mkdtempSync(join(tmpdir(), 'porthole-cni-'));
const results = join(stateDirectory, 'results');
afterEach(() => rmSync(stateDirectory, { recursive: true }));

it('is all but what goes in that very moment', async () => {
  mkdirSync(results);
  writeFileSync(join(results, 'stays.json'), JSON.stringify({ result: { ips: [{ address: '10.0.0.7/24' }] } }));
  // Named in the directory, and not there to be read: as a file that is removed in between.
  symlinkSync(join(results, 'nowhere'), join(results, 'goes.json'));
  const network = await CniNetwork.open({ confDirectory: '', binDirectories: [], stateDirectory, log: silentLogger });
  expect(network.ips('stays')).toEqual(['10.0.0.7']);
  expect(network.ips('goes')).toEqual([]);
});
