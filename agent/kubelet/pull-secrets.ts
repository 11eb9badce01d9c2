// Credentials for image pulls, from the Secrets that a pod names: those of the image's registry, and of no other.
import { createHash } from 'node:crypto';
import type { Pod, Secret } from '../../src/kinds/types/core_v1.js';
import type { RegistryAuth } from '../runtime/runtime.js';
import type { EnvSources } from './env.js';

/** By this name the public registry goes in Docker's configuration files. */
const DOCKER_HUB = 'index.docker.io';

interface Entry {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
}
type Entries = { readonly [registry: string]: Entry };

/** Where credentials came from: whoever has that Secret, or its contents, may use what they have pulled. */
export interface SecretName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface PullCredential {
  readonly auth: RegistryAuth;
  readonly secret: SecretName;
  /** Of user and password, so that they need not be kept themselves. */
  readonly hash: string;
}

export interface PullSecrets {
  /** Of all registries. */
  readonly credentials: readonly PullCredential[];
  /** Names of Secrets that are not there, or hold no credentials. */
  readonly missing: readonly string[];
}

export async function pullSecrets({ metadata, spec }: Pod, sources: Pick<EnvSources, 'secret'>): Promise<PullSecrets> {
  const credentials: PullCredential[] = [];
  const missing: string[] = [];
  for (const { name } of spec.imagePullSecrets ?? []) {
    if (!name) continue;
    const secret = await sources.secret(metadata.namespace ?? '', name);
    const found = secret && credentialsOf(secret);
    if (found) credentials.push(...found);
    else missing.push(name);
  }
  return { credentials, missing };
}

/** undefined where it holds none that can be read. */
export function credentialsOf({ metadata, data = {} }: Secret): readonly PullCredential[] | undefined {
  const read = (key: string) => parse(Buffer.from(data[key] ?? '', 'base64').toString('utf8'));
  const entries = data['.dockerconfigjson']
    ? (read('.dockerconfigjson')?.['auths'] as Entries | undefined)
    : (read('.dockercfg') as Entries | undefined);
  if (!entries || typeof entries !== 'object') return undefined;
  const { namespace = '', name, uid } = metadata;
  return Object.entries(entries).map(([registry, entry]) => {
    const auth = { ...userOf(entry), serveraddress: registry };
    const hash = createHash('sha256')
      .update(JSON.stringify([auth.username, auth.password]))
      .digest('hex');
    return { auth, secret: { namespace, name, uid }, hash };
  });
}

function parse(text: string): { readonly [key: string]: unknown } | undefined {
  try {
    return JSON.parse(text) as { readonly [key: string]: unknown };
  } catch {
    return undefined;
  }
}

function userOf({ username, password, auth }: Entry): { readonly username: string; readonly password: string } {
  const [user = '', ...rest] = Buffer.from(auth ?? '', 'base64')
    .toString('utf8')
    .split(':');
  return { username: username ?? user, password: password ?? rest.join(':') };
}

/** Those for an image, the most particular first, as upstream's keyring has them. */
export function credentialsFor(image: string, credentials: readonly PullCredential[]): readonly PullCredential[] {
  const target = locationOfImage(image);
  return credentials
    .map((credential) => ({ credential, key: locationOfKey(credential.auth.serveraddress) }))
    .filter(({ key }) => matches(key, target))
    .sort((a, b) => b.key.path.length - a.key.path.length || b.key.host.length - a.key.host.length)
    .map(({ credential }) => credential);
}

interface Location {
  readonly host: string;
  readonly port: string;
  readonly path: string;
}

const location = (hostPort: string, path: string): Location => {
  const [host = '', port = ''] = hostPort.split(':');
  return { host: host === 'docker.io' ? DOCKER_HUB : host, port, path };
};

/** `https://index.docker.io/v1/`, `registry.example.com:5000/team`, `*.example.com`. */
function locationOfKey(key: string): Location {
  const [hostPort = '', ...path] = key.replace(/^https?:\/\//, '').split('/');
  return location(
    hostPort,
    path
      .join('/')
      .replace(/^v[12](\/|$)/, '')
      .replace(/\/$/, ''),
  );
}

/** What comes before the first slash is a registry only if it looks like one. */
export function locationOfImage(image: string): Location {
  const name = image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  const [first = '', ...rest] = name.split('/');
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (!isRegistry) return location(DOCKER_HUB, rest.length > 0 ? name : `library/${name}`);
  return location(first, rest.join('/'));
}

/** A star in the key stands for a part of a host name; a path is a prefix. */
function matches(key: Location, { host, port, path }: Location): boolean {
  const [wanted, given] = [key.host.split('.'), host.split('.')];
  const isHost = wanted.length === given.length && wanted.every((part, i) => globMatches(part, given[i]!));
  return isHost && key.port === port && (key.path === '' || path === key.path || path.startsWith(`${key.path}/`));
}

function globMatches(glob: string, text: string): boolean {
  const pattern = glob.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${pattern.join('.*')}$`).test(text);
}
