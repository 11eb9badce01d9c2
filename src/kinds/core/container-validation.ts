// Validation of a container: its name, image, ports, environment, mounts; resources and probes have files of their own.
import { duplicate, type FieldError, forbidden, invalid, notFoundValue, notSupported, required } from '../../apimachinery/field.js';
import { isConfigMapKey, isDns1123Label, isPortName } from '../../apimachinery/names.js';
import { checkIp, checkOneOf, checkPort, checkRelativePath, invalids, PROTOCOLS } from '../checks.js';
import type { Container, ContainerPort, EnvVar, EnvVarSource, FileKeySelector, PodSpec, VolumeMount } from '../types/core_v1.js';
import { validateLifecycle, validateProbes } from './probe-validation.js';
import { validateResources } from './resources-validation.js';
import { validateContainerSecurity } from './security-validation.js';

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
const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None'];
const RECURSIVE_READ_ONLY = ['Disabled', 'Enabled', 'IfPossible'];
const RESIZABLE = ['cpu', 'memory'];
const RESIZE_POLICIES = ['NotRequired', 'RestartContainer'];
/** Printable ASCII, in which `=` would end the name. */
const ENV_NAME = /^[ -<>-~]+$/;

/** What validation must know of the pod around a container. */
export interface PodContext {
  readonly volumes: ReadonlySet<string>;
  /** Those that come of a claim. */
  readonly claims: ReadonlySet<string>;
  readonly hostNetwork: boolean;
  /** The pod has no user namespace of its own. */
  readonly hostUsers: boolean;
}

export function contextOf({ volumes = [], hostNetwork = false, hostUsers = true }: PodSpec): PodContext {
  const claims = volumes.filter((volume) => volume.persistentVolumeClaim ?? volume.ephemeral);
  return { volumes: new Set(volumes.map(({ name }) => name)), claims: new Set(claims.map(({ name }) => name)), hostNetwork, hostUsers };
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
    ...validateMounts(`${at}.volumeMounts`, container, context.volumes),
    ...validateDevices(`${at}.volumeDevices`, container, context),
    ...validateResizePolicy(`${at}.resizePolicy`, container),
    ...validateResources(`${at}.resources`, container.resources ?? {}),
    ...validateContainerSecurity(`${at}.securityContext`, container.securityContext, context.hostUsers),
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
  if (fileKeyRef) errors.push(...validateFileKeyRef(`${at}.fileKeyRef`, fileKeyRef));
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

function validateFileKeyRef(at: string, { volumeName, path, key }: FileKeySelector): FieldError[] {
  return [
    ...(volumeName ? invalids(`${at}.volumeName`, volumeName, isDns1123Label(volumeName)) : [required(`${at}.volumeName`)]),
    ...(path ? checkRelativePath(`${at}.path`, path) : [required(`${at}.path`)]),
    ...(key ? [] : [required(`${at}.key`)]),
  ];
}

function validateEnvFrom(at: string, { envFrom }: Container): FieldError[] {
  return (envFrom ?? []).flatMap(({ configMapRef, secretRef }, i) => {
    if (!configMapRef && !secretRef) return [invalid(`${at}[${i}]`, '', 'must specify one of: `configMapRef` or `secretRef`')];
    if (configMapRef && secretRef) return [invalid(`${at}[${i}]`, '', 'may not have more than one field specified at a time')];
    const kind = configMapRef ? 'configMapRef' : 'secretRef';
    return (configMapRef ?? secretRef)?.name ? [] : [required(`${at}[${i}].${kind}.name`)];
  });
}

function validateMounts(at: string, container: Container, volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const { name, mountPath, subPath, subPathExpr } = mount;
    if (!name) errors.push(required(`${at}[${i}].name`));
    else if (!volumes.has(name)) errors.push(notFoundValue(`${at}[${i}].name`, name));
    if (!mountPath) errors.push(required(`${at}[${i}].mountPath`));
    else if (paths.has(mountPath)) errors.push(invalid(`${at}[${i}].mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    if (subPath) errors.push(...checkRelativePath(`${at}[${i}].subPath`, subPath));
    if (subPathExpr) errors.push(...checkRelativePath(`${at}[${i}].subPathExpr`, subPathExpr));
    if (subPath && subPathExpr)
      errors.push(invalid(`${at}[${i}].subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    errors.push(...validatePropagation(`${at}[${i}]`, mount, container.securityContext?.privileged ?? false));
  }
  return errors;
}

/** Mounts that a container makes can reach the node only from one that may do anything there. */
function validatePropagation(
  at: string,
  { mountPropagation, recursiveReadOnly, readOnly }: VolumeMount,
  privileged: boolean,
): FieldError[] {
  const errors = checkOneOf(`${at}.mountPropagation`, mountPropagation, PROPAGATIONS, true);
  if (mountPropagation === 'Bidirectional' && !privileged) {
    errors.push(forbidden(`${at}.mountPropagation`, 'Bidirectional mount propagation is available only to privileged containers'));
  }
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return errors;
  if (!RECURSIVE_READ_ONLY.includes(recursiveReadOnly)) {
    return [...errors, notSupported(`${at}.recursiveReadOnly`, recursiveReadOnly, RECURSIVE_READ_ONLY)];
  }
  if (!readOnly) errors.push(forbidden(`${at}.recursiveReadOnly`, 'may only be specified when readOnly is true'));
  if (mountPropagation !== undefined && mountPropagation !== 'None') {
    errors.push(forbidden(`${at}.recursiveReadOnly`, 'may only be specified when mountPropagation is None or not specified'));
  }
  return errors;
}

/** Block devices come of claims, and are mounted nowhere. */
function validateDevices(at: string, { volumeDevices = [], volumeMounts = [] }: Container, context: PodContext): FieldError[] {
  const names = volumeDevices.map(({ name }) => name);
  const paths = volumeDevices.map(({ devicePath }) => devicePath);
  return volumeDevices.flatMap(({ name, devicePath }, i) => {
    const field = `${at}[${i}]`;
    const errors: FieldError[] = [];
    if (!name) errors.push(required(`${field}.name`));
    if (names.indexOf(name) < i) errors.push(invalid(`${field}.name`, name, 'must be unique'));
    if (!context.volumes.has(name)) errors.push(notFoundValue(`${field}.name`, name));
    else if (!context.claims.has(name)) {
      errors.push(invalid(`${field}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'));
    }
    if (!devicePath) errors.push(required(`${field}.devicePath`));
    else if (devicePath.split('/').includes('..'))
      errors.push(invalid(`${field}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    if (paths.indexOf(devicePath) < i) errors.push(invalid(`${field}.devicePath`, devicePath, 'must be unique'));
    if (volumeMounts.some((mount) => mount.name === name)) {
      errors.push(invalid(`${field}.name`, name, 'must not already exist in volumeMounts'));
    }
    if (volumeMounts.some(({ mountPath }) => mountPath === devicePath)) {
      errors.push(invalid(`${field}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'));
    }
    return errors;
  });
}

function validateResizePolicy(at: string, { resizePolicy = [] }: Container): FieldError[] {
  const names = resizePolicy.map(({ resourceName }) => resourceName);
  return resizePolicy.flatMap(({ resourceName, restartPolicy }, i) => [
    ...(names.indexOf(resourceName) < i ? [duplicate(`${at}[${i}]`, resourceName)] : []),
    ...checkOneOf(at, resourceName, RESIZABLE),
    ...checkOneOf(at, restartPolicy, RESIZE_POLICIES),
  ]);
}
