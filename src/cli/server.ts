// `porthole server`: the control plane in one process, until SIGTERM or SIGINT.
import { Command, InvalidArgumentError } from 'commander';
import { cidrHasCidr, requireCidr } from '../apimachinery/cidr.js';
import type { ControlPlaneOptions, EtcdListenOptions } from '../cluster/control-plane.js';
import { UserError } from '../cluster/local/user-error.js';
import { startFailure } from '../cluster/start-failure.js';
import type { ListenUrl } from '../etcd/grpc/server.js';
import { POD_CIDR, PORT_ETCD } from '../kinds/wellknown.js';
import { type ApiServerFlags, apiServerSetup, etcdServersOf, withApiServerFlags } from './apiserver-flags.js';
import { cidr, listenUrls, maskSize, positiveDuration_ms } from './flags.js';
import { stopOnSignal } from './stop-on-signal.js';

interface Flags extends ApiServerFlags {
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: number;
  readonly etcdListenClientUrls?: readonly ListenUrl[];
  readonly nodeMonitorPeriod: number;
  readonly nodeMonitorGracePeriod: number;
}

export const serverCommand = withApiServerFlags(
  new Command('server').description('Run the control plane: etcd, API server, controllers and scheduler'),
)
  .option('--cluster-cidr <cidr>', 'addresses of pods', podRange, POD_CIDR)
  .option('--node-cidr-mask-size <bits>', "length of each node's part of them", maskSize, 24)
  .option(
    '--etcd-listen-client-urls <urls>',
    `where etcd's own clients are served, with certificates from pki/etcd; empty: nowhere (default: port ${PORT_ETCD} of 127.0.0.1 and --advertise-address)`,
    listenUrls,
  )
  .option('--node-monitor-period <duration>', 'how often the health of nodes is looked at', positiveDuration_ms, 5_000)
  .option('--node-monitor-grace-period <duration>', 'silence after which a node is not ready', positiveDuration_ms, 40_000)
  .action(run);

/** Agents make routes and rules for the usual range only, so a cluster's must lie in it. */
function podRange(text: string): string {
  const [range, usual] = [requireCidr(cidr(text)), requireCidr(POD_CIDR)];
  if (!cidrHasCidr(usual, range)) {
    throw new InvalidArgumentError(`it must lie in ${POD_CIDR}: nodes make routes and rules for no other pods.`);
  }
  return text;
}

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
    const plane = await startControlPlane({ ...planeOptions(flags), advertiseAddress, etcdListen, log });
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
  return {
    ...apiServerSetup(flags),
    ...(etcdServers && { etcdServers }),
    controllers: {
      nodeMonitorPeriod_ms: flags.nodeMonitorPeriod,
      nodeMonitorGracePeriod_ms: flags.nodeMonitorGracePeriod,
      clusterCidr: flags.clusterCidr,
      nodeCidrMaskSize: flags.nodeCidrMaskSize,
    },
  };
}

function etcdListenOptions(flags: Flags, advertiseAddress: string): EtcdListenOptions {
  if (flags.etcdListenClientUrls) return { urls: flags.etcdListenClientUrls, optional: false };
  const hosts = new Set(['127.0.0.1', advertiseAddress]);
  return { urls: [...hosts].map((host) => ({ secure: true, host, port: PORT_ETCD })), optional: true };
}
