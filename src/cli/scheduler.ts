// `porthole scheduler`: the scheduler by itself, a client of an API server, until SIGTERM or SIGINT.
import { Command } from 'commander';
import { systemClock, systemRandom } from '../apimachinery/clock.js';
import { DEFAULT_DATA_DIR, dataPaths } from '../cluster/data-paths.js';
import { startFailure } from '../cluster/start-failure.js';
import { type ElectionFlags, electionOf, withElectionFlags } from './election-flags.js';
import { address, port, verbosity } from './flags.js';
import { listenOf, type ServingFlags, withServingFlags } from './serving-flags.js';
import { stopOnSignal } from './stop-on-signal.js';

interface Flags extends ElectionFlags, ServingFlags {
  readonly dataDir: string;
  readonly kubeconfig?: string;
  readonly config?: string;
  readonly v: number;
}

export const schedulerCommand = withServingFlags(
  withElectionFlags(
    new Command('scheduler').description(
      'Run the scheduler by itself; several may run, of which one is at work. Beside `porthole server --scheduler=false` or `porthole apiserver`',
    ),
    'kube-scheduler',
  ),
)
  .option('--data-dir <dir>', "the server's data directory, for its kubeconfig of the scheduler", DEFAULT_DATA_DIR)
  .option('--kubeconfig <file>', 'another kubeconfig with a client certificate in it')
  .option(
    '--config <file>',
    'a KubeSchedulerConfiguration: profiles, plugins and their arguments; flags stand above what it says of the lease',
  )
  .option('--bind-address <ip>', 'address to serve health, metrics and decisions on', address, '127.0.0.1')
  .option('--secure-port <port>', 'port of them', port, 10259)
  .option('-v, --v <level>', 'verbosity of the log, 0 to 10', verbosity, 0)
  .action(run);

async function run(flags: Flags): Promise<void> {
  const [{ startSchedulerProcess }, { createLogger }, { componentCredentials }, { electionSettings, schedulerConfiguration }] =
    await Promise.all([
      import('../cluster/scheduler.js'),
      import('../cluster/logger.js'),
      import('./component-kubeconfig.js'),
      import('./scheduler-config.js'),
    ]);
  const log = createLogger('scheduler', flags.v);
  try {
    const configuration = await schedulerConfiguration('--config', flags.config);
    const kubeconfig = flags.kubeconfig ?? (configuration.clientConnection.kubeconfig || dataPaths(flags.dataDir).schedulerKubeconfig);
    const election = electionOf(flags, electionSettings(configuration));
    const scheduler = await startSchedulerProcess({
      credentials: await componentCredentials(kubeconfig),
      configuration,
      ...(election && { election }),
      listen: await listenOf(flags),
      clock: systemClock,
      random: systemRandom,
      log,
    });
    log.info({ port: flags.securePort }, 'the scheduler is up');
    stopOnSignal(
      () => scheduler.stop(),
      (signal) => log.info({ signal }, 'stopping'),
    );
  } catch (error) {
    const line = startFailure(error, flags);
    if (!line) throw error;
    process.stderr.write(`porthole scheduler: ${line}\n`);
    process.exitCode = 1;
  }
}
