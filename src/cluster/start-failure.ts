// startFailure: what kept the control plane from starting, as one line that names the cause and the way out.
import { isStatus } from '../apimachinery/status.js';
import { UserError } from './local/user-error.js';

export interface StartContext {
  readonly dataDir: string;
  readonly bindAddress: string;
  readonly securePort: number;
}

/** Undefined for what the person who started it did not cause: a defect, which must be seen with its stack. */
export function startFailure(error: unknown, { dataDir, bindAddress, securePort }: StartContext): string | undefined {
  if (error instanceof UserError) return error.message;
  // An option that makes no sense, which only the part that it is for could find.
  if (error instanceof Error && error.message.startsWith('--')) return error.message;
  // The store was opened, but what every cluster has could not be written to it.
  if (isStatus(error, 'ServiceUnavailable')) return /no space left/i.test(error.message) ? noSpace(dataDir) : error.message;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, path = dataDir } = cause as NodeJS.ErrnoException;
    switch (code) {
      case 'EADDRINUSE':
        return `port ${securePort} on ${bindAddress} is already in use: stop what listens there (ss -tlnp 'sport = :${securePort}' shows it), or give another --secure-port`;
      case 'EADDRNOTAVAIL':
        return `this machine has no address ${bindAddress}: correct --bind-address`;
      case 'EACCES':
      case 'EPERM':
        return path === dataDir || cause.message.includes(path)
          ? `no permission for ${path}: run it as root (sudo), or give a --data-dir that is yours`
          : `no permission: ${cause.message}: run it as root (sudo)`;
      case 'EROFS':
        return `${path} is on a read-only file system: give another --data-dir`;
      case 'ENOSPC':
      case 'EDQUOT':
        return noSpace(path);
      case 'ENOTDIR':
      case 'EEXIST':
        return `${path} cannot be a directory, since there is something else of that name: give another --data-dir`;
    }
  }
  return undefined;
}

const noSpace = (path: string) => `no disk space left for ${path}: make room there, or give another --data-dir`;
