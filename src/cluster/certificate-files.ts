// Certificates of an API server that were made elsewhere, by the flags that name their files.
import { readFile } from 'node:fs/promises';
import type { ApiServerOptions } from '../apiserver/index.js';
import { UserError } from './local/user-error.js';

/** What an API server shows: to its clients, and to kubelets. */
export type Identity = Pick<ApiServerOptions, 'tls' | 'kubeletClient' | 'serviceAccounts' | 'proxyClient' | 'requestHeaderCa'>;

/** Paths of PEM files. */
export interface CertificateFiles {
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
  return { tls: { cert, key, clientCa }, kubeletClient: { cert: kubeletCert, key: kubeletKey, ca: kubeletCa } };
}

export async function pem(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`${flag}: ${(error as Error).message}`, { cause: error });
  }
}
