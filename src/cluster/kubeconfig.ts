// Kubeconfig files of people: reading one, and merging one context into ~/.kube/config without touching the rest of it.
import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Owner, writePrivateFile } from '../client/files.js';
import type { Credentials } from './admin-kubeconfig.js';
import { addContext, NotEditable, takeContext } from './kubeconfig-text.js';

/** The credentials of the current context of the kubeconfig at `path`. Rejects with an Error of one line that names the file. */
export async function readKubeconfig(path: string): Promise<Credentials> {
  const config = parse(await readFile(path, 'utf8')) as Kubeconfig | null;
  const find = <T>(list: readonly ({ readonly name: string } & T)[] | undefined, name: string | undefined) =>
    list?.find((entry) => entry.name === name);
  const context = find(config?.contexts, config?.['current-context'])?.context;
  const cluster = find(config?.clusters, context?.cluster)?.cluster;
  const user = find(config?.users, context?.user)?.user;
  const server = cluster?.server;
  const ca = cluster?.['certificate-authority-data'];
  const cert = user?.['client-certificate-data'];
  const key = user?.['client-key-data'];
  if (!server || !ca || !cert || !key) throw new Error(`${path}: its current context has no server, CA, client certificate and key in it`);
  return { server, ca: decode(ca), cert: decode(cert), key: decode(key) };
}

/**
 * Puts the context `name` (with its cluster and user) into the kubeconfig at `path`, replacing an earlier one of that name.
 * It becomes the current one only where there is none. Every other byte stays as it is. The file's mode becomes 0600.
 * Rejects, with an Error of one line that names the file, where that cannot be.
 */
export async function mergeContext(path: string, name: string, credentials: Credentials, owner?: Owner): Promise<void> {
  await edit(path, (text) => addContext(text, name, credentials), owner);
}

/**
 * Takes the context `name`, its cluster and its user out again: after `mergeContext` the file is what it was, to the byte. Does nothing
 * where the file or the context is missing. Rejects as `mergeContext` does.
 */
export async function removeContext(path: string, name: string): Promise<void> {
  await edit(path, (text) => takeContext(text, name));
}

/** Whose ~/.kube/config it is: under sudo the person's who ran it, not root's. */
export async function personalKubeconfig(env: NodeJS.ProcessEnv): Promise<{ readonly path: string; readonly owner: Owner | undefined }> {
  const { SUDO_USER, SUDO_UID, SUDO_GID, HOME } = env;
  if (SUDO_USER && SUDO_USER !== 'root' && SUDO_UID && SUDO_GID) {
    const home = await homeOf(SUDO_USER);
    if (home) return { path: join(home, '.kube', 'config'), owner: { uid: Number(SUDO_UID), gid: Number(SUDO_GID) } };
  }
  return { path: join(HOME ?? '/root', '.kube', 'config'), owner: undefined };
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly clusters?: readonly {
    readonly name: string;
    readonly cluster?: { readonly server?: string; readonly 'certificate-authority-data'?: string };
  }[];
  readonly contexts?: readonly { readonly name: string; readonly context?: { readonly cluster?: string; readonly user?: string } }[];
  readonly users?: readonly {
    readonly name: string;
    readonly user?: { readonly 'client-certificate-data'?: string; readonly 'client-key-data'?: string };
  }[];
}

/** A new file is `owner`'s; one that was there stays its owner's. */
async function edit(path: string, change: (text: string) => string | undefined, owner?: Owner): Promise<void> {
  const text = await readText(path);
  let changed: string | undefined;
  try {
    changed = change(text);
  } catch (error) {
    throw error instanceof NotEditable ? new Error(`${path} ${error.message}`) : error;
  }
  if (changed !== undefined) await writePrivateFile(path, changed, (await ownerOf(path)) ?? owner);
}

async function readText(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
  // A byte that is no character would be written back as another one.
  if (!isUtf8(bytes)) throw new Error(`${path} is not valid UTF-8, so it is left as it is`);
  return bytes.toString('utf8');
}

async function ownerOf(path: string): Promise<Owner | undefined> {
  try {
    const { uid, gid } = await stat(path);
    return { uid, gid };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** From /etc/passwd; a user from elsewhere (LDAP) is not in it. */
async function homeOf(user: string): Promise<string | undefined> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  return lines.map((line) => line.split(':')).find(([name]) => name === user)?.[5];
}

const decode = (data: string) => Buffer.from(data, 'base64').toString('utf8');
