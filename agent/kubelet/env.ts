// A container's environment: services, envFrom and env, each over what came before it.
import type { ConfigMap, Container, EnvVar, FileKeySelector, Pod, Secret, Service } from '../../src/kinds/types/core_v1.js';
import type { ReadyVolume } from '../volumes/index.js';
import { readEnvFile, valueInEnvFile } from './env-file.js';
import { expand } from './expand.js';
import { fieldValue, type NodeFacts, needsPodIp, resourceValue } from './field-path.js';

/** A container cannot be made from its spec as things are: shown as CreateContainerConfigError. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}

/** Reads of objects that the environment refers to; undefined where there is no such object. */
export interface EnvSources {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /** Of the pod's namespace, and the API server's own. */
  services(namespace: string): readonly Service[];
}

export interface EnvContext {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly node: NodeFacts;
  readonly sources: EnvSources;
  /** The pod's, by name. */
  readonly volumes: ReadonlyMap<string, ReadyVolume>;
}

/** True where the environment cannot be made before the pod has its address. */
export function envNeedsPodIp(container: Container): boolean {
  return (container.env ?? []).some(({ valueFrom }) => valueFrom?.fieldRef && needsPodIp(valueFrom.fieldRef.fieldPath));
}

/** Rejects with a ContainerConfigError naming what is missing. */
export async function containerEnv(container: Container, context: EnvContext): Promise<Map<string, string>> {
  const { pod, sources } = context;
  const namespace = pod.metadata.namespace ?? '';
  const links = pod.spec.enableServiceLinks ?? true;
  const env = new Map(serviceEnv(sources.services(namespace), namespace, links));
  for (const [name, value] of await envFrom(container, context)) env.set(name, value);
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom ? await valueFrom(variable, container, context) : expand(variable.value ?? '', env);
    if (value !== undefined) env.set(variable.name, value);
  }
  return env;
}

async function envFrom(container: Container, { pod, sources }: EnvContext): Promise<Map<string, string>> {
  const namespace = pod.metadata.namespace ?? '';
  const env = new Map<string, string>();
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef) {
      const map = await sources.configMap(namespace, configMapRef.name ?? '');
      if (!map && !configMapRef.optional) throw new ContainerConfigError(`configmap "${configMapRef.name}" not found`);
      for (const [key, value] of Object.entries(map?.data ?? {})) env.set(prefix + key, value);
    }
    if (secretRef) {
      const secret = await sources.secret(namespace, secretRef.name ?? '');
      if (!secret && !secretRef.optional) throw new ContainerConfigError(`secret "${secretRef.name}" not found`);
      for (const [key, value] of Object.entries(secret?.data ?? {})) env.set(prefix + key, decode(value));
    }
  }
  return env;
}

const decode = (base64: string) => Buffer.from(base64, 'base64').toString('utf8');

async function valueFrom({ name, valueFrom: from }: EnvVar, container: Container, context: EnvContext): Promise<string | undefined> {
  const { pod, podIps, node, sources } = context;
  const namespace = pod.metadata.namespace ?? '';
  if (from?.fieldRef) {
    const value = fieldValue(pod, from.fieldRef.fieldPath, podIps, node);
    if (value === undefined) throw new ContainerConfigError(`env ${name}: unsupported fieldPath: ${from.fieldRef.fieldPath}`);
    return value;
  }
  if (from?.resourceFieldRef) {
    const { containerName } = from.resourceFieldRef;
    const target = containerName ? podContainer(pod, containerName) : container;
    const value = target && resourceValue(target, from.resourceFieldRef, node);
    if (value === undefined) throw new ContainerConfigError(`env ${name}: unsupported resource: ${from.resourceFieldRef.resource}`);
    return value;
  }
  if (from?.configMapKeyRef) {
    const { name: map, key, optional } = from.configMapKeyRef;
    const found = await sources.configMap(namespace, map ?? '');
    return required(
      found?.data?.[key],
      optional,
      found ? `couldn't find key ${key} in ConfigMap ${namespace}/${map}` : `configmap "${map}" not found`,
    );
  }
  if (from?.secretKeyRef) {
    const { name: secret, key, optional } = from.secretKeyRef;
    const found = await sources.secret(namespace, secret ?? '');
    const value = required(
      found?.data?.[key],
      optional,
      found ? `couldn't find key ${key} in Secret ${namespace}/${secret}` : `secret "${secret}" not found`,
    );
    return value === undefined ? undefined : decode(value);
  }
  if (from?.fileKeyRef) return fromFile(from.fileKeyRef, context);
  throw new ContainerConfigError(`env ${name}: ${Object.keys(from ?? {})[0]} is not supported by this node`);
}

async function fromFile({ volumeName, path, key, optional }: FileKeySelector, { volumes }: EnvContext): Promise<string | undefined> {
  const volume = volumes.get(volumeName);
  if (!volume) throw new ContainerConfigError(`cannot find the volume "${volumeName}" referenced by FileKeyRef`);
  let text: string | undefined;
  let value: string | undefined;
  try {
    text = await readEnvFile(volume.path, path);
    value = text === undefined ? undefined : valueInEnvFile(text, key);
  } catch {
    // Not in detail, as upstream: it could tell of the node's files.
    throw new ContainerConfigError("couldn't parse env file");
  }
  const problem = `environment variable key "${key}" not found in file "${path}"`;
  return required(value, optional, text === undefined ? "couldn't parse env file" : problem);
}

function required(value: string | undefined, optional: boolean | undefined, problem: string): string | undefined {
  if (value === undefined && !optional) throw new ContainerConfigError(problem);
  return value;
}

function podContainer({ spec }: Pod, name: string): Container | undefined {
  return [...(spec.initContainers ?? []), ...spec.containers].find((container) => container.name === name);
}

/** Variables in Docker's old link style for each Service that has an address; without `links` only for the API server's. */
export function* serviceEnv(services: readonly Service[], namespace: string, links: boolean): Iterable<[string, string]> {
  for (const { metadata, spec } of services) {
    const isApi = metadata.namespace === 'default' && metadata.name === 'kubernetes';
    if (!isApi && (!links || metadata.namespace !== namespace)) continue;
    const ip = spec.clusterIP;
    const [first, ...rest] = spec.ports ?? [];
    if (!ip || ip === 'None' || !first) continue;
    const name = metadata.name.toUpperCase().replaceAll('-', '_');
    yield [`${name}_SERVICE_HOST`, ip];
    yield [`${name}_SERVICE_PORT`, String(first.port)];
    for (const port of [first, ...rest]) {
      if (port.name) yield [`${name}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port)];
    }
    yield [`${name}_PORT`, `${(first.protocol ?? 'TCP').toLowerCase()}://${ip}:${first.port}`];
    for (const port of [first, ...rest]) {
      const protocol = port.protocol ?? 'TCP';
      const prefix = `${name}_PORT_${port.port}_${protocol}`;
      yield [prefix, `${protocol.toLowerCase()}://${ip}:${port.port}`];
      yield [`${prefix}_PROTO`, protocol.toLowerCase()];
      yield [`${prefix}_PORT`, String(port.port)];
      yield [`${prefix}_ADDR`, ip];
    }
  }
}
