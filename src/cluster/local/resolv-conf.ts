// Which resolv.conf serves the nodes: the machine's own, unless it leads to a resolver that only the machine's loopback reaches.
import { readFile } from 'node:fs/promises';

/** Whether a resolv.conf only names resolvers that listen on the machine's loopback, which a node's namespace cannot reach. */
export function isLoopbackStub(resolvConf: string): boolean {
  const servers = [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1]!);
  return servers.length > 0 && servers.every((server) => server.startsWith('127.') || server === '::1');
}

/** systemd-resolved's list of the servers behind its stub. */
const RESOLVED_UPSTREAMS = '/run/systemd/resolve/resolv.conf';

/** The resolv.conf for nodes: undefined where the machine's own serves them too. */
export async function nodeResolvConf(): Promise<string | undefined> {
  if (!isLoopbackStub(await readIfThere('/etc/resolv.conf'))) return undefined;
  const upstreams = await readIfThere(RESOLVED_UPSTREAMS);
  return upstreams && !isLoopbackStub(upstreams) ? RESOLVED_UPSTREAMS : undefined;
}

async function readIfThere(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}
