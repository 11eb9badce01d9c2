// `porthole etcd copy`: moves the keys, values and leases of one store to another, from the embedded one to an etcd cluster or back.
import { Command } from 'commander';
import { etcdFailure, withStore } from './etcd-common.js';

interface Flags {
  readonly from: string;
  readonly to: string;
  readonly fromCacert?: string;
  readonly fromCert?: string;
  readonly fromKey?: string;
  readonly toCacert?: string;
  readonly toCert?: string;
  readonly toKey?: string;
}

export const etcdCopyCommand = new Command('copy')
  .description('Copy all keys, values and leases to another, empty store; stop the API server first')
  .requiredOption('--from <url>', 'server of the store to read')
  .requiredOption('--to <url>', 'server of the store to fill')
  .option('--from-cacert <file>', "authority of the one's certificate (default: this machine's own)")
  .option('--from-cert <file>', 'client certificate for it')
  .option('--from-key <file>', 'its key')
  .option('--to-cacert <file>', "authority of the other's certificate (default: this machine's own)")
  .option('--to-cert <file>', 'client certificate for it')
  .option('--to-key <file>', 'its key')
  .action((flags: Flags) =>
    etcdFailure('porthole etcd copy', async () => {
      const { copyStore } = await import('../etcd/copy.js');
      const from = clientFlags(flags.from, flags.fromCacert, flags.fromCert, flags.fromKey);
      const to = clientFlags(flags.to, flags.toCacert, flags.toCert, flags.toKey);
      const { keys, leases, revision } = await withStore(from, (source) => withStore(to, (target) => copyStore(source, target)));
      process.stdout.write(`copied ${keys} keys and ${leases} leases as they were at revision ${revision}\n`);
    }),
  );

const clientFlags = (url: string, cacert: string | undefined, cert: string | undefined, key: string | undefined) => ({
  endpoints: url.split(','),
  ...(cacert && { cacert }),
  ...(cert && { cert }),
  ...(key && { key }),
});
