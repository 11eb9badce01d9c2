// `porthole server`: the control plane in one process, until SIGTERM or SIGINT.
import { Command } from 'commander';
import type { ControlPlaneOptions, EtcdListenOptions } from '../cluster/control-plane.js';
import { dataPaths } from '../cluster/data-paths.js';
import { UserError } from '../cluster/local/user-error.js';
import { startFailure } from '../cluster/start-failure.js';
import type { ListenUrl } from '../etcd/grpc/server.js';
import { PORT_ETCD } from '../kinds/wellknown.js';
import { type ApiServerFlags, apiServerSetup, etcdServersOf, withApiServerFlags } from './apiserver-flags.js';
import { CONTROLLER_LEASE, type ControllerFlags, controllerNames, controllerSettings, withControllerFlags } from './controller-flags.js';
import { electionDefaults, electionOf } from './election-flags.js';
import { bool, listenUrls } from './flags.js';
import { stopOnSignal } from './stop-on-signal.js';

interface Flags extends ApiServerFlags, ControllerFlags {
  readonly etcdListenClientUrls?: readonly ListenUrl[];
  readonly manifests?: string;
  readonly scheduler: boolean;
  readonly schedulerConfig?: string;
}

export const serverCommand = withControllerFlags(
  withApiServerFlags(new Command('server').description('Run the control plane: etcd, API server, controllers and scheduler')),
)
  .option(
    '--etcd-listen-client-urls <urls>',
    `where etcd's own clients are served, with certificates from pki/etcd; empty: nowhere (default: port ${PORT_ETCD} of 127.0.0.1 and --advertise-address)`,
    listenUrls,
  )
  .option('--manifests <dir>', 'the folder whose manifests are applied and kept in step (default: server/manifests in --data-dir)')
  .option(
    '--scheduler [bool]',
    'whether the scheduler runs here; false: it is a `porthole scheduler` or another, or there is none',
    bool,
    true,
  )
  .option('--scheduler-config <file>', 'a KubeSchedulerConfiguration for it: profiles, plugins and their arguments')
  .action(run);

async function run(flags: Flags): Promise<void> {
  const [{ startControlPlane }, { createLogger }, { chooseAdvertiseAddress }] = await Promise.all([
    import('../cluster/control-plane.js'),
    import('../cluster/logger.js'),
    import('../cluster/addresses.js'),
  ]);
  const log = createLogger('server', flags.v);
  try {
    const advertiseAddress = flags.advertiseAddress ?? (await chooseAdvertiseAddress(flags.bindAddress));
    const etcdListen = etcdListenOptions(flags, advertiseAddress);
    const plane = await startControlPlane({
      ...planeOptions(flags),
      ...(await schedulingOptions(flags)),
      advertiseAddress,
      etcdListen,
      log,
    });
    log.info({ url: plane.url, dataDir: flags.dataDir }, 'the control plane is up');
    stopOnSignal(
      () => plane.stop(),
      (signal) => log.info({ signal }, 'stopping'),
    );
  } catch (error) {
    const line = startFailure(error, flags);
    if (!line) throw error;
    process.stderr.write(`porthole server: ${line}\n`);
    process.exitCode = 1;
  }
}

function planeOptions(flags: Flags): Omit<ControlPlaneOptions, 'advertiseAddress' | 'etcdListen' | 'log'> {
  const etcdServers = etcdServersOf(flags);
  if (etcdServers && flags.etcdListenClientUrls)
    throw new UserError('--etcd-listen-client-urls serves the embedded store: leave it out with --etcd-servers');
  // The embedded store has no other server, and a lease would only make a restart wait for it to run out.
  const election = electionOf(flags, electionDefaults(CONTROLLER_LEASE, etcdServers !== undefined));
  return {
    ...apiServerSetup(flags),
    ...(etcdServers && { etcdServers }),
    ...(election && { election }),
    manifests: flags.manifests ?? dataPaths(flags.dataDir).manifests,
    enabled: controllerNames(flags),
    controllers: controllerSettings(flags),
  };
}

/** Its election is as that of the controllers, but for a Lease of its own. */
async function schedulingOptions(flags: Flags): Promise<Pick<ControlPlaneOptions, 'scheduling'>> {
  if (!flags.scheduler) {
    if (flags.schedulerConfig !== undefined)
      throw new UserError('--scheduler-config is for the scheduler that --scheduler=false turns off');
    return {};
  }
  const { electionSettings, schedulerConfiguration } = await import('./scheduler-config.js');
  const configuration = await schedulerConfiguration('--scheduler-config', flags.schedulerConfig);
  const { leaderElectResourceName: _, leaderElectResourceNamespace: __, ...times } = flags;
  const election = electionOf(times, { ...electionSettings(configuration), leaderElect: etcdServersOf(flags) !== undefined });
  return { scheduling: { configuration, ...(election && { election }) } };
}

function etcdListenOptions(flags: Flags, advertiseAddress: string): EtcdListenOptions {
  if (flags.etcdListenClientUrls) return { urls: flags.etcdListenClientUrls, optional: false };
  const hosts = new Set(['127.0.0.1', advertiseAddress]);
  return { urls: [...hosts].map((host) => ({ secure: true, host, port: PORT_ETCD })), optional: true };
}
