// Certificates of an API server that were made elsewhere, by the flags that name their files.
import { readFile } from 'node:fs/promises';
import type { ApiServerOptions } from '../apiserver/index.js';
import { UserError } from './local/user-error.js';

/** What an API server shows: to its clients, and to kubelets. */
export type Identity = Pick<ApiServerOptions, 'tls' | 'kubeletClient' | 'serviceAccounts' | 'proxyClient' | 'requestHeaderCa'>;

/** For API aggregation: without the pair aggregated servers are not told who calls, without the authority no front proxy is believed. */
export interface FrontProxyFiles {
  readonly proxyClientCertFile: string;
  readonly proxyClientKeyFile: string;
  readonly requestheaderClientCaFile: string;
}

/** Paths of PEM files. */
export interface CertificateFiles extends Partial<FrontProxyFiles> {
  readonly tlsCertFile: string;
  readonly tlsPrivateKeyFile: string;
  readonly clientCaFile: string;
  readonly kubeletClientCertificate: string;
  readonly kubeletClientKey: string;
  readonly kubeletCertificateAuthority: string;
}

/** Rejects with a UserError where a file cannot be read. */
export async function readCertificateFiles(files: CertificateFiles): Promise<Identity> {
  const [cert, key, clientCa, kubeletCert, kubeletKey, kubeletCa] = await Promise.all([
    flagFile('--tls-cert-file', files.tlsCertFile),
    flagFile('--tls-private-key-file', files.tlsPrivateKeyFile),
    flagFile('--client-ca-file', files.clientCaFile),
    flagFile('--kubelet-client-certificate', files.kubeletClientCertificate),
    flagFile('--kubelet-client-key', files.kubeletClientKey),
    flagFile('--kubelet-certificate-authority', files.kubeletCertificateAuthority),
  ]);
  const own = { tls: { cert, key, clientCa }, kubeletClient: { cert: kubeletCert, key: kubeletKey, ca: kubeletCa } };
  return { ...own, ...(await readFrontProxyFiles(files)) };
}

async function readFrontProxyFiles(files: Partial<FrontProxyFiles>): Promise<Pick<Identity, 'proxyClient' | 'requestHeaderCa'>> {
  const { proxyClientCertFile: cert, proxyClientKeyFile: key, requestheaderClientCaFile: ca } = files;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UserError('--proxy-client-cert-file and --proxy-client-key-file go together: give both, or neither');
  }
  const pair = cert &&
    key && { cert: await flagFile('--proxy-client-cert-file', cert), key: await flagFile('--proxy-client-key-file', key) };
  return { ...(pair && { proxyClient: pair }), ...(ca && { requestHeaderCa: await flagFile('--requestheader-client-ca-file', ca) }) };
}

/** What is in a file that a flag names. Rejects with a UserError where it cannot be read. */
export async function flagFile(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`${flag}: ${(error as Error).message}`, { cause: error });
  }
}
