// What host-local has written down as given out: one file for each address, with the container's ID in it.
import { readdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { JsonObject } from '../../src/apimachinery/json.js';
import type { NetworkConfigList } from './conflist.js';

/** Who holds addresses of a list below `directory`, which is ours alone: what lies elsewhere, other programs may have reserved. */
export async function holders({ name, plugins }: NetworkConfigList, directory: string): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (const plugin of plugins) {
    const { type, dataDir } = (plugin['ipam'] ?? {}) as JsonObject;
    if (type !== 'host-local' || dataDir !== directory) continue;
    for (const id of await idsIn(join(directory, name))) ids.add(id);
  }
  return ids;
}

async function idsIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const texts = names
    .filter((name) => isIP(name) !== 0)
    .map((name) =>
      readFile(join(directory, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
        // Given back meanwhile.
        if (error.code === 'ENOENT') return '';
        throw error;
      }),
    );
  return (await Promise.all(texts)).map((text) => text.split(/\r?\n/)[0]!).filter(Boolean);
}
