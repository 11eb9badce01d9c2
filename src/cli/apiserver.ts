// `porthole apiserver`: the API server by itself, over an etcd cluster that others may share, until SIGTERM or SIGINT.
import { Command } from 'commander';
import type { CertificateFiles, FrontProxyFiles } from '../cluster/certificate-files.js';
import { UserError } from '../cluster/local/user-error.js';
import { startFailure } from '../cluster/start-failure.js';
import { type ApiServerFlags, apiServerSetup, etcdServersOf, withApiServerFlags } from './apiserver-flags.js';
import { stopOnSignal } from './stop-on-signal.js';

interface Flags extends ApiServerFlags, Partial<CertificateFiles> {}

const CERTIFICATE_FLAGS: { readonly [name in Exclude<keyof CertificateFiles, keyof FrontProxyFiles>]: string } = {
  tlsCertFile: '--tls-cert-file',
  tlsPrivateKeyFile: '--tls-private-key-file',
  clientCaFile: '--client-ca-file',
  kubeletClientCertificate: '--kubelet-client-certificate',
  kubeletClientKey: '--kubelet-client-key',
  kubeletCertificateAuthority: '--kubelet-certificate-authority',
};

export const apiserverCommand = withApiServerFlags(
  new Command('apiserver').description(
    'Run the API server by itself, over an etcd cluster (--etcd-servers); several may share one. Its certificates are those below ' +
      '--data-dir, made where there are none, or those that the flags name, all six of them',
  ),
)
  .option('--tls-cert-file <file>', 'certificate to serve with, its chain behind it')
  .option('--tls-private-key-file <file>', 'its key')
  .option('--client-ca-file <file>', "authority of the clients' certificates")
  .option('--kubelet-client-certificate <file>', 'certificate to show to kubelets')
  .option('--kubelet-client-key <file>', 'its key')
  .option('--kubelet-certificate-authority <file>', "authority of the kubelets' certificates")
  .option('--proxy-client-cert-file <file>', 'certificate to show to aggregated API servers')
  .option('--proxy-client-key-file <file>', 'its key')
  .option('--requestheader-client-ca-file <file>', 'authority of the front proxies that are believed who asks')
  .action(run);

async function run(flags: Flags): Promise<void> {
  const [{ startApiServer }, { createLogger }, { chooseAdvertiseAddress }] = await Promise.all([
    import('../cluster/api-server.js'),
    import('../cluster/logger.js'),
    import('../cluster/addresses.js'),
  ]);
  const log = createLogger('apiserver', flags.v);
  try {
    const etcdServers = etcdServersOf(flags);
    if (!etcdServers)
      throw new UserError('--etcd-servers is missing: an API server by itself keeps its state in an etcd cluster (or run porthole server)');
    const certificates = certificatesOf(flags);
    const advertiseAddress = flags.advertiseAddress ?? (await chooseAdvertiseAddress(flags.bindAddress));
    const setup = { ...apiServerSetup(flags), ...(certificates && { certificates }), advertiseAddress, log };
    const server = await startApiServer({ ...setup, etcdServers });
    log.info({ url: server.url }, 'the API server is up');
    stopOnSignal(
      () => server.stop(),
      (signal) => log.info({ signal }, 'stopping'),
    );
  } catch (error) {
    const line = startFailure(error, flags);
    if (!line) throw error;
    process.stderr.write(`porthole apiserver: ${line}\n`);
    process.exitCode = 1;
  }
}

/** All or none: certificates of two authorities would not go together. */
function certificatesOf(flags: Flags): CertificateFiles | undefined {
  const names = Object.keys(CERTIFICATE_FLAGS) as (keyof typeof CERTIFICATE_FLAGS)[];
  const missing = names.filter((name) => flags[name] === undefined);
  if (missing.length === names.length) return undefined;
  if (missing.length > 0)
    throw new UserError(
      `${missing.map((name) => CERTIFICATE_FLAGS[name]).join(', ')} missing: give all six certificate files, or none to use those below --data-dir`,
    );
  return flags as CertificateFiles;
}
