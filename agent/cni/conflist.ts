// CNI network configuration lists: reading the first of a directory, as container runtimes do. What one says is checked, not changed.
import { readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../src/apimachinery/json.js';

/** What of the specification is spoken here, the newest first. */
export const CNI_VERSIONS = ['1.1.0', '1.0.0', '0.4.0', '0.3.1', '0.3.0', '0.2.0', '0.1.0'] as const;

export interface NetworkConfigList {
  readonly name: string;
  readonly cniVersion: string;
  readonly plugins: readonly JsonObject[];
  /** Its plugins' CHECK is known to give false alarms. */
  readonly disableCheck?: boolean;
  readonly disableGC?: boolean;
}

/** The network's name becomes a file's for many plugins. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

const CONFIGURATION = /\.(conflist|conf|json)$/;

/** The first list of a directory, in the order of the file names; undefined where it has none. Throws where it is broken. */
export async function readConflist(directory: string): Promise<NetworkConfigList | undefined> {
  const file = conflistFiles(directory)[0];
  if (!file) return undefined;
  const path = join(directory, file);
  const list = parseConflist(await readFile(path, 'utf8'), path);
  const plugins = list.inlinedOnly ? list.plugins : [...list.plugins, ...(await readPlugins(join(directory, list.name)))];
  if (plugins.length === 0) throw new Error(`CNI configuration ${path} has no plugins`);
  return { ...list, plugins };
}

/** What is another one where what is to be read of a directory may be another: `name` is that of the list that was read last. */
export function conflistMark(directory: string, name: string | undefined): string {
  const files = conflistFiles(directory);
  const read = [files[0], name].filter((each) => each !== undefined);
  const marks = read.map((file) => {
    const found = statSync(join(directory, file), { throwIfNoEntry: false });
    return found ? `${found.ino} ${found.size} ${found.mtimeMs}` : 'none';
  });
  return [...files, ...marks].join();
}

/** The files of a directory that may be configurations, in the order that counts. */
export function conflistFiles(directory: string, pattern = CONFIGURATION): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => pattern.test(name))
      .sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

/** Plugins that others have added to a list: each a file of the folder that is called as the list is. */
async function readPlugins(directory: string): Promise<readonly JsonObject[]> {
  const files = conflistFiles(directory, /\.conf$/);
  const texts = files.map(async (file) => parsePlugin(parse(await readFile(join(directory, file), 'utf8'), file), join(directory, file)));
  return Promise.all(texts);
}

export interface ParsedList extends NetworkConfigList {
  readonly inlinedOnly: boolean;
}

/** `path` is for the error's message. A single plugin's configuration counts as a list of one. */
export function parseConflist(text: string, path: string): ParsedList {
  const value = parse(text, path);
  const { name, cniVersion, cniVersions, plugins, type, disableCheck, disableGC, loadOnlyInlinedPlugins } = value;
  if (typeof name !== 'string' || !name) throw new Error(`CNI configuration ${path} has no name`);
  if (!NAME.test(name)) throw new Error(`CNI configuration ${path}: invalid characters found in network name ${JSON.stringify(name)}`);
  const isList = Array.isArray(plugins);
  const given: readonly unknown[] = isList ? plugins : typeof type === 'string' ? [value] : [];
  // Of an empty list, the plugins may all be in files of their own.
  if (given.length === 0 && !isList) throw new Error(`CNI configuration ${path} has no plugins`);
  return {
    name,
    cniVersion: newestVersion([cniVersion, ...(Array.isArray(cniVersions) ? cniVersions : [])], path),
    plugins: given.map((plugin) => parsePlugin(plugin, path)),
    ...(isSet(disableCheck) ? { disableCheck: true } : {}),
    ...(isSet(disableGC) ? { disableGC: true } : {}),
    inlinedOnly: !isList || isSet(loadOnlyInlinedPlugins),
  };
}

function parse(text: string, path: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`CNI configuration ${path} is not JSON: ${(error as Error).message}`);
  }
  if (!isJsonObject(value as JsonObject)) throw new Error(`CNI configuration ${path} is not an object`);
  return value as JsonObject;
}

function parsePlugin(plugin: unknown, path: string): JsonObject {
  const type = isJsonObject(plugin as JsonObject) ? (plugin as JsonObject)['type'] : undefined;
  if (typeof type !== 'string' || !type) throw new Error(`CNI configuration ${path}: a plugin has no type`);
  return plugin as JsonObject;
}

/** A configuration without a version is of the time before there were any. */
function newestVersion(offered: readonly unknown[], path: string): string {
  const versions = offered.filter((version): version is string => typeof version === 'string' && version !== '');
  if (versions.length === 0) return '0.2.0';
  const version = CNI_VERSIONS.find((known) => versions.includes(known));
  if (!version) throw new Error(`CNI configuration ${path} is of version ${versions.join(' or ')}, known are ${CNI_VERSIONS.join(', ')}`);
  return version;
}

const isSet = (flag: unknown) => flag === true || (typeof flag === 'string' && flag.toLowerCase() === 'true');

export const isAtLeast = (version: string, wanted: (typeof CNI_VERSIONS)[number]) =>
  (CNI_VERSIONS as readonly string[]).indexOf(version) <= CNI_VERSIONS.indexOf(wanted);
