// Reads a kubeconfig as kubectl does, as far as clients of ours can be somebody by it: certificates and tokens, in it or in files beside it.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';

/** What the current context says. */
export interface KubeconfigContext {
  /** `https://host:6443`. */
  readonly server: string;
  /** PEM, all three; the last two of whom a certificate makes known. */
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  /** Of whom a token makes known. */
  readonly token?: string;
  /** Where whoever names none means. */
  readonly namespace?: string;
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly clusters?: readonly Named<'cluster', Fields & { readonly server?: string }>[];
  readonly contexts?: readonly Named<'context', { readonly cluster?: string; readonly user?: string; readonly namespace?: string }>[];
  readonly users?: readonly Named<'user', Fields & { readonly token?: string; readonly tokenFile?: string; readonly exec?: object }>[];
}

type Named<Key extends string, Value> = { readonly name: string } & { readonly [key in Key]?: Value };
type Pem = 'certificate-authority' | 'client-certificate' | 'client-key';
/** Of each the path of a file, and in `-data` its content in base64, which counts more. */
type Fields = { readonly [key in Pem | `${Pem}-data`]?: string };

/** Rejects with an Error of one line that begins with `path` where something is missing; ENOENT where the file itself is. */
export async function readKubeconfig(path: string): Promise<KubeconfigContext> {
  const config = parse(await readFile(path, 'utf8')) as Kubeconfig | null;
  const find = <T extends { readonly name: string }>(list: readonly T[] | undefined, name: string | undefined) =>
    list?.find((entry) => entry.name === name);
  const context = find(config?.contexts, config?.['current-context'])?.context;
  const cluster = find(config?.clusters, context?.cluster)?.cluster;
  const user = find(config?.users, context?.user)?.user;
  const [ca, cert, key] = await Promise.all([
    pem(path, cluster, 'certificate-authority'),
    pem(path, user, 'client-certificate'),
    pem(path, user, 'client-key'),
  ]);
  const token = user?.tokenFile ? (await beside(path, user.tokenFile)).trim() : user?.token;
  if (!cluster?.server || !ca) throw new Error(`${path}: its current context has no cluster with a server and a certificate authority`);
  if (!token && (!cert || !key)) {
    const why = user?.exec
      ? 'its user is made by a program, which is not run here'
      : 'its current context has no user with a client certificate and key, or a token';
    throw new Error(`${path}: ${why}`);
  }
  const { namespace } = context!;
  return {
    server: cluster.server,
    ca,
    ...(cert && key && { cert, key }),
    ...(token && { token }),
    ...(namespace && { namespace }),
  };
}

async function pem(path: string, fields: Fields | undefined, name: Pem): Promise<string | undefined> {
  const [data, file] = [fields?.[`${name}-data`], fields?.[name]];
  return data ? Buffer.from(data, 'base64').toString('utf8') : file && beside(path, file);
}

async function beside(path: string, file: string): Promise<string> {
  const found = resolve(dirname(path), file);
  return readFile(found, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: ${found}, which it names, cannot be read: ${error.code}`);
  });
}
