// What the commands of `porthole etcd` share: errors as one line, and the flags by which they find a server.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { keepAlive, systemClock } from '../apimachinery/clock.js';
import { silentLogger } from '../apimachinery/logger.js';
import { DEFAULT_DATA_DIR, dataPaths } from '../cluster/data-paths.js';
import type { Backend } from '../etcd/backend.js';
import { PORT_ETCD } from '../kinds/wellknown.js';
import { list } from './flags.js';

/** Runs a command. An Error is shown as its message, with exit code 1; a defect (TypeError and the like) is thrown on. */
export async function etcdFailure(command: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError)
      throw error;
    process.stderr.write(`${command}: ${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Rejects with one line where it cannot be read. */
export async function fileText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Error(`there is no ${path}`, { cause: error });
    if (code === 'EACCES') throw new Error(`no permission to read ${path}: run this as root (sudo)`, { cause: error });
    throw new Error(`cannot read ${path}: ${message}`, { cause: error });
  }
}

/** PEM texts. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface ClientFlags {
  readonly endpoints?: readonly string[];
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
}

const OWN_ENDPOINT = `https://127.0.0.1:${PORT_ETCD}`;
const PKI_DIR = join(dataPaths(DEFAULT_DATA_DIR).pki, 'etcd');
const OWN_FILES = {
  cacert: join(PKI_DIR, 'ca.crt'),
  cert: join(PKI_DIR, 'healthcheck-client.crt'),
  key: join(PKI_DIR, 'healthcheck-client.key'),
};

/** etcdctl's flags; without certificates, those of the `porthole server` of this machine. */
export function withClientFlags(command: Command): Command {
  return command
    .option('--endpoints <urls>', `servers of the store (default: ${OWN_ENDPOINT})`, list)
    .option('--cacert <file>', `authority of their certificates (default: ${OWN_FILES.cacert})`)
    .option('--cert <file>', `client certificate (default: ${OWN_FILES.cert})`)
    .option('--key <file>', `its key (default: ${OWN_FILES.key})`);
}

export const endpointsOf = ({ endpoints }: ClientFlags): readonly string[] => endpoints ?? [OWN_ENDPOINT];

/** Nothing for servers without TLS. */
export async function clientTls(flags: ClientFlags): Promise<ClientTls> {
  const endpoints = endpointsOf(flags);
  if (!endpoints.some((url) => url.startsWith('https:'))) return {};
  const given = flags.cacert ?? flags.cert ?? flags.key;
  const { cacert, cert, key } = given === undefined ? OWN_FILES : flags;
  return {
    ...(cacert && { ca: await fileText(cacert) }),
    ...(cert && { cert: await fileText(cert) }),
    ...(key && { key: await fileText(key) }),
  };
}

/** Runs `act` on the store of a server, and leaves it. */
export async function withStore<T>(flags: ClientFlags, act: (backend: Backend) => Promise<T>): Promise<T> {
  const { openRemoteBackend } = await import('../etcd/remote.js');
  const tls = await clientTls(flags);
  // While it waits to try a server again there is nothing else that would keep the process.
  const alive = keepAlive();
  try {
    const backend = await openRemoteBackend({ endpoints: endpointsOf(flags), ...tls, clock: systemClock, log: silentLogger });
    try {
      return await act(backend);
    } finally {
      await backend.close();
    }
  } finally {
    alive.cancel();
  }
}
