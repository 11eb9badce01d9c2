// The cluster's certificates: the CA and what it signs for the control plane. Made at first start, kept, and re-made in time.
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { basename, join } from 'node:path';
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import {
  type AltNames,
  belongsTogether,
  canonicalIp,
  makeAuthority,
  makeCertificate,
  makeKey,
  publicKeyOf,
  readCertificate,
  type Subject,
  type Usage,
} from '../client/certificates.js';
import { writePrivateFile } from '../client/files.js';
import { CLUSTER_DOMAIN, GROUP_MASTERS, USER_ADMIN, USER_CONTROLLER_MANAGER, USER_SCHEDULER } from '../kinds/wellknown.js';

const DAY_ms = 24 * 3600_000;
/** kubeadm's life times. */
const CA_LIFE_ms = 10 * 365 * DAY_ms;
const CERTIFICATE_LIFE_ms = 365 * DAY_ms;
/** A certificate is re-made by the first start within so long of its end. */
const RENEW_BEFORE_ms = 30 * DAY_ms;

/** PEM, both. */
export interface CertAndKey {
  readonly cert: string;
  readonly key: string;
}

export interface Pki {
  readonly ca: CertAndKey;
  /** The certificate is followed by the CA's, so that a joining node can hold the chain against its token's pin. */
  readonly apiserver: CertAndKey;
  readonly kubeletClient: CertAndKey;
  readonly admin: CertAndKey;
  /** Of `porthole controller-manager`. */
  readonly controllerManager: CertAndKey;
  /** Of `porthole scheduler`. */
  readonly scheduler: CertAndKey;
  readonly etcd: EtcdPki;
  readonly serviceAccounts: KeyPair;
  readonly frontProxy: FrontProxyPki;
}

/** An authority of its own: who shows a certificate of it is believed whatever he says of who asks. */
export interface FrontProxyPki {
  readonly ca: CertAndKey;
  /** For aggregated API servers to know this one by. */
  readonly client: CertAndKey;
}

/** PEM, both; not a certificate, but what service account tokens are signed and checked with. */
export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** An authority of its own: who may read the store may read every Secret, so no certificate of the cluster's authority is enough. */
export interface EtcdPki {
  readonly ca: CertAndKey;
  readonly server: CertAndKey;
  /** For `porthole apiserver` and other machines' API servers. */
  readonly apiserverClient: CertAndKey;
  /** For etcdctl and the commands of `porthole etcd`. */
  readonly healthcheckClient: CertAndKey;
}

export interface PkiOptions {
  readonly dir: string;
  /** The API server's own names and addresses, besides those that every cluster and this machine have. */
  readonly altNames: readonly string[];
  /** The first address of the service range. */
  readonly serviceIp: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Reads the certificates in `dir` and makes those that are missing, near their end or lack a name. Rejects with file system errors. */
export async function ensurePki(options: PkiOptions): Promise<Pki> {
  const ca = await ensureAuthority({ file: 'ca', commonName: 'kubernetes' }, options);
  const leaf = (wanted: Wanted) => ensureCertificate(wanted, ca, options);
  const apiserver = await leaf({
    file: 'apiserver',
    subject: { commonName: 'kube-apiserver' },
    usages: ['server auth'],
    altNames: serverNames(options),
  });
  const kubeletClient = await leaf({
    file: 'apiserver-kubelet-client',
    subject: { commonName: 'kube-apiserver-kubelet-client', organizations: [GROUP_MASTERS] },
    usages: ['client auth'],
  });
  const admin = await leaf({
    file: 'admin',
    subject: { commonName: USER_ADMIN, organizations: [GROUP_MASTERS] },
    usages: ['client auth'],
  });
  const controllerManager = await leaf({
    file: 'controller-manager',
    subject: { commonName: USER_CONTROLLER_MANAGER },
    usages: ['client auth'],
  });
  const scheduler = await leaf({ file: 'scheduler', subject: { commonName: USER_SCHEDULER }, usages: ['client auth'] });
  const etcd = await ensureEtcdPki(options);
  const frontProxy = await ensureFrontProxyPki(options);
  const serviceAccounts = await ensureKeyPair('sa', options);
  const clients = { kubeletClient, admin, controllerManager, scheduler };
  return { serviceAccounts, ca, apiserver: { ...apiserver, cert: apiserver.cert + ca.cert }, ...clients, etcd, frontProxy };
}

/** kubeadm's files and subjects. */
async function ensureEtcdPki(options: PkiOptions): Promise<EtcdPki> {
  const ca = await ensureAuthority({ file: 'etcd/ca', commonName: 'etcd-ca' }, options);
  const client = (file: string, commonName: string) =>
    ensureCertificate({ file, subject: { commonName, organizations: [GROUP_MASTERS] }, usages: ['client auth'] }, ca, options);
  const server = await ensureCertificate(
    { file: 'etcd/server', subject: { commonName: 'etcd' }, usages: ['server auth', 'client auth'], altNames: machineNames(options) },
    ca,
    options,
  );
  const apiserverClient = await client('apiserver-etcd-client', 'kube-apiserver-etcd-client');
  const healthcheckClient = await client('etcd/healthcheck-client', 'kube-etcd-healthcheck-client');
  return { ca, server, apiserverClient, healthcheckClient };
}

async function ensureFrontProxyPki(options: PkiOptions): Promise<FrontProxyPki> {
  const ca = await ensureAuthority({ file: 'front-proxy-ca', commonName: 'front-proxy-ca' }, options);
  const subject = { commonName: 'front-proxy-client' };
  return { ca, client: await ensureCertificate({ file: 'front-proxy-client', subject, usages: ['client auth'] }, ca, options) };
}

/** kubeadm's sa.key and sa.pub. Tokens that the key has signed are void without it, so it is kept and never made anew beside a public key. */
async function ensureKeyPair(file: string, { dir, log }: PkiOptions): Promise<KeyPair> {
  const [privatePath, publicPath] = [join(dir, `${file}.key`), join(dir, `${file}.pub`)];
  const [kept, keptPublic] = await Promise.all([readIfThere(privatePath), readIfThere(publicPath)]);
  if (kept === undefined && keptPublic !== undefined) throw new Error(`${publicPath} has no ${file}.key: restore it from a backup`);
  const privateKey = kept ?? makeKey();
  const publicKey = publicKeyOf(privateKey);
  if (kept === undefined) {
    await writePrivateFile(privatePath, privateKey);
    log.info({ dir, file }, 'made the key of service account tokens');
  }
  if (keptPublic === undefined) await writePrivateFile(publicPath, publicKey);
  return { privateKey, publicKey };
}

interface Wanted {
  readonly file: string;
  readonly subject: Subject;
  readonly usages: readonly Usage[];
  readonly altNames?: AltNames;
}

interface WantedAuthority {
  readonly file: string;
  readonly commonName: string;
}

async function ensureAuthority({ file, commonName }: WantedAuthority, { dir, clock, random, log }: PkiOptions): Promise<CertAndKey> {
  const kept = await readPair(dir, file);
  if (kept?.cert && belongsTogether(kept.cert, kept.key, kept.cert)) return kept;
  // Everything in the cluster trusts the CA by what it is: one that was lost in part must not be replaced behind its back.
  if (kept?.cert) throw new Error(`${join(dir, file)}.crt and ${basename(file)}.key do not belong together: restore them from a backup`);
  const key = makeKey();
  const cert = await makeAuthority({ commonName, key, now_ms: clock.now(), validFor_ms: CA_LIFE_ms, random });
  await writePair(dir, file, { cert, key });
  log.info({ dir, file }, 'made a certificate authority of a new cluster');
  return { cert, key };
}

async function ensureCertificate(wanted: Wanted, ca: CertAndKey, { dir, clock, random, log }: PkiOptions): Promise<CertAndKey> {
  const kept = await readPair(dir, wanted.file);
  const why = kept ? whyRemake(kept, wanted, ca, clock.now()) : 'there is none yet';
  if (kept && !why) return kept;
  const key = makeKey();
  const { subject, altNames, usages } = wanted;
  const cert = await makeCertificate({
    subject,
    ...(altNames && { altNames }),
    usages,
    publicKey: publicKeyOf(key),
    issuer: ca,
    now_ms: clock.now(),
    validFor_ms: CERTIFICATE_LIFE_ms,
    random,
  });
  await writePair(dir, wanted.file, { cert, key });
  log.info({ certificate: wanted.file, why }, 'made a certificate');
  return { cert, key };
}

/** Names that a kept certificate has beyond those wanted do no harm: addresses of a machine come and go. */
function whyRemake(kept: CertAndKey, { altNames }: Wanted, ca: CertAndKey, now_ms: number): string | undefined {
  if (!belongsTogether(kept.cert, kept.key, ca.cert)) return 'it is not of this authority and key';
  const info = readCertificate(kept.cert);
  if (info.notAfter_ms - now_ms < RENEW_BEFORE_ms) return `it ends ${new Date(info.notAfter_ms).toISOString()}`;
  const missing = [
    ...(altNames?.dns ?? []).filter((name) => !info.altNames.dns.includes(name)),
    ...(altNames?.ips ?? []).filter((ip) => !info.altNames.ips.includes(canonicalIp(ip))),
  ];
  return missing.length > 0 ? `it lacks ${missing.join(', ')}` : undefined;
}

function serverNames(options: PkiOptions): AltNames {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${CLUSTER_DOMAIN}`];
  const { dns, ips } = machineNames(options);
  return { dns: [...service, ...dns], ips: [...new Set([...ips, canonicalIp(options.serviceIp)])] };
}

/** What this machine is called and reached by. */
function machineNames({ altNames }: PkiOptions): AltNames {
  const ips = new Set(['127.0.0.1', '::1', ...machineAddresses(), ...altNames.filter(isAddress)].map(canonicalIp));
  const dns = new Set(['localhost', hostname().toLowerCase(), ...altNames.filter((name) => !isAddress(name))]);
  return { dns: [...dns], ips: [...ips] };
}

const isAddress = (name: string) => isIP(name) !== 0;

/** Addresses of this machine that others can use; link-local ones mean nothing without their link. */
export function machineAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}

async function readPair(dir: string, file: string): Promise<CertAndKey | undefined> {
  const [cert, key] = await Promise.all([readIfThere(join(dir, `${file}.crt`)), readIfThere(join(dir, `${file}.key`))]);
  if (cert === undefined && key === undefined) return undefined;
  return { cert: cert ?? '', key: key ?? '' };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The key first: a crash in between leaves a key without a certificate, and both are made again. */
async function writePair(dir: string, file: string, { cert, key }: CertAndKey): Promise<void> {
  await writePrivateFile(join(dir, `${file}.key`), key);
  await writePrivateFile(join(dir, `${file}.crt`), cert);
}
