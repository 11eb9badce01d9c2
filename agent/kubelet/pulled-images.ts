// PulledImages: who an image on this node was pulled for, so that a private one is no one else's only because it is here already. Kept in
// files, one an image, that survive the agent.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import { locationOfImage, type PullCredential, type SecretName } from './pull-secrets.js';

/** Of one image: as many have shown that they may use it; the oldest make way. */
const CREDENTIALS_MAX = 100;

interface Access {
  /** Anybody may use it: it was pulled without credentials. */
  readonly anonymous: boolean;
  readonly secrets: readonly (SecretName & { readonly hash: string })[];
}

interface PulledRecord {
  readonly imageId: string;
  /** By repository: an image can be public in one and private in another. */
  readonly access: { readonly [repository: string]: Access };
}

export class PulledImages {
  constructor(
    private readonly directory: string,
    private readonly settings: Pick<KubeletSettings, 'imagePullCredentialsVerificationPolicy' | 'preloadedImagesVerificationAllowlist'>,
  ) {}

  /** Whether a pod with these credentials may use an image that is here without asking its registry. */
  async mayUse(imageId: string, reference: string, credentials: readonly PullCredential[]): Promise<boolean> {
    const { imagePullCredentialsVerificationPolicy: policy } = this.settings;
    if (policy === 'NeverVerify') return true;
    const record = this.#read(imageId);
    if (!record && !this.#isUnderWay(reference)) return this.#isPreloadedFree(reference);
    const access = record?.access[repositoryOf(reference)];
    if (!access) return false;
    return (
      access.anonymous ||
      credentials.some(({ secret, hash }) => access.secrets.some((known) => known.hash === hash || isSame(known, secret)))
    );
  }

  /** Noted before a pull begins: what is there after an agent was killed in between is nobody's yet. */
  async begin(reference: string): Promise<void> {
    await this.#write(join('pulling', keyOf(reference)), { image: reference });
  }

  /** `credential`: what the registry took; undefined: it asked for none. */
  async end(imageId: string, reference: string, credential: PullCredential | undefined): Promise<void> {
    const record = this.#read(imageId) ?? { imageId, access: {} };
    const repository = repositoryOf(reference);
    const { anonymous, secrets } = record.access[repository] ?? { anonymous: false, secrets: [] };
    const others = credential ? secrets.filter((known) => !isSame(known, credential.secret)) : secrets;
    const access = {
      anonymous: anonymous || credential === undefined,
      secrets: credential ? [...others, { ...credential.secret, hash: credential.hash }].slice(-CREDENTIALS_MAX) : others,
    };
    await this.#write(join('pulled', keyOf(imageId)), { imageId, access: { ...record.access, [repository]: access } });
    await this.failed(reference);
  }

  async failed(reference: string): Promise<void> {
    await rm(join(this.directory, 'pulling', keyOf(reference)), { force: true });
  }

  /** Forgets all other images but those that came after `since_ms`, when it was looked which there are. */
  async prune(imageIds: ReadonlySet<string>, since_ms: number): Promise<void> {
    const kept = new Set([...imageIds].map(keyOf));
    const directory = join(this.directory, 'pulled');
    for (const file of await readdir(directory).catch(() => [])) {
      const path = join(directory, file);
      if (!kept.has(file) && (await stat(path)).mtimeMs < since_ms) await rm(path, { force: true });
    }
  }

  #isPreloadedFree(reference: string): boolean {
    const { imagePullCredentialsVerificationPolicy: policy, preloadedImagesVerificationAllowlist: allowed } = this.settings;
    if (policy === 'NeverVerifyPreloadedImages') return true;
    const name = repositoryOf(reference);
    return (
      policy === 'NeverVerifyAllowlistedImages' &&
      allowed.some((pattern) => (pattern.endsWith('/*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern))
    );
  }

  #isUnderWay(reference: string): boolean {
    return this.#file(join('pulling', keyOf(reference))) !== undefined;
  }

  #read(imageId: string): PulledRecord | undefined {
    const text = this.#file(join('pulled', keyOf(imageId)));
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as PulledRecord;
    } catch {
      // A record that cannot be read lets nobody in without asking.
      return { imageId, access: {} };
    }
  }

  #file(path: string): string | undefined {
    try {
      return readFileSync(join(this.directory, path), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #write(path: string, value: object): Promise<void> {
    const file = join(this.directory, path);
    await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
    // Whole or not at all.
    await writeFile(`${file}.new`, JSON.stringify(value), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
}

const keyOf = (text: string) => createHash('sha256').update(text).digest('hex');

const isSame = (a: SecretName, b: SecretName) => a.uid === b.uid && a.namespace === b.namespace && a.name === b.name;

function repositoryOf(reference: string): string {
  const { host, port, path } = locationOfImage(reference);
  return `${host}${port ? `:${port}` : ''}/${path}`;
}
