// The API server of this machine: its certificates, its kubeconfig and its settings; by itself, over a real etcd cluster, or in a control plane.
import { hostname } from 'node:os';
import { ipv4, requireCidr } from '../apimachinery/cidr.js';
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { type ApiServer, type ApiServerOptions, type AuditOptions, type Component, createApiServer } from '../apiserver/index.js';
import { writePrivateFile } from '../client/files.js';
import { startAutoCompaction } from '../etcd/auto-compaction.js';
import type { Backend } from '../etcd/backend.js';
import { CLUSTER_DOMAIN } from '../kinds/wellknown.js';
import { makeKubeconfig } from './admin-kubeconfig.js';
import { type CertificateFiles, flagFile, type Identity, readCertificateFiles } from './certificate-files.js';
import { dataPaths } from './data-paths.js';
import { connectEtcd, type EtcdServers } from './etcd-servers.js';
import { type CertAndKey, ensurePki, type Pki } from './pki.js';

/** Watches of clients that were away for so long begin anew; the history of the store is bounded by it. */
export const HISTORY_RETENTION_MS = 24 * 3600_000;

/** kubeadm's --service-account-issuer. */
export const SERVICE_ACCOUNT_ISSUER = `https://kubernetes.default.svc.${CLUSTER_DOMAIN}`;

export interface ApiServerSetup {
  readonly dataDir: string;
  readonly bindAddress: string;
  readonly securePort: number;
  readonly advertiseAddress: string;
  readonly tlsSans: readonly string[];
  readonly serviceCidr: string;
  readonly nodePorts: { readonly min: number; readonly max: number };
  readonly defaultNotReadyTolerationSeconds: number;
  readonly defaultUnreachableTolerationSeconds: number;
  readonly enableAdmissionPlugins: readonly string[];
  readonly disableAdmissionPlugins: readonly string[];
  readonly maxInFlight?: ApiServerOptions['maxInFlight'];
  readonly audit?: Omit<AuditOptions, 'policy'> & { readonly policyFile: string };
  /** What runs beside it in this process. */
  readonly components?: readonly Component[];
  readonly scheduler?: ApiServerOptions['scheduler'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ApiServerAloneOptions extends ApiServerSetup {
  readonly etcdServers: EtcdServers;
  /** Certificates that were made elsewhere; absent: those in the data directory, made where there are none. */
  readonly certificates?: CertificateFiles;
}

export interface Closable {
  close(): Promise<void>;
}

export interface RunningApiServer {
  /** `https://address:port`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Resolves once requests are served. Rejects with what stood in the way, with nothing left open. */
export async function startApiServer(options: ApiServerAloneOptions): Promise<RunningApiServer> {
  const { clock, log } = options;
  const identity = options.certificates ? await readCertificateFiles(options.certificates) : identityOf(await ensureClusterPki(options));
  const backend = await connectEtcd(options.etcdServers, clock, log.child({ part: 'etcd' }));
  const compaction = startAutoCompaction({ backend, policy: { mode: 'periodic', retention_ms: HISTORY_RETENTION_MS }, clock, log });
  const opened: Closable[] = [backend, { close: async () => compaction.stop() }];
  const stop = async () => {
    for (const part of opened.toReversed()) await part.close();
  };
  try {
    const api = await makeApiServer(options, backend, identity);
    opened.push(api);
    await api.listen();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: adminUrl(options), stop };
}

/** The certificates in the data directory, and the administrator's kubeconfig with them; what is missing is made. */
export async function ensureClusterPki(options: ApiServerSetup): Promise<Pki> {
  const { dataDir, advertiseAddress, tlsSans, serviceCidr, clock, random, log } = options;
  const paths = dataPaths(dataDir);
  const serviceIp = ipv4(requireCidr(serviceCidr).base + 1);
  const pki = await ensurePki({ dir: paths.pki, altNames: [advertiseAddress, ...tlsSans], serviceIp, clock, random, log });
  // Before requests are served: whoever finds the API ready finds its kubeconfig too.
  const kubeconfig = (client: CertAndKey) => makeKubeconfig('porthole', { server: adminUrl(options), ca: pki.ca.cert, ...client });
  await writePrivateFile(paths.adminKubeconfig, kubeconfig(pki.admin));
  await writePrivateFile(paths.controllerManagerKubeconfig, kubeconfig(pki.controllerManager));
  await writePrivateFile(paths.schedulerKubeconfig, kubeconfig(pki.scheduler));
  return pki;
}

export const identityOf = (pki: Pki): Identity => ({
  tls: { ...pki.apiserver, clientCa: pki.ca.cert },
  kubeletClient: { ...pki.kubeletClient, ca: pki.ca.cert },
  proxyClient: pki.frontProxy.client,
  requestHeaderCa: pki.frontProxy.ca.cert,
  serviceAccounts: {
    issuer: SERVICE_ACCOUNT_ISSUER,
    privateKey: pki.serviceAccounts.privateKey,
    publicKeys: [pki.serviceAccounts.publicKey],
  },
});

/** By the advertised address, unless it is only bound to loopback. */
export function adminUrl({ bindAddress, advertiseAddress, securePort }: ApiServerSetup): string {
  if (bindAddress === '::1') return `https://[::1]:${securePort}`;
  return `https://${bindAddress.startsWith('127.') ? bindAddress : advertiseAddress}:${securePort}`;
}

async function auditOptions({ audit }: ApiServerSetup): Promise<AuditOptions | undefined> {
  if (!audit) return undefined;
  const { policyFile, ...log } = audit;
  return { ...log, policy: await flagFile('--audit-policy-file', policyFile) };
}

export async function makeApiServer(options: ApiServerSetup, backend: Backend, identity: Identity): Promise<ApiServer> {
  const { bindAddress, securePort, clock, random, log, serviceCidr, nodePorts, advertiseAddress } = options;
  return createApiServer({
    backend,
    clock,
    random,
    log: log.child({ part: 'apiserver' }),
    ...identity,
    bind: { address: bindAddress, port: securePort },
    serviceCidr,
    nodePorts,
    advertiseAddress,
    hostname: hostname(),
    components: options.components,
    scheduler: options.scheduler,
    audit: await auditOptions(options),
    maxInFlight: options.maxInFlight,
    defaultNotReadyTolerationSeconds: options.defaultNotReadyTolerationSeconds,
    defaultUnreachableTolerationSeconds: options.defaultUnreachableTolerationSeconds,
    enableAdmissionPlugins: options.enableAdmissionPlugins,
    disableAdmissionPlugins: options.disableAdmissionPlugins,
  });
}
