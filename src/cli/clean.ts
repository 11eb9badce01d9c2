// `porthole clean`: removes every trace of a local cluster, running, stopped or killed.
import { Command } from 'commander';
import { DEFAULT_CLUSTER } from '../cluster/local/state.js';
import { reportUserErrors } from './user-errors.js';

export const cleanCommand = new Command('clean')
  .description('Remove every trace of a local cluster: processes, namespaces, links, iptables chains, containers, data')
  .option('--cluster <name>', 'name of the cluster', DEFAULT_CLUSTER)
  .action((flags: { readonly cluster: string }) =>
    reportUserErrors(async () => {
      const { clean } = await import('../cluster/local/clean.js');
      process.stdout.write(`${await clean(flags.cluster)}\n`);
    }),
  );
