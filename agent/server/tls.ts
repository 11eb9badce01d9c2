// How port 10250 is served by TLS: which versions and ciphers, and certificates that somebody else keeps in files.
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { getCiphers, type SecureContextOptions, type SecureVersion } from 'node:tls';
import type { Logger } from '../../src/apimachinery/logger.js';
import { ConfigurationError } from '../config/field.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';

export interface CertAndKey {
  readonly cert: string;
  readonly key: string;
}

/** Those of TLS 1.3 are not to be chosen among, as in Go. */
const TLS13_CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Throws a ConfigurationError for a cipher that there is not. */
export function tlsOptions(settings: Pick<KubeletSettings, 'tlsMinVersion' | 'tlsCipherSuites'>): SecureContextOptions {
  const minVersion = settings.tlsMinVersion.replace(/^VersionTLS1(\d)$/, 'TLSv1.$1').replace(/\.0$/, '') as SecureVersion;
  if (settings.tlsCipherSuites.length === 0) return { minVersion };
  return { minVersion, ciphers: [...new Set([...TLS13_CIPHERS, ...settings.tlsCipherSuites.map(openSslName)])].join(':') };
}

/** OpenSSL has names of its own for what IANA, and so Go, calls `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. */
function openSslName(suite: string): string {
  if (TLS13_CIPHERS.includes(suite)) return suite;
  const [, exchange = '', cipher = ''] = /^TLS_(\w+)_WITH_(\w+)$/.exec(suite) ?? [];
  const short = cipher
    .replace(/^AES_(\d+)_CBC_/, 'AES$1_')
    .replace(/^AES_(\d+)_/, 'AES$1_')
    .replace(/^CHACHA20_POLY1305_SHA256$/, 'CHACHA20_POLY1305');
  const name = [...(exchange === 'RSA' ? [] : [exchange]), short].join('-').replaceAll('_', '-');
  if (!getCiphers().includes(name.toLowerCase())) throw new ConfigurationError(`Cipher suite ${suite} not supported or doesn't exist`);
  return name;
}

type Files = Pick<KubeletSettings, 'tlsCertFile' | 'tlsPrivateKeyFile'>;

const namesFiles = ({ tlsCertFile, tlsPrivateKeyFile }: Files) => tlsCertFile !== '' || tlsPrivateKeyFile !== '';

/** undefined where the node has a certificate of the cluster's. Rejects where they cannot be read. */
export async function servingFiles(files: Files): Promise<CertAndKey | undefined> {
  if (!namesFiles(files)) return undefined;
  const [cert, key] = await Promise.all([files.tlsCertFile, files.tlsPrivateKeyFile].map((path) => readFile(path, 'utf8')));
  return { cert: cert!, key: key! };
}

/** Calls back with what they are replaced by, until it is closed. */
export function watchServingFiles(files: Files, changed: (serving: CertAndKey) => void, log: Logger): { close(): void } {
  if (!namesFiles(files)) return { close: () => undefined };
  // The directory: who replaces a file gives its name to another.
  const directories = new Set([files.tlsCertFile, files.tlsPrivateKeyFile].map((path) => dirname(path)));
  const read = async () => {
    try {
      changed((await servingFiles(files))!);
    } catch (error) {
      // One of the two was replaced, and the other will be.
      log.warn({ error: (error as Error).message }, 'cannot serve with the certificate in tlsCertFile, going on with the last one');
    }
  };
  const watchers = [...directories].map((directory) => watch(directory, { persistent: false }, () => void read()));
  for (const watcher of watchers) watcher.on('error', (error) => log.warn({ error: error.message }, 'cannot watch tlsCertFile'));
  return {
    close() {
      for (const watcher of watchers) watcher.close();
    },
  };
}
