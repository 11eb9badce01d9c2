// ~/.kube/config: whose it is, and one context put in or taken out without touching the rest of it.
import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Owner, writePrivateFile } from '../client/files.js';
import type { Credentials } from './admin-kubeconfig.js';
import { addContext, NotEditable, takeContext } from './kubeconfig-text.js';

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
