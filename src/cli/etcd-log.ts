// `porthole etcd log`: what changed in the store at each revision.
import { Command } from 'commander';
import { type ClientFlags, etcdFailure, withClientFlags, withStore } from './etcd-common.js';
import { revision } from './flags.js';

interface Flags extends ClientFlags {
  readonly prefix: string;
  readonly since?: number;
}

export const etcdLogCommand = withClientFlags(
  new Command('log').description('Show what changed at each revision that is not yet compacted'),
)
  .option('--prefix <key>', 'only keys that start so', '')
  .option('--since <revision>', 'from this revision on', revision)
  .action((flags: Flags) =>
    etcdFailure('porthole etcd log', () =>
      withStore(flags, async (backend) => {
        const { changesSince } = await import('../etcd/changes.js');
        const { keyOfText, describeChange } = await import('../etcd/describe-change.js');
        const since = flags.since === undefined ? {} : { since: flags.since };
        for await (const change of changesSince(backend, { prefix: keyOfText(flags.prefix), ...since })) {
          process.stdout.write(`${describeChange(change)}\n`);
        }
      }),
    ),
  );
