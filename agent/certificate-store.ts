// CertificateStore: the node's CA, client and serving certificates on disk, under their upstream meaning, 0600.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { belongsTogether, type CertificateInfo, readCertificate } from '../src/client/certificates.js';
import { writePrivateFile } from '../src/client/files.js';

export type CertificateName = 'kubelet-client' | 'kubelet-serving';

/** PEM, both. */
export interface CertAndKey {
  readonly cert: string;
  readonly key: string;
}

export class CertificateStore {
  constructor(private readonly dir: string) {}

  /** The CA of the cluster that this node has joined; undefined: none yet. */
  authority(): Promise<string | undefined> {
    return readIfThere(join(this.dir, 'ca.crt'));
  }

  async putAuthority(pem: string): Promise<void> {
    await writePrivateFile(join(this.dir, 'ca.crt'), pem);
  }

  /** Undefined where there is none, or one that is broken, foreign to `authority`, over, or not what `fits` wants. */
  async get(
    name: CertificateName,
    authority: string,
    now_ms: number,
    fits: (info: CertificateInfo) => boolean,
  ): Promise<CertAndKey | undefined> {
    const cert = await readIfThere(join(this.dir, `${name}.crt`));
    const key = await readIfThere(join(this.dir, `${name}.key`));
    if (!cert || !key || !belongsTogether(cert, key, authority)) return undefined;
    const info = readCertificate(cert);
    return now_ms < info.notAfter_ms && fits(info) ? { cert, key } : undefined;
  }

  /** A crash between the two leaves a pair that does not belong together, which `get` does not take. */
  async put(name: CertificateName, { cert, key }: CertAndKey): Promise<void> {
    await writePrivateFile(join(this.dir, `${name}.key`), key);
    await writePrivateFile(join(this.dir, `${name}.crt`), cert);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
