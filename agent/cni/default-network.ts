// Our own network where no other CNI's configuration stands first: a bridge with addresses from the node's pod CIDR.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../../src/apimachinery/json.js';
import { CNI_VERSIONS, conflistFiles } from './conflist.js';
import { pluginVersions } from './plugin.js';

/** Ours to write and to keep right; any file that sorts before it, or stands alone, is another CNI's and wins. */
export const DEFAULT_CONFLIST = '10-porthole.conflist';
export const DEFAULT_BRIDGE = 'cni0';

export interface DefaultNetwork {
  readonly podCidr: string;
  /** Where addresses that were given out are kept. */
  readonly ipamDirectory: string;
  /** Of the pods' links; absent: the kernel's own choice. */
  readonly mtu?: number;
}

/** `bandwidth`: whether that plugin is there. kube-proxy does the masquerading. */
export function defaultConflist(network: DefaultNetwork, cniVersion: string, bandwidth: boolean): JsonObject {
  const { podCidr, ipamDirectory, mtu } = network;
  return {
    cniVersion,
    name: 'porthole',
    plugins: [
      {
        type: 'bridge',
        bridge: DEFAULT_BRIDGE,
        isDefaultGateway: true,
        // A node that has been given another pod CIDR than before keeps its bridge.
        forceAddress: true,
        ipMasq: false,
        // Without it a pod cannot reach itself through its own Service.
        hairpinMode: true,
        ...(mtu === undefined ? {} : { mtu }),
        ipam: { type: 'host-local', ranges: [[{ subnet: podCidr }]], dataDir: ipamDirectory },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
      ...(bandwidth ? [{ type: 'bandwidth', capabilities: { bandwidth: true } }] : []),
    ],
  };
}

/** Writes our default where the directory has no list, or only ours and that is not as it should be. */
export async function ensureDefaultConflist(directory: string, network: DefaultNetwork, binDirectories: readonly string[]): Promise<void> {
  const first = conflistFiles(directory)[0];
  if (first && first !== DEFAULT_CONFLIST) return;
  const wanted = await conflistFor(network, binDirectories);
  const text = `${JSON.stringify(wanted, null, 2)}\n`;
  const path = join(directory, DEFAULT_CONFLIST);
  if (first && (await readFile(path, 'utf8')) === text) return;
  await mkdir(directory, { recursive: true });
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

/** In the newest version that all plugins speak: Debian 11's know 0.4.0, those of today 1.1.0. */
async function conflistFor(network: DefaultNetwork, binDirectories: readonly string[]): Promise<JsonObject> {
  const [bridge, portmap, bandwidth] = await Promise.all(
    ['bridge', 'portmap', 'bandwidth'].map((type) => pluginVersions(type, binDirectories)),
  );
  const spoken = [bridge, portmap, bandwidth].filter((versions) => versions !== undefined);
  const version = CNI_VERSIONS.find((known) => spoken.every((versions) => versions.includes(known)));
  return defaultConflist(network, version ?? '1.0.0', bandwidth !== undefined);
}
