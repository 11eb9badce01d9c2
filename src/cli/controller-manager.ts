// `porthole controller-manager`: the controllers by themselves, clients of an API server, until SIGTERM or SIGINT.
import { join } from 'node:path';
import { Command } from 'commander';
import { systemClock, systemRandom } from '../apimachinery/clock.js';
import { DEFAULT_DATA_DIR, dataPaths } from '../cluster/data-paths.js';
import { startFailure } from '../cluster/start-failure.js';
import { CONTROLLER_LEASE, type ControllerFlags, controllerNames, controllerSettings, withControllerFlags } from './controller-flags.js';
import { electionDefaults, electionOf } from './election-flags.js';
import { address, bool, cidr, port, verbosity } from './flags.js';
import { listenOf, type ServingFlags, withServingFlags } from './serving-flags.js';
import { stopOnSignal } from './stop-on-signal.js';

interface Flags extends ControllerFlags, ServingFlags {
  readonly dataDir: string;
  readonly kubeconfig?: string;
  readonly useServiceAccountCredentials: boolean;
  readonly serviceClusterIpRange?: string;
  readonly clusterSigningCertFile?: string;
  readonly clusterSigningKeyFile?: string;
  readonly rootCaFile?: string;
  readonly serviceAccountPrivateKeyFile?: string;
  readonly v: number;
}

export const controllerManagerCommand = withServingFlags(
  withControllerFlags(
    new Command('controller-manager').description(
      'Run the controllers by themselves; several may run, of which one is at work. Beside `porthole server --controllers=` or `porthole apiserver`',
    ),
  ),
)
  .option('--data-dir <dir>', "the server's data directory, for its kubeconfig of the controller manager and its keys", DEFAULT_DATA_DIR)
  .option('--kubeconfig <file>', 'another kubeconfig with a client certificate in it')
  .option('--bind-address <ip>', 'address to serve health and metrics on', address, '127.0.0.1')
  .option('--secure-port <port>', 'port of them', port, 10257)
  .option('--use-service-account-credentials [bool]', 'whether each controller writes as its own ServiceAccount', bool, true)
  .option('--service-cluster-ip-range <cidr>', 'addresses of Services, besides those that ServiceCIDRs show: no node is given them', cidr)
  .option('--cluster-signing-cert-file <file>', 'certificate that signs certificate signing requests')
  .option('--cluster-signing-key-file <file>', 'its key')
  .option('--root-ca-file <file>', 'authority that is published to every namespace')
  .option('--service-account-private-key-file <file>', 'key that signs the tokens in Secrets')
  .option('-v, --v <level>', 'verbosity of the log, 0 to 10', verbosity, 0)
  .action(run);

async function run(flags: Flags): Promise<void> {
  const [{ startControllerManager }, { createLogger }, { componentCredentials }] = await Promise.all([
    import('../cluster/controller-manager.js'),
    import('../cluster/logger.js'),
    import('./component-kubeconfig.js'),
  ]);
  const log = createLogger('controller-manager', flags.v);
  try {
    const { securePort, serviceClusterIpRange } = flags;
    const election = electionOf(flags, electionDefaults(CONTROLLER_LEASE, true));
    const manager = await startControllerManager({
      credentials: await componentCredentials(flags.kubeconfig ?? dataPaths(flags.dataDir).controllerManagerKubeconfig),
      enabled: controllerNames(flags),
      settings: { ...controllerSettings(flags), ...(serviceClusterIpRange && { serviceClusterIpRange }), ...(await keysOf(flags)) },
      useServiceAccountCredentials: flags.useServiceAccountCredentials,
      ...(election && { election }),
      listen: await listenOf(flags),
      clock: systemClock,
      random: systemRandom,
      log,
    });
    log.info({ port: securePort }, 'the controller manager is up');
    stopOnSignal(
      () => manager.stop(),
      (signal) => log.info({ signal }, 'stopping'),
    );
  } catch (error) {
    const line = startFailure(error, flags);
    if (!line) throw error;
    process.stderr.write(`porthole controller-manager: ${line}\n`);
    process.exitCode = 1;
  }
}

/** Those of the data directory where flags name no others. */
async function keysOf(flags: Flags) {
  const { flagFile } = await import('../cluster/certificate-files.js');
  const { pki } = dataPaths(flags.dataDir);
  const read = (flag: string, given: string | undefined, file: string) => flagFile(flag, given ?? join(pki, file));
  const [clusterSigningCert, clusterSigningKey, rootCa, serviceAccountPrivateKey] = await Promise.all([
    read('--cluster-signing-cert-file', flags.clusterSigningCertFile, 'ca.crt'),
    read('--cluster-signing-key-file', flags.clusterSigningKeyFile, 'ca.key'),
    read('--root-ca-file', flags.rootCaFile, 'ca.crt'),
    read('--service-account-private-key-file', flags.serviceAccountPrivateKeyFile, 'sa.key'),
  ]);
  return { clusterSigningCert, clusterSigningKey, rootCa, serviceAccountPrivateKey };
}
