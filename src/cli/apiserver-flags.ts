// The flags that every command with an API server in it has, upstream's names; and what they come to.
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock, systemRandom } from '../apimachinery/clock.js';
import type { ApiServerSetup } from '../cluster/api-server.js';
import { DEFAULT_DATA_DIR } from '../cluster/data-paths.js';
import type { EtcdServers } from '../cluster/etcd-servers.js';
import { UserError } from '../cluster/local/user-error.js';
import { CLUSTER_IP_API, NODE_PORT_MAX, NODE_PORT_MIN, PORT_API, SERVICE_CIDR } from '../kinds/wellknown.js';
import { address, advertisedAddress, cidr, count, list, megabytes, type PortRange, port, portRange, seconds, verbosity } from './flags.js';

export interface ApiServerFlags {
  readonly dataDir: string;
  readonly bindAddress: string;
  readonly securePort: number;
  readonly advertiseAddress?: string;
  readonly tlsSan: readonly string[];
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: PortRange;
  readonly etcdServers: readonly string[];
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly defaultNotReadyTolerationSeconds: number;
  readonly defaultUnreachableTolerationSeconds: number;
  readonly enableAdmissionPlugins: readonly string[];
  readonly disableAdmissionPlugins: readonly string[];
  readonly maxRequestsInflight: number;
  readonly maxMutatingRequestsInflight: number;
  readonly auditLogPath?: string;
  readonly auditPolicyFile?: string;
  readonly auditLogMaxsize: number;
  readonly auditLogMaxbackup: number;
  readonly auditLogMaxage: number;
  readonly v: number;
}

export function withApiServerFlags(command: Command): Command {
  return command
    .option('--data-dir <dir>', 'where certificates and admin kubeconfig are kept, and the state if it is not in etcd', DEFAULT_DATA_DIR)
    .option('--bind-address <ip>', 'address to listen on', address, '0.0.0.0')
    .option('--secure-port <port>', 'port of the API', port, PORT_API)
    .option('--advertise-address <ip>', "address by which nodes and pods reach the API (default: the default route's)", advertisedAddress)
    .option('--tls-san <name>', "more names or addresses for the API's certificate; may be repeated", list, [])
    .option('--service-cluster-ip-range <cidr>', 'addresses of Services', serviceRange, SERVICE_CIDR)
    .option('--service-node-port-range <range>', 'ports of NodePort Services', portRange, { min: NODE_PORT_MIN, max: NODE_PORT_MAX })
    .option('--etcd-servers <urls>', 'servers of a real etcd cluster, with commas between, to keep the state in', list, [])
    .option('--etcd-cafile <file>', 'certificate authority of those servers')
    .option('--etcd-certfile <file>', 'certificate to show them')
    .option('--etcd-keyfile <file>', 'key of that certificate')
    .option('--default-not-ready-toleration-seconds <n>', 'how long pods stay on a node that is not ready', seconds, 300)
    .option('--default-unreachable-toleration-seconds <n>', 'how long pods stay on a node that cannot be reached', seconds, 300)
    .option('--enable-admission-plugins <names>', 'admission plugins to have besides the usual ones, with commas between', list, [])
    .option('--disable-admission-plugins <names>', 'admission plugins to leave out, with commas between', list, [])
    .option('--max-requests-inflight <n>', 'how many requests that only read are worked on at once; 0: no limit', count, 400)
    .option('--max-mutating-requests-inflight <n>', 'how many requests that write are worked on at once; 0: no limit', count, 200)
    .option('--audit-policy-file <file>', 'which requests are told in the audit log, and how much of each (audit.k8s.io/v1 Policy)')
    .option('--audit-log-path <file>', 'the audit log; - is standard output (default: none is kept)')
    .option('--audit-log-maxsize <megabytes>', 'size past which the audit log is put aside', megabytes, 100)
    .option('--audit-log-maxbackup <n>', 'how many audit logs that were put aside are kept; 0: all', count, 0)
    .option('--audit-log-maxage <days>', 'how long they are kept; 0: for ever', count, 0)
    .option('-v, --v <level>', 'verbosity of the log, 0 to 10', verbosity, 0);
}

/** Nodes and pods look for the API and DNS at their usual addresses, whatever the range's length. */
function serviceRange(text: string): string {
  const range = cidr(text);
  const base = CLUSTER_IP_API.replace(/1$/, '0');
  if (!range.startsWith(`${base}/`)) throw new InvalidArgumentError(`it must begin at ${base}: pods look for the API and DNS there.`);
  return range;
}

export function apiServerSetup(flags: ApiServerFlags): Omit<ApiServerSetup, 'advertiseAddress' | 'log'> {
  return {
    dataDir: flags.dataDir,
    bindAddress: flags.bindAddress,
    securePort: flags.securePort,
    tlsSans: flags.tlsSan,
    serviceCidr: flags.serviceClusterIpRange,
    nodePorts: flags.serviceNodePortRange,
    defaultNotReadyTolerationSeconds: flags.defaultNotReadyTolerationSeconds,
    defaultUnreachableTolerationSeconds: flags.defaultUnreachableTolerationSeconds,
    enableAdmissionPlugins: flags.enableAdmissionPlugins,
    disableAdmissionPlugins: flags.disableAdmissionPlugins,
    maxInFlight: { reads: flags.maxRequestsInflight, writes: flags.maxMutatingRequestsInflight },
    ...auditOf(flags),
    clock: systemClock,
    random: systemRandom,
  };
}

function auditOf(flags: ApiServerFlags): Pick<ApiServerSetup, 'audit'> {
  const { auditPolicyFile, auditLogPath, auditLogMaxsize, auditLogMaxbackup, auditLogMaxage } = flags;
  if (auditPolicyFile === undefined && auditLogPath === undefined) return {};
  if (auditPolicyFile === undefined || auditLogPath === undefined)
    throw new UserError('--audit-log-path and --audit-policy-file go together: give both, or neither');
  const maxSize_bytes = auditLogMaxsize * 1024 * 1024;
  const maxAge_ms = auditLogMaxage * 24 * 3600_000;
  return { audit: { policyFile: auditPolicyFile, path: auditLogPath, maxSize_bytes, maxBackups: auditLogMaxbackup, maxAge_ms } };
}

/** Undefined where the state is not to be kept in a real etcd. */
export function etcdServersOf({ etcdServers, etcdCafile, etcdCertfile, etcdKeyfile }: ApiServerFlags): EtcdServers | undefined {
  if (etcdServers.length === 0) {
    const alone = etcdCafile ?? etcdCertfile ?? etcdKeyfile;
    if (alone !== undefined) throw new UserError(`${alone}: there is no etcd cluster that it could be for: give --etcd-servers too`);
    return undefined;
  }
  return {
    endpoints: etcdServers,
    ...(etcdCafile && { cafile: etcdCafile }),
    ...(etcdCertfile && { certfile: etcdCertfile }),
    ...(etcdKeyfile && { keyfile: etcdKeyfile }),
  };
}
