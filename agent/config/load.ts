// The kubelet's settings: read from its configuration file, with what flags say laid over it.
import { readFile } from 'node:fs/promises';
import { isJsonObject, type Json, type JsonObject } from '../../src/apimachinery/json.js';
import { ConfigurationError, overlay } from './field.js';
import { type KubeletSettings, kubeletConfiguration } from './kubelet-configuration.js';

const API_VERSION = 'kubelet.config.k8s.io/v1beta1';
const KIND = 'KubeletConfiguration';

/** Rejects with an error that names the file and the field. */
export async function loadSettings(path: string | undefined, fromFlags: JsonObject): Promise<KubeletSettings> {
  if (path === undefined) return readSettings(fromFlags);
  try {
    return readSettings(overlay(kubeletConfiguration.fields!, await readConfiguration(path), fromFlags));
  } catch (error) {
    throw new Error(`failed to load kubelet config file, path: ${path}, error: ${(error as Error).message}`);
  }
}

/** Defaults stand for what the configuration lacks. */
export function readSettings(configuration: JsonObject): KubeletSettings {
  return kubeletConfiguration.read(configuration, '');
}

async function readConfiguration(path: string): Promise<JsonObject> {
  const file = await readFile(path, 'utf8');
  // Few agents have a file, and none needs the parser afterwards.
  const { parse } = await import('yaml');
  const parsed = parse(file) as Json;
  if (!isJsonObject(parsed)) throw new ConfigurationError('the file holds no object');
  const { apiVersion, kind, ...fields } = parsed;
  if (apiVersion !== API_VERSION || kind !== KIND)
    throw new ConfigurationError(`it must be a ${KIND} of ${API_VERSION}, not a ${String(kind)} of ${String(apiVersion)}`);
  return fields;
}

/** What `/configz` shows. */
export function configz(settings: KubeletSettings): object {
  return { kubeletconfig: { ...(kubeletConfiguration.write(settings) as JsonObject), kind: KIND, apiVersion: API_VERSION } };
}
