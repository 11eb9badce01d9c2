// The settings of kubelet and kube-proxy: read from their configuration files, the kubelet's with what flags say laid over it.
import { readFile } from 'node:fs/promises';
import { isJsonObject, type Json, type JsonObject } from '../../src/apimachinery/json.js';
import { ConfigurationError, overlay } from './field.js';
import { type KubeProxySettings, kubeProxyConfiguration } from './kube-proxy-configuration.js';
import { type KubeletSettings, kubeletConfiguration } from './kubelet-configuration.js';

const API_VERSION = 'kubelet.config.k8s.io/v1beta1';
const KIND = 'KubeletConfiguration';
const PROXY_API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1';
const PROXY_KIND = 'KubeProxyConfiguration';

/** Rejects with an error that names the file and the field. */
export async function loadSettings(path: string | undefined, fromFlags: JsonObject): Promise<KubeletSettings> {
  if (path === undefined) return readSettings(fromFlags);
  try {
    return readSettings(overlay(kubeletConfiguration.fields!, await readConfiguration(path, API_VERSION, KIND), fromFlags));
  } catch (error) {
    throw new Error(`failed to load kubelet config file, path: ${path}, error: ${(error as Error).message}`);
  }
}

/** Defaults stand for what the configuration lacks. */
export function readSettings(configuration: JsonObject): KubeletSettings {
  return kubeletConfiguration.read(configuration, '');
}

/** As `loadSettings`, for kube-proxy. */
export async function loadKubeProxySettings(path: string | undefined): Promise<KubeProxySettings> {
  if (path === undefined) return kubeProxyConfiguration.initial;
  try {
    return kubeProxyConfiguration.read(await readConfiguration(path, PROXY_API_VERSION, PROXY_KIND), '');
  } catch (error) {
    throw new Error(`failed to load kube-proxy config file, path: ${path}, error: ${(error as Error).message}`);
  }
}

async function readConfiguration(path: string, wantedVersion: string, wantedKind: string): Promise<JsonObject> {
  const file = await readFile(path, 'utf8');
  // Few agents have a file, and none needs the parser afterwards.
  const { parse } = await import('yaml');
  const parsed = parse(file) as Json;
  if (!isJsonObject(parsed)) throw new ConfigurationError('the file holds no object');
  const { apiVersion, kind, ...fields } = parsed;
  if (apiVersion !== wantedVersion || kind !== wantedKind)
    throw new ConfigurationError(`it must be a ${wantedKind} of ${wantedVersion}, not a ${String(kind)} of ${String(apiVersion)}`);
  return fields;
}

/** What `/configz` shows. */
export function configz(settings: KubeletSettings): object {
  return { kubeletconfig: { ...(kubeletConfiguration.write(settings) as JsonObject), kind: KIND, apiVersion: API_VERSION } };
}

export function kubeProxyConfigz(settings: KubeProxySettings): object {
  return {
    'kubeproxy.config.k8s.io': {
      ...(kubeProxyConfiguration.write(settings) as JsonObject),
      kind: PROXY_KIND,
      apiVersion: PROXY_API_VERSION,
    },
  };
}
