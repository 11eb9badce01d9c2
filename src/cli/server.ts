// `porthole server`: the control plane in one process, until SIGTERM or SIGINT.
import { Command, InvalidArgumentError } from 'commander';
import { cidrHasCidr, requireCidr } from '../apimachinery/cidr.js';
import { systemClock, systemRandom } from '../apimachinery/clock.js';
import type { ControlPlaneOptions, EtcdListenOptions } from '../cluster/control-plane.js';
import { DEFAULT_DATA_DIR } from '../cluster/data-paths.js';
import { UserError } from '../cluster/local/user-error.js';
import { startFailure } from '../cluster/start-failure.js';
import type { ListenUrl } from '../etcd/grpc/server.js';
import { CLUSTER_IP_API, NODE_PORT_MAX, NODE_PORT_MIN, POD_CIDR, PORT_API, PORT_ETCD, SERVICE_CIDR } from '../kinds/wellknown.js';
import {
  address,
  advertisedAddress,
  cidr,
  list,
  listenUrls,
  maskSize,
  type PortRange,
  port,
  portRange,
  positiveDuration_ms,
  seconds,
  verbosity,
} from './flags.js';
import { stopOnSignal } from './stop-on-signal.js';

interface Flags {
  readonly dataDir: string;
  readonly bindAddress: string;
  readonly securePort: number;
  readonly advertiseAddress?: string;
  readonly tlsSan: readonly string[];
  readonly serviceClusterIpRange: string;
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: number;
  readonly serviceNodePortRange: PortRange;
  readonly etcdListenClientUrls?: readonly ListenUrl[];
  readonly etcdServers: readonly string[];
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly nodeMonitorPeriod: number;
  readonly nodeMonitorGracePeriod: number;
  readonly defaultNotReadyTolerationSeconds: number;
  readonly defaultUnreachableTolerationSeconds: number;
  readonly v: number;
}

export const serverCommand = new Command('server')
  .description('Run the control plane: etcd, API server, controllers and scheduler')
  .option('--data-dir <dir>', 'where the state, certificates and admin kubeconfig are kept', DEFAULT_DATA_DIR)
  .option('--bind-address <ip>', 'address to listen on', address, '0.0.0.0')
  .option('--secure-port <port>', 'port of the API', port, PORT_API)
  .option('--advertise-address <ip>', "address by which nodes and pods reach the API (default: the default route's)", advertisedAddress)
  .option('--tls-san <name>', "more names or addresses for the API's certificate; may be repeated", list, [])
  .option('--service-cluster-ip-range <cidr>', 'addresses of Services', serviceRange, SERVICE_CIDR)
  .option('--cluster-cidr <cidr>', 'addresses of pods', podRange, POD_CIDR)
  .option('--node-cidr-mask-size <bits>', "length of each node's part of them", maskSize, 24)
  .option('--service-node-port-range <range>', 'ports of NodePort Services', portRange, { min: NODE_PORT_MIN, max: NODE_PORT_MAX })
  .option(
    '--etcd-listen-client-urls <urls>',
    `where etcd's own clients are served, with certificates from pki/etcd; empty: nowhere (default: port ${PORT_ETCD} of 127.0.0.1 and --advertise-address)`,
    listenUrls,
  )
  .option('--etcd-servers <urls>', 'servers of a real etcd cluster, with commas between, to keep the state in', list, [])
  .option('--etcd-cafile <file>', 'certificate authority of those servers')
  .option('--etcd-certfile <file>', 'certificate to show them')
  .option('--etcd-keyfile <file>', 'key of that certificate')
  .option('--node-monitor-period <duration>', 'how often the health of nodes is looked at', positiveDuration_ms, 5_000)
  .option('--node-monitor-grace-period <duration>', 'silence after which a node is not ready', positiveDuration_ms, 40_000)
  .option('--default-not-ready-toleration-seconds <n>', 'how long pods stay on a node that is not ready', seconds, 300)
  .option('--default-unreachable-toleration-seconds <n>', 'how long pods stay on a node that cannot be reached', seconds, 300)
  .option('-v, --v <level>', 'verbosity of the log, 0 to 10', verbosity, 0)
  .action(run);

/** Nodes and pods look for the API and DNS at their usual addresses, whatever the range's length. */
function serviceRange(text: string): string {
  const range = cidr(text);
  const base = CLUSTER_IP_API.replace(/1$/, '0');
  if (!range.startsWith(`${base}/`)) throw new InvalidArgumentError(`it must begin at ${base}: pods look for the API and DNS there.`);
  return range;
}

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
    const plane = await startControlPlane({ ...planeOptions(flags), ...etcdServersOptions(flags), advertiseAddress, etcdListen, log });
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
  return {
    dataDir: flags.dataDir,
    bindAddress: flags.bindAddress,
    securePort: flags.securePort,
    tlsSans: flags.tlsSan,
    serviceCidr: flags.serviceClusterIpRange,
    nodePorts: flags.serviceNodePortRange,
    controllers: {
      nodeMonitorPeriod_ms: flags.nodeMonitorPeriod,
      nodeMonitorGracePeriod_ms: flags.nodeMonitorGracePeriod,
      clusterCidr: flags.clusterCidr,
      nodeCidrMaskSize: flags.nodeCidrMaskSize,
    },
    defaultNotReadyTolerationSeconds: flags.defaultNotReadyTolerationSeconds,
    defaultUnreachableTolerationSeconds: flags.defaultUnreachableTolerationSeconds,
    clock: systemClock,
    random: systemRandom,
  };
}

function etcdListenOptions(flags: Flags, advertiseAddress: string): EtcdListenOptions {
  if (flags.etcdListenClientUrls) return { urls: flags.etcdListenClientUrls, optional: false };
  const hosts = new Set(['127.0.0.1', advertiseAddress]);
  return { urls: [...hosts].map((host) => ({ secure: true, host, port: PORT_ETCD })), optional: true };
}

function etcdServersOptions(flags: Flags): Pick<ControlPlaneOptions, 'etcdServers'> {
  const { etcdServers, etcdCafile, etcdCertfile, etcdKeyfile } = flags;
  if (etcdServers.length === 0) {
    const alone = etcdCafile ?? etcdCertfile ?? etcdKeyfile;
    if (alone !== undefined) throw new UserError(`${alone}: there is no etcd cluster that it could be for: give --etcd-servers too`);
    return {};
  }
  if (flags.etcdListenClientUrls)
    throw new UserError('--etcd-listen-client-urls serves the embedded store: leave it out with --etcd-servers');
  return {
    etcdServers: {
      endpoints: etcdServers,
      ...(etcdCafile && { cafile: etcdCafile }),
      ...(etcdCertfile && { certfile: etcdCertfile }),
      ...(etcdKeyfile && { keyfile: etcdKeyfile }),
    },
  };
}
