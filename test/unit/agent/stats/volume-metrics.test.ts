// What is told of the volumes that pods claim: by the claim's name, whatever the volume behind it is called.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { DiskUsage } from '../../../../agent/stats/disk-usage.js';
import { volumesOf } from '../../../../agent/stats/summary.js';
import { volumeMetrics } from '../../../../agent/stats/volume-metrics.js';
import { noteClaim } from '../../../../agent/volumes/claim.js';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import { Exposition } from '../../../../src/apimachinery/exposition.js';
import { pod } from '../kubelet/fixtures.js';

const rootDirectory = mkdtempSync(join(tmpdir(), 'porthole-volumes-'));
afterAll(() => rmSync(rootDirectory, { recursive: true }));

it('is what their file systems have left, once for each claim', async () => {
  const volumes = [
    { name: 'data', persistentVolumeClaim: { claimName: 'mine' } },
    { name: 'own', ephemeral: {} },
    { name: 'scratch', emptyDir: {} },
  ];
  const all = ['a', 'b'].map((name) => pod({ volumes } as never, {}, { name, uid: `uid-${name}` }));
  for (const { metadata } of all) {
    const directory = join(rootDirectory, 'pods', metadata.uid);
    const make = (plugin: string, volume: string) => mkdirSync(join(directory, 'volumes', plugin, volume), { recursive: true });
    make('kubernetes.io~local-volume', 'pv-1');
    make('kubernetes.io~local-volume', `pv-${metadata.name}`);
    make('kubernetes.io~empty-dir', 'scratch');
    await noteClaim(directory, 'pv-1', 'mine');
    await noteClaim(directory, `pv-${metadata.name}`, `${metadata.name}-own`);
  }
  const options = {
    rootDirectory,
    lookup: { pods: () => all, pod: (_namespace: string, name: string) => all.find(({ metadata }) => metadata.name === name) },
    disk: new DiskUsage(systemClock, 1000),
  };
  const found = await volumesOf(options, { uid: 'uid-a', namespace: 'shop', name: 'a' });
  expect(found.map(({ name, claim }) => [name, claim.pvcRef?.name]).sort()).toEqual([
    ['data', 'mine'],
    ['own', 'a-own'],
    ['scratch', undefined],
  ]);
  const out = new Exposition();
  (await volumeMetrics(options))(out);
  const lines = out.toString().split('\n');
  const labelled = (name: string) =>
    lines.filter((line) => line.startsWith(`kubelet_volume_stats_${name}{`)).map((line) => line.split(' '));
  expect(labelled('capacity_bytes').map(([name]) => name)).toEqual(
    ['mine', 'a-own', 'b-own'].map((claim) => `kubelet_volume_stats_capacity_bytes{namespace="shop",persistentvolumeclaim="${claim}"}`),
  );
  const [capacity, available, used] = ['capacity_bytes', 'available_bytes', 'used_bytes'].map((name) => Number(labelled(name)[0]![1]));
  expect(capacity).toBeGreaterThan(0);
  expect(available! + used!).toBeLessThanOrEqual(capacity!);
});
