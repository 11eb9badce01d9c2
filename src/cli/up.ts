// `porthole up`: brings up a local cluster, shows it at work with nginx, and leaves it running.
import { Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_CLUSTER, DEFAULT_NODES, DEFAULT_SUBNET } from '../cluster/local/state.js';
import type { UpFlags } from '../cluster/local/up.js';
import { PORT_API } from '../kinds/wellknown.js';
import { port } from './flags.js';
import { reportUserErrors } from './user-errors.js';

/** Not by commas: flags may have some in their values. */
const collect = (flag: string, previous: readonly string[]) => [...previous, flag];

function nodeCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('it must be a number.');
  return Number(text);
}

export const upCommand = new Command('up')
  .description('Bring up a cluster of several nodes on this machine, with nginx on it')
  .option('--cluster <name>', 'name of the cluster and of its kubectl context', DEFAULT_CLUSTER)
  .option('--nodes <n>', `number of nodes (default: as before, or ${DEFAULT_NODES})`, nodeCount)
  .option('--subnet <cidr>', `the nodes' /24 (default: as before, or ${DEFAULT_SUBNET})`)
  .option('--port <port>', `the API server's port (default: as before, or ${PORT_API})`, port)
  .addOption(
    new Option(
      '--images <source>',
      "pull: by Docker as usual; build: from this distribution's packages; auto: build where no registry answers",
    )
      .choices(['auto', 'build', 'pull'])
      .default('auto'),
  )
  .option('--no-demo', 'only the cluster, without nginx')
  .option('--no-kubeconfig', 'do not add a context to ~/.kube/config')
  .option('--json', 'print the outcome and its times as JSON')
  .option('--server-arg <flag>', 'pass a flag to porthole server (repeatable)', collect, [])
  .option('--agent-arg <flag>', 'pass a flag to each porthole agent (repeatable)', collect, [])
  .action((flags: UpFlags) =>
    reportUserErrors(async () => {
      const { up } = await import('../cluster/local/up.js');
      await up(flags);
    }),
  );
