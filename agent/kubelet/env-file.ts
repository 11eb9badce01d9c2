// Variables from a file in a volume (fileKeyRef): lines of NAME='value', where a value may go over several lines; blank lines and comments between.
import { readFile } from 'node:fs/promises';
import { openInside, pathOf, resolveInside } from '../volumes/safe-path.js';

/** A container's whole environment may be little more than this. */
const FILE_MAX_BYTES = 1 << 20;

const BETWEEN = /(?:[ \t\r]*(?:#[^\n]*)?\n)*[ \t\r]*(?:#[^\n]*)?/y;
/** Names are what the API takes: printable ASCII without an equals sign. */
const ENTRY = /([!-<>-~]+)='([^']*)'[ \t\r]*(?:\n|$)/y;

/** undefined where it is not in it. Throws where the text is something else. */
export function valueInEnvFile(text: string, key: string): string | undefined {
  let value: string | undefined;
  for (let at = 0; ; ) {
    BETWEEN.lastIndex = at;
    at += BETWEEN.exec(text)?.[0].length ?? 0;
    if (at === text.length) return value;
    ENTRY.lastIndex = at;
    const entry = ENTRY.exec(text);
    if (!entry) throw new Error(`no variable in single quotes at character ${at}`);
    if (entry[1] === key) value = entry[2];
    at = ENTRY.lastIndex;
  }
}

/** undefined where there is no such file. Rejects for what leads out of the volume, is no plain file, or is too large. */
export async function readEnvFile(volumePath: string, path: string): Promise<string | undefined> {
  const resolved = await resolveInside(volumePath, path);
  if (resolved === undefined) return undefined;
  const file = await openInside(volumePath, resolved);
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > FILE_MAX_BYTES) throw new Error(`${path} is no file of at most ${FILE_MAX_BYTES} bytes`);
    return await readFile(pathOf(file), 'utf8');
  } finally {
    await file.close();
  }
}
