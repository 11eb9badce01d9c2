// Files that come from the API (configMap, secret, downwardAPI): which, and written so that readers see all old or all new. On the spot: an
// object of the API is small (see ARCHITECTURE.md).
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { KeyToPath } from '../../src/kinds/types/core_v1.js';
import { VolumeError } from './volume.js';

export interface PayloadFile {
  readonly data: Buffer;
  readonly mode: number;
  /** Whose it is; absent: root's. */
  readonly user?: number;
}

/** By path below the volume. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const DATA_LINK = '..data';
const DEFAULT_MODE = 0o644;

/** What of an object's keys is wanted, and how. */
export interface KeysWish {
  readonly items?: readonly KeyToPath[];
  readonly defaultMode?: number;
  readonly optional?: boolean;
}

/** All keys, or those that `items` name. `what` names the object in errors. */
export function keysToPayload(data: ReadonlyMap<string, Buffer>, { items, defaultMode, optional }: KeysWish, what: string): Payload {
  const mode = defaultMode ?? DEFAULT_MODE;
  if (!items?.length) return new Map([...data].map(([key, bytes]) => [key, { data: bytes, mode }]));
  const payload = new Map<string, PayloadFile>();
  for (const item of items) {
    const bytes = data.get(item.key);
    if (bytes) payload.set(safePath(item.path), { data: bytes, mode: item.mode ?? mode });
    else if (!optional) throw new VolumeError(`references non-existent ${what} key: ${item.key}`);
  }
  return payload;
}

/** The API validates paths too; a file outside of the volume would be the node's. */
export function safePath(path: string): string {
  if (path.startsWith('/') || path === '' || path.split('/').some((part) => part === '..') || path.startsWith('..')) {
    throw new VolumeError(`path "${path}" must be relative, and not begin with '..' or hold it`);
  }
  return path;
}

/**
 * Writes the files into a directory of their own and swaps a symbolic link to it, as upstream's atomic writer does:
 * `<directory>/key -> ..data/key`, `..data -> ..<n>`. Does nothing where they are there already.
 */
export function writePayload(directory: string, payload: Payload, group: number | undefined): void {
  mkdirSync(directory, { recursive: true });
  const current = linkIn(directory);
  if (current && isSame(join(directory, current), payload)) return;
  const next = `..${Number(current?.slice(2) ?? 0) + 1}`;
  rmSync(join(directory, next), { recursive: true, force: true });
  mkdirSync(join(directory, next));
  for (const [path, { data, mode, user = 0 }] of payload) {
    const file = join(directory, next, path);
    if (path.includes('/')) mkdirSync(dirname(file), { recursive: true });
    // A group that may read does so through the group's bits, as upstream's fsGroup.
    writeFileSync(file, data, { mode: 0o600 });
    if (group !== undefined || user !== 0) chownSync(file, user, group ?? 0);
    // Apart from writing, where the umask would cut it.
    chmodSync(file, group === undefined ? mode : mode | 0o440);
  }
  const swap = join(directory, `${DATA_LINK}_tmp`);
  rmSync(swap, { force: true });
  symlinkSync(next, swap);
  renameSync(swap, join(directory, DATA_LINK));
  linkTopLevel(directory, payload);
  if (current) rmSync(join(directory, current), { recursive: true, force: true });
}

/** Which of its directories a volume shows; undefined: none yet. */
function linkIn(directory: string): string | undefined {
  try {
    return readlinkSync(join(directory, DATA_LINK));
  } catch {
    return undefined;
  }
}

function isSame(directory: string, payload: Payload): boolean {
  const names = filesBelow(directory, '');
  return names.length === payload.size && names.every((name) => payload.get(name)?.data.equals(readFileSync(join(directory, name))));
}

/** None where it is not there: it is written anew then. */
function filesBelow(directory: string, prefix: string): string[] {
  if (!existsSync(join(directory, prefix))) return [];
  return readdirSync(join(directory, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = prefix ? `${prefix}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesBelow(directory, path) : [path];
  });
}

function linkTopLevel(directory: string, payload: Payload): void {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0]!));
  for (const name of readdirSync(directory)) {
    if (name.startsWith('..')) continue;
    if (wanted.has(name)) wanted.delete(name);
    else rmSync(join(directory, name), { force: true });
  }
  for (const name of wanted) symlinkSync(join(DATA_LINK, name), join(directory, name));
}
