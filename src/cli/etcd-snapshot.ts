// `porthole etcd snapshot save|status|restore FILE`: the whole store in a file, and back.
import { resolve } from 'node:path';
import { Command } from 'commander';
import { systemClock } from '../apimachinery/clock.js';
import { DEFAULT_DATA_DIR, dataPaths } from '../cluster/data-paths.js';
import type { SnapshotStatus } from '../etcd/snapshot.js';
import { type ClientFlags, clientTls, endpointsOf, etcdFailure, withClientFlags } from './etcd-common.js';

interface DirFlags {
  readonly dataDir: string;
}

const save = withClientFlags(new Command('save').description('save the store of a running server'))
  .argument('[file]', 'where to; without it, beside the store, where a start that finds it corrupt looks')
  .option('--data-dir <dir>', 'the store: its snapshots lie beside it', dataPaths(DEFAULT_DATA_DIR).etcd)
  .action((file: string | undefined, flags: ClientFlags & DirFlags) =>
    etcdFailure('porthole etcd snapshot save', async () => {
      const [{ fetchSnapshot }, { defaultSnapshotFile, saveSnapshot, noteSnapshot }] = await Promise.all([
        import('../etcd/grpc/snapshot-client.js'),
        import('../etcd/snapshot.js'),
      ]);
      const [endpoint, another] = endpointsOf(flags);
      if (!endpoint || another) throw new Error('a snapshot is of one server: give one in --endpoints');
      const path = resolve(file ?? defaultSnapshotFile(flags.dataDir, systemClock.now()));
      const status = await saveSnapshot(fetchSnapshot(endpoint, await clientTls(flags)), path);
      if (file !== undefined) await noteSnapshot(flags.dataDir, path);
      show(path, status);
    }),
  );

const status = new Command('status')
  .description('check a snapshot and tell what is in it')
  .argument('<file>')
  .action((file: string) =>
    etcdFailure('porthole etcd snapshot status', async () => {
      const { snapshotStatus } = await import('../etcd/snapshot.js');
      show(file, await snapshotStatus(file));
    }),
  );

const restore = new Command('restore')
  .description('make a store from a snapshot, where there is none')
  .argument('<file>')
  .option('--data-dir <dir>', 'the store to make', dataPaths(DEFAULT_DATA_DIR).etcd)
  .action((file: string, { dataDir }: DirFlags) =>
    etcdFailure('porthole etcd snapshot restore', async () => {
      const { restoreSnapshot } = await import('../etcd/snapshot.js');
      const { revision, keys } = await restoreSnapshot(file, resolve(dataDir));
      process.stdout.write(`restored ${dataDir} from ${file}: ${keys} keys at revision ${revision}\n`);
    }),
  );

export const etcdSnapshotCommand = new Command('snapshot')
  .description('Save, check and restore the whole store')
  .addCommand(save)
  .addCommand(status)
  .addCommand(restore);

function show(file: string, { revision, keys, size_bytes, saved, hash }: SnapshotStatus): void {
  const rows = [
    ['file', file],
    ['saved', saved],
    ['revision', revision],
    ['keys', keys],
    ['bytes', size_bytes],
    ['sha256', hash],
  ];
  process.stdout.write(rows.map(([name, value]) => `${String(name).padEnd(10)}${value}\n`).join(''));
}
