// Validation of a container: its name, image, ports, environment, mounts; resources and probes have files of their own.
import { duplicate, type FieldError, forbidden, invalid, notFoundValue, notSupported, required } from '../../apimachinery/field.js';
import { isConfigMapKey, isDns1123Label, isPortName } from '../../apimachinery/names.js';
import { checkIp, checkOneOf, checkPort, checkRange, invalids, MAX_INT32, PROTOCOLS } from '../checks.js';
import type { Container, ContainerPort, EnvVar, EnvVarSource, VolumeMount } from '../types/core_v1.js';
import { validateLifecycle, validateProbes } from './probe-validation.js';
import { validateResources } from './resources-validation.js';

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const MESSAGE_POLICIES = ['File', 'FallbackToLogsOnError'];
const FIELD_PATHS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const RESOURCE_FIELDS = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/;
/** Printable ASCII, in which `=` would end the name. */
const ENV_NAME = /^[ -<>-~]+$/;

/** What validation must know of the pod around a container. */
export interface PodContext {
  readonly volumes: ReadonlySet<string>;
  readonly hostNetwork: boolean;
}

/** One container at `at`; `names` collects those of the whole pod, which must differ. */
export function validateContainer(at: string, container: Container, context: PodContext, names: Set<string>): FieldError[] {
  const { name, image } = container;
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${at}.name`));
  else if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
  else errors.push(...invalids(`${at}.name`, name, isDns1123Label(name)));
  if (name) names.add(name);
  if (!image) errors.push(required(`${at}.image`));
  else if (image !== image.trim()) errors.push(invalid(`${at}.image`, image, 'must not have leading or trailing whitespace'));
  errors.push(
    ...checkOneOf(`${at}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES),
    ...(container.terminationMessagePath ? [] : [required(`${at}.terminationMessagePath`)]),
    ...checkOneOf(`${at}.terminationMessagePolicy`, container.terminationMessagePolicy, MESSAGE_POLICIES),
    ...validatePorts(`${at}.ports`, container.ports ?? [], context.hostNetwork),
    ...(container.env ?? []).flatMap((env, i) => validateEnv(`${at}.env[${i}]`, env)),
    ...validateEnvFrom(`${at}.envFrom`, container),
    ...validateMounts(`${at}.volumeMounts`, container.volumeMounts ?? [], context.volumes),
    ...validateResources(`${at}.resources`, container.resources ?? {}),
    ...validateUser(`${at}.securityContext`, container),
    ...validateProbes(at, container),
    ...validateLifecycle(`${at}.lifecycle`, container.lifecycle),
  );
  return errors;
}

function validatePorts(at: string, ports: readonly ContainerPort[], hostNetwork: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, { name, containerPort, hostPort, hostIP, protocol }] of ports.entries()) {
    if (name) {
      errors.push(...(names.has(name) ? [duplicate(`${at}[${i}].name`, name)] : invalids(`${at}[${i}].name`, name, isPortName(name))));
      names.add(name);
    }
    if (!containerPort) errors.push(required(`${at}[${i}].containerPort`));
    else errors.push(...checkPort(`${at}[${i}].containerPort`, containerPort));
    if (hostPort) errors.push(...checkPort(`${at}[${i}].hostPort`, hostPort));
    if (hostIP) errors.push(...checkIp(`${at}[${i}].hostIP`, hostIP));
    if (hostNetwork && hostPort && hostPort !== containerPort) {
      errors.push(invalid(`${at}[${i}].hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true'));
    }
    errors.push(...checkOneOf(`${at}[${i}].protocol`, protocol, PROTOCOLS));
  }
  return errors;
}

/** A host port can be one container's only. */
export function validateHostPorts(at: string, containers: readonly Container[]): FieldError[] {
  const errors: FieldError[] = [];
  const taken = new Set<string>();
  for (const [i, { ports }] of containers.entries()) {
    for (const [j, { protocol, hostIP = '', hostPort }] of (ports ?? []).entries()) {
      if (!hostPort) continue;
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(key)) errors.push(duplicate(`${at}[${i}].ports[${j}].hostPort`, key));
      taken.add(key);
    }
  }
  return errors;
}

function validateEnv(at: string, { name, value, valueFrom }: EnvVar): FieldError[] {
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${at}.name`));
  else if (!ENV_NAME.test(name)) {
    errors.push(
      invalid(`${at}.name`, name, "a valid environment variable name must consist only of printable ASCII characters other than '='"),
    );
  }
  if (valueFrom) errors.push(...validateEnvSource(`${at}.valueFrom`, valueFrom, value));
  return errors;
}

function validateEnvSource(at: string, source: EnvVarSource, value: string | undefined): FieldError[] {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  const given = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter((ref) => ref !== undefined);
  const errors: FieldError[] = [];
  if (given.length === 0) {
    errors.push(invalid(at, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'));
  } else if (value) errors.push(invalid(at, '', 'may not be specified when `value` is not empty'));
  else if (given.length > 1) errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
  if (fileKeyRef) errors.push(forbidden(`${at}.fileKeyRef`, 'not supported by this server'));
  if (fieldRef) errors.push(...validateFieldPath(`${at}.fieldRef.fieldPath`, fieldRef.fieldPath));
  if (resourceFieldRef && !RESOURCE_FIELDS.test(resourceFieldRef.resource ?? '')) {
    errors.push(
      notSupported(`${at}.resourceFieldRef.resource`, resourceFieldRef.resource, [
        'limits.cpu',
        'limits.ephemeral-storage',
        'limits.memory',
        'requests.cpu',
        'requests.ephemeral-storage',
        'requests.memory',
      ]),
    );
  }
  if (configMapKeyRef) errors.push(...validateKeyRef(`${at}.configMapKeyRef`, configMapKeyRef));
  if (secretKeyRef) errors.push(...validateKeyRef(`${at}.secretKeyRef`, secretKeyRef));
  return errors;
}

function validateFieldPath(at: string, path: string | undefined): FieldError[] {
  if (!path) return [required(at)];
  if (FIELD_PATHS.includes(path) || /^metadata\.(labels|annotations)\['.+'\]$/.test(path)) return [];
  return [notSupported(at, path, FIELD_PATHS)];
}

function validateKeyRef(at: string, { name, key }: { readonly name?: string; readonly key?: string }): FieldError[] {
  return [...(name ? [] : [required(`${at}.name`)]), ...(key ? invalids(`${at}.key`, key, isConfigMapKey(key)) : [required(`${at}.key`)])];
}

function validateEnvFrom(at: string, { envFrom }: Container): FieldError[] {
  return (envFrom ?? []).flatMap(({ configMapRef, secretRef }, i) => {
    if (!configMapRef && !secretRef) return [invalid(`${at}[${i}]`, '', 'must specify one of: `configMapRef` or `secretRef`')];
    if (configMapRef && secretRef) return [invalid(`${at}[${i}]`, '', 'may not have more than one field specified at a time')];
    const kind = configMapRef ? 'configMapRef' : 'secretRef';
    return (configMapRef ?? secretRef)?.name ? [] : [required(`${at}[${i}].${kind}.name`)];
  });
}

function validateMounts(at: string, mounts: readonly VolumeMount[], volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  for (const [i, { name, mountPath, subPath, subPathExpr }] of mounts.entries()) {
    if (!name) errors.push(required(`${at}[${i}].name`));
    else if (!volumes.has(name)) errors.push(notFoundValue(`${at}[${i}].name`, name));
    if (!mountPath) errors.push(required(`${at}[${i}].mountPath`));
    else if (paths.has(mountPath)) errors.push(invalid(`${at}[${i}].mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    if (subPath) errors.push(...checkRelativePath(`${at}[${i}].subPath`, subPath));
    if (subPathExpr) errors.push(...checkRelativePath(`${at}[${i}].subPathExpr`, subPathExpr));
    if (subPath && subPathExpr)
      errors.push(invalid(`${at}[${i}].subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
  }
  return errors;
}

/** A path that cannot lead out of the directory it is taken in. */
export function checkRelativePath(field: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (path.startsWith('/')) errors.push(invalid(field, path, 'must be a relative path'));
  if (path.split('/').includes('..')) errors.push(invalid(field, path, "must not contain '..'"));
  return errors;
}

function validateUser(at: string, { securityContext }: Container): FieldError[] {
  return [
    ...checkRange(`${at}.runAsUser`, securityContext?.runAsUser, 0, MAX_INT32),
    ...checkRange(`${at}.runAsGroup`, securityContext?.runAsGroup, 0, MAX_INT32),
  ];
}
