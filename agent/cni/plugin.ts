// Runs one CNI plugin as the specification says: parameters in the environment, configuration on stdin, result on stdout.
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../src/apimachinery/json.js';
import { RuntimeError } from '../runtime/runtime.js';
import { runInShell, type ShellOutcome } from '../shells.js';

/** A plugin takes some 20 ms; one that hangs (a lock, a dead DHCP server) must not hold its pod for ever. */
const PLUGIN_TIMEOUT_MS = 60_000;

/** A result is a few hundred bytes; past this the plugin talks nonsense. */
const OUTPUT_MAX_BYTES = 1 << 20;

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

export interface PluginCall {
  readonly command: CniCommand;
  /** Of an attachment: all but GC, STATUS and VERSION. */
  readonly attachment?: {
    readonly containerId: string;
    /** Empty for DEL when the namespace is gone. */
    readonly netns: string;
    readonly ifName: string;
    /** `KEY=value;KEY=value`. */
    readonly args: string;
  };
}

/** Undefined where no directory has it. */
function findPlugin(type: string, directories: readonly string[]): string | undefined {
  if (type.includes('/')) throw new RuntimeError(500, `invalid plugin name: ${type}`);
  return directories.map((directory) => join(directory, type)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The plugin's result, absent for all but ADD. Rejects with its own message. */
export async function runPlugin(call: PluginCall, config: JsonObject, directories: readonly string[]): Promise<JsonObject | undefined> {
  const type = String(config['type']);
  const path = findPlugin(type, directories);
  if (!path) throw new RuntimeError(500, `failed to find plugin "${type}" in path [${directories.join(' ')}]`);
  const { code, stdout, stderr } = await run(path, environment(call, directories), JSON.stringify(config));
  if (code !== 0)
    throw new RuntimeError(500, `plugin type="${type}" failed (${call.command.toLowerCase()}): ${reason(stdout, stderr, code)}`);
  return stdout.trim() ? parseObject(stdout) : undefined;
}

/** What a binary says does not change until it does. */
const versionsOf = new Map<string, { readonly mtimeMs: number; readonly versions: readonly string[] }>();

/** The versions of the specification that a plugin speaks; undefined where it is not there, empty where it does not say. */
export async function pluginVersions(type: string, directories: readonly string[]): Promise<readonly string[] | undefined> {
  const path = findPlugin(type, directories);
  if (!path) return undefined;
  const { mtimeMs } = statSync(path);
  const known = versionsOf.get(path);
  if (known?.mtimeMs === mtimeMs) return known.versions;
  const { stdout } = await run(path, environment({ command: 'VERSION' }, directories), '{"cniVersion":"1.0.0"}');
  const supported = parseObject(stdout)?.['supportedVersions'];
  const versions = Array.isArray(supported) ? supported.map(String) : [];
  versionsOf.set(path, { mtimeMs, versions });
  return versions;
}

function environment({ command, attachment }: PluginCall, directories: readonly string[]): { readonly [name: string]: string } {
  return {
    CNI_COMMAND: command,
    CNI_PATH: directories.join(':'),
    ...(attachment && {
      CNI_CONTAINERID: attachment.containerId,
      CNI_NETNS: attachment.netns,
      CNI_IFNAME: attachment.ifName,
      CNI_ARGS: attachment.args,
    }),
  };
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A failed plugin prints `{code, msg, details}`; one that crashed only has its standard error. */
function reason(stdout: string, stderr: string, code: ShellOutcome['code']): string {
  const error = parseObject(stdout);
  if (typeof error?.['msg'] === 'string') return [error['msg'], error['details']].filter(Boolean).join('; ');
  if (code === 'timeout') return `no answer within ${PLUGIN_TIMEOUT_MS / 1000} s`;
  if (typeof code === 'string') return code;
  return stderr.trim() || stdout.trim() || `exit code ${code}`;
}

function run(path: string, env: { readonly [name: string]: string }, stdin: string): Promise<ShellOutcome> {
  return runInShell({ program: path, env, stdin, timeout_ms: PLUGIN_TIMEOUT_MS, output_max_bytes: OUTPUT_MAX_BYTES });
}
