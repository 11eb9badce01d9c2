// Runs one CNI plugin as the specification says: parameters in the environment, configuration on stdin, result on stdout.
import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../src/apimachinery/json.js';
import { RuntimeError } from '../runtime/runtime.js';

/** A plugin takes some 20 ms; one that hangs (a lock, a dead DHCP server) must not hold its pod for ever. */
const PLUGIN_TIMEOUT_MS = 60_000;

/** A result is a few hundred bytes; past this the plugin talks nonsense. */
const OUTPUT_MAX_BYTES = 1 << 20;

export interface PluginCall {
  readonly command: 'ADD' | 'DEL' | 'CHECK';
  readonly containerId: string;
  /** Empty for DEL when the namespace is gone. */
  readonly netns: string;
  readonly ifName: string;
  /** `KEY=value;KEY=value`. */
  readonly args: string;
}

async function findPlugin(type: string, directories: readonly string[]): Promise<string> {
  if (type.includes('/')) throw new RuntimeError(500, `CNI plugin type "${type}" must not hold a slash`);
  for (const directory of directories) {
    const path = join(directory, type);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw new RuntimeError(500, `CNI plugin "${type}" is not in ${directories.join(', ')}: install containernetworking-plugins`);
}

/** The plugin's result, absent for DEL and CHECK. Rejects with its own message. */
export async function runPlugin(call: PluginCall, config: JsonObject, directories: readonly string[]): Promise<JsonObject | undefined> {
  const type = String(config['type']);
  const path = await findPlugin(type, directories);
  const env = {
    PATH: process.env['PATH'] ?? '',
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: call.containerId,
    CNI_NETNS: call.netns,
    CNI_IFNAME: call.ifName,
    CNI_ARGS: call.args,
    CNI_PATH: directories.join(':'),
  };
  const { code, stdout, stderr } = await run(path, env, JSON.stringify(config));
  if (code !== 0)
    throw new RuntimeError(500, `plugin type="${type}" failed (${call.command.toLowerCase()}): ${reason(stdout, stderr, code)}`);
  return stdout.trim() ? parseObject(stdout) : undefined;
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
function reason(stdout: string, stderr: string, code: number | null): string {
  const error = parseObject(stdout);
  if (typeof error?.['msg'] === 'string') return [error['msg'], error['details']].filter(Boolean).join('; ');
  return stderr.trim() || stdout.trim() || `exit code ${code}`;
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(path: string, env: NodeJS.ProcessEnv, stdin: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, [], { env, timeout: PLUGIN_TIMEOUT_MS, killSignal: 'SIGKILL' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < OUTPUT_MAX_BYTES) stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < OUTPUT_MAX_BYTES) stderr += text;
    });
    child.once('error', (error) => reject(new RuntimeError(500, `${path}: ${error.message}`)));
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    // A plugin that ends without reading is judged by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}
