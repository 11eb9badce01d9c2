// `porthole down`: stops a local cluster and keeps its data.
import { Command } from 'commander';
import { DEFAULT_CLUSTER } from '../cluster/local/state.js';
import { reportUserErrors } from './user-errors.js';

export const downCommand = new Command('down')
  .description('Stop a local cluster; its objects, images and volumes stay for the next start')
  .option('--cluster <name>', 'name of the cluster', DEFAULT_CLUSTER)
  .action((flags: { readonly cluster: string }) =>
    reportUserErrors(async () => {
      const { down } = await import('../cluster/local/down.js');
      process.stdout.write(`${await down(flags.cluster)}\n`);
    }),
  );
