// Runs what a command asks of the API server, by a kubeconfig; what a person can put right is one line and exit code 1.
import { StatusError } from '../apimachinery/status.js';
import type { ApiClient } from '../client/api-client.js';
import type { Transport } from '../client/client.js';
import type { KubeconfigContext } from '../cluster/read-kubeconfig.js';

export interface Session extends KubeconfigContext {
  readonly client: ApiClient;
  readonly transport: Transport;
}

/** Prints what `act` returns. `command` is what the line of an error begins with, `missing` what to do where there is no such file. */
export async function withKubeconfig(
  command: string,
  path: string,
  missing: string,
  act: (session: Session) => Promise<string>,
): Promise<void> {
  const [{ readKubeconfig }, { httpsTransport }, { ApiClient }] = await Promise.all([
    import('../cluster/read-kubeconfig.js'),
    import('../client/https.js'),
    import('../client/api-client.js'),
  ]);
  let transport: ReturnType<typeof httpsTransport> | undefined;
  try {
    const credentials = await readKubeconfig(path);
    transport = httpsTransport(credentials);
    process.stdout.write(`${await act({ client: new ApiClient(transport), transport, ...credentials })}\n`);
  } catch (error) {
    const line = failure(error, command, path, missing);
    if (!line) throw error;
    process.stderr.write(`${command}: ${line}\n`);
    process.exitCode ||= 1;
  } finally {
    transport?.close();
  }
}

function failure(error: unknown, command: string, path: string, missing: string): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof StatusError) return error.code === 503 ? `${message}: is \`porthole server\` running?` : message;
  if (code === 'ENOENT') return `there is no ${path}: ${missing}`;
  if (code === 'EACCES') return `no permission to read ${path}: run it as root (sudo ${command} ...)`;
  return code === undefined && error instanceof Error && message.startsWith(path) ? message : undefined;
}
