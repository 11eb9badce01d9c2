// Kubeconfig files of people: reading one, and merging one context into ~/.kube/config without touching the rest of it.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Document, isMap, isSeq, parse, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { type Owner, writePrivateFile } from '../client/files.js';
import type { Credentials } from './admin-kubeconfig.js';

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
 * It becomes the current one only where there is none. Everything else stays as it is, comments and order too.
 */
export async function mergeContext(path: string, name: string, credentials: Credentials, owner?: Owner): Promise<void> {
  const document = await readDocument(path);
  putContext(document, name, credentials);
  await writeKeepingOwner(path, document, owner);
}

/** Takes the context `name`, its cluster and its user out again. Does nothing where the file or the context is missing. */
export async function removeContext(path: string, name: string): Promise<void> {
  const document = await readDocument(path);
  let removed = false;
  for (const list of ['clusters', 'contexts', 'users']) {
    const entries = document.get(list);
    if (!isSeq(entries)) continue;
    const at = indexOf(entries, name);
    if (at < 0) continue;
    entries.delete(at);
    removed = true;
  }
  if (document.get('current-context') === name) document.set('current-context', '');
  if (removed) await writeKeepingOwner(path, document);
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

function putContext(document: Document, name: string, { server, ca, cert, key }: Credentials): void {
  if (!isMap(document.contents)) document.contents = document.createNode({ apiVersion: 'v1', kind: 'Config' }) as never;
  putEntry(document, 'clusters', name, { name, cluster: { server, 'certificate-authority-data': encode(ca) } });
  putEntry(document, 'users', name, { name, user: { 'client-certificate-data': encode(cert), 'client-key-data': encode(key) } });
  putContextEntry(document, name);
  if (!document.get('current-context')) document.set('current-context', name);
}

/** The namespace that a person has set for the context is theirs, and stays. */
function putContextEntry(document: Document, name: string): void {
  const contexts = document.get('contexts');
  const at = isSeq(contexts) ? indexOf(contexts, name) : -1;
  const namespace = at >= 0 ? document.getIn(['contexts', at, 'context', 'namespace']) : undefined;
  const context = { cluster: name, user: name, ...(typeof namespace === 'string' && { namespace }) };
  putEntry(document, 'contexts', name, { name, context });
}

function putEntry(document: Document, list: string, name: string, entry: object): void {
  // `clusters: null` and `clusters: []` are what kubectl writes for none.
  let entries = document.get(list);
  if (!isSeq(entries)) {
    entries = document.createNode([]);
    document.set(list, entries);
  }
  const sequence = entries as YAMLSeq;
  sequence.flow = false;
  const at = indexOf(sequence, name);
  if (at < 0) sequence.add(document.createNode(entry));
  else sequence.set(at, document.createNode(entry));
}

function indexOf(sequence: YAMLSeq, name: string): number {
  return sequence.items.findIndex((item) => isMap(item) && (item as YAMLMap).get('name') === name);
}

async function readDocument(path: string): Promise<Document> {
  let text = '';
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const document = parseDocument(text);
  const broken = document.errors[0];
  if (broken) throw new Error(`${path} is not valid YAML, so it is left as it is: ${broken.message.split('\n')[0]}`);
  if (document.contents !== null && !isMap(document.contents)) throw new Error(`${path} is no kubeconfig, so it is left as it is`);
  return document;
}

/** A new file is `owner`'s; one that was there stays its owner's. */
async function writeKeepingOwner(path: string, document: Document, owner?: Owner): Promise<void> {
  const text = document.toString({ lineWidth: 0 });
  await writePrivateFile(path, text, (await ownerOf(path)) ?? owner);
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

const encode = (pem: string) => Buffer.from(pem).toString('base64');
const decode = (data: string) => Buffer.from(data, 'base64').toString('utf8');
