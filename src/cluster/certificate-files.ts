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
    pem('--tls-cert-file', files.tlsCertFile),
    pem('--tls-private-key-file', files.tlsPrivateKeyFile),
    pem('--client-ca-file', files.clientCaFile),
    pem('--kubelet-client-certificate', files.kubeletClientCertificate),
    pem('--kubelet-client-key', files.kubeletClientKey),
    pem('--kubelet-certificate-authority', files.kubeletCertificateAuthority),
  ]);
  const own = { tls: { cert, key, clientCa }, kubeletClient: { cert: kubeletCert, key: kubeletKey, ca: kubeletCa } };
  return { ...own, ...(await readFrontProxyFiles(files)) };
}

async function readFrontProxyFiles(files: Partial<FrontProxyFiles>): Promise<Pick<Identity, 'proxyClient' | 'requestHeaderCa'>> {
  const { proxyClientCertFile: cert, proxyClientKeyFile: key, requestheaderClientCaFile: ca } = files;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UserError('--proxy-client-cert-file and --proxy-client-key-file go together: give both, or neither');
  }
  const pair = cert && key && { cert: await pem('--proxy-client-cert-file', cert), key: await pem('--proxy-client-key-file', key) };
  return { ...(pair && { proxyClient: pair }), ...(ca && { requestHeaderCa: await pem('--requestheader-client-ca-file', ca) }) };
}

export async function pem(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`${flag}: ${(error as Error).message}`, { cause: error });
  }
}
