// The flags of every component that serves at a port of its own with which certificate, upstream's names.
import { createSecureContext } from 'node:tls';
import type { Command } from 'commander';
import type { ComponentListen } from '../cluster/component-server.js';

export interface ServingFlags {
  readonly bindAddress: string;
  readonly securePort: number;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
}

export const withServingFlags = (command: Command): Command =>
  command
    .option('--tls-cert-file <file>', 'certificate to serve with; else one is made at the start, which nobody vouches for')
    .option('--tls-private-key-file <file>', 'its key');

/** Rejects with an Error that names the flag. */
export async function listenOf({ bindAddress, securePort, tlsCertFile, tlsPrivateKeyFile }: ServingFlags): Promise<ComponentListen> {
  const listen = { address: bindAddress, port: securePort };
  if (tlsCertFile === undefined && tlsPrivateKeyFile === undefined) return listen;
  if (tlsCertFile === undefined || tlsPrivateKeyFile === undefined)
    throw new Error('--tls-cert-file and --tls-private-key-file go together: give both, or neither');
  const { flagFile } = await import('../cluster/certificate-files.js');
  const [cert, key] = await Promise.all([flagFile('--tls-cert-file', tlsCertFile), flagFile('--tls-private-key-file', tlsPrivateKeyFile)]);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new Error(`--tls-cert-file ${tlsCertFile} and --tls-private-key-file ${tlsPrivateKeyFile}: ${(error as Error).message}`);
  }
  return { ...listen, serving: { cert, key } };
}
