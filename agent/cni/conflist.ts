// CNI network configuration lists: reading the first of a directory, as container runtimes do, and our own default.
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../src/apimachinery/json.js';

/** Ours to write and to keep right; any file that sorts before it, or stands alone, is another CNI's and wins. */
export const DEFAULT_CONFLIST = '10-porthole.conflist';

const CNI_VERSION = '1.0.0';

export interface NetworkConfigList {
  readonly name: string;
  readonly cniVersion: string;
  readonly plugins: readonly JsonObject[];
}

/** The first list of a directory, in the order of the file names; undefined where it has none. Throws where it is broken. */
export async function readConflist(directory: string): Promise<NetworkConfigList | undefined> {
  const file = (await conflistFiles(directory))[0];
  if (!file) return undefined;
  const path = join(directory, file);
  return parseConflist(await readFile(path, 'utf8'), path);
}

async function conflistFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => /\.(conflist|conf|json)$/.test(name)).sort();
}

/** `path` is for the error's message. A single plugin's configuration counts as a list of one. */
export function parseConflist(text: string, path: string): NetworkConfigList {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`CNI configuration ${path} is not JSON: ${(error as Error).message}`);
  }
  if (!isJsonObject(value as JsonObject)) throw new Error(`CNI configuration ${path} is not an object`);
  const { name, cniVersion, plugins, type } = value as JsonObject;
  const list = Array.isArray(plugins) ? plugins : typeof type === 'string' ? [value] : [];
  if (typeof name !== 'string' || list.length === 0) throw new Error(`CNI configuration ${path} has no name or no plugins`);
  for (const plugin of list) {
    if (!isJsonObject(plugin) || typeof plugin['type'] !== 'string') throw new Error(`CNI configuration ${path}: a plugin has no type`);
  }
  return { name, cniVersion: typeof cniVersion === 'string' ? cniVersion : '0.2.0', plugins: list as JsonObject[] };
}

/** A bridge in the node's namespace with addresses from the node's pod CIDR; kube-proxy does the masquerading. */
export function defaultConflist(podCidr: string, ipamDirectory: string): JsonObject {
  return {
    cniVersion: CNI_VERSION,
    name: 'porthole',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isDefaultGateway: true,
        ipMasq: false,
        // Without it a pod cannot reach itself through its own Service.
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: podCidr }]], dataDir: ipamDirectory },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/** Writes our default where the directory has no list, or only ours with another pod CIDR. */
export async function ensureDefaultConflist(directory: string, podCidr: string, ipamDirectory: string): Promise<void> {
  const first = (await conflistFiles(directory))[0];
  if (first && first !== DEFAULT_CONFLIST) return;
  const text = `${JSON.stringify(defaultConflist(podCidr, ipamDirectory), null, 2)}\n`;
  const path = join(directory, DEFAULT_CONFLIST);
  if (first && (await readFile(path, 'utf8')) === text) return;
  await mkdir(directory, { recursive: true });
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}
