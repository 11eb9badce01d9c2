// Validation of a pod's volumes: unique names, exactly one source each, and files that fit beside one another.
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { isDns1123Label } from '../../apimachinery/names.js';
import { checkNonNegativeQuantity, checkRelativePath, invalids } from '../checks.js';
import type { DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, Volume } from '../types/core_v1.js';
import { validateClaimSpec } from './persistentvolumeclaim.js';
import { checkSingle, sourcesOf, validateSource } from './volume-sources.js';

const MAX_MODE = 0o777;
const MIN_TOKEN_s = 600;
const MAX_TOKEN_s = 2 ** 32;
/** What files of a downward API volume can hold of the pod. */
const FILE_FIELDS = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];

export function validateVolumes(at: string, volumes: readonly Volume[]): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, volume] of volumes.entries()) {
    const { name } = volume;
    if (!name) errors.push(required(`${at}[${i}].name`));
    else if (names.has(name)) errors.push(duplicate(`${at}[${i}].name`, name));
    else errors.push(...invalids(`${at}[${i}].name`, name, isDns1123Label(name)));
    names.add(name);
    errors.push(...validateVolume(`${at}[${i}]`, volume));
  }
  return errors;
}

function validateVolume(at: string, volume: Volume): FieldError[] {
  const [type, ...more] = sourcesOf(volume, ['name']);
  if (type === undefined) return [required(at, 'must specify a volume type')];
  const errors = [...checkSingle(at, [type, ...more]), ...validateSource(at, type, volume)];
  const { emptyDir, configMap, secret, downwardAPI, projected, ephemeral } = volume;
  if (emptyDir?.sizeLimit !== undefined) errors.push(...checkNonNegativeQuantity(`${at}.emptyDir.sizeLimit`, emptyDir.sizeLimit));
  if (configMap) errors.push(...validateFiles(`${at}.configMap`, 'name', configMap.name, configMap.items, configMap.defaultMode));
  if (secret) errors.push(...validateFiles(`${at}.secret`, 'secretName', secret.secretName, secret.items, secret.defaultMode));
  if (downwardAPI) {
    errors.push(...checkMode(`${at}.downwardAPI.defaultMode`, downwardAPI.defaultMode));
    errors.push(...(downwardAPI.items ?? []).flatMap((file) => validateDownwardFile(`${at}.downwardAPI`, file)));
  }
  if (projected) errors.push(...validateProjected(`${at}.projected`, projected));
  if (ephemeral && !ephemeral.volumeClaimTemplate) errors.push(required(`${at}.ephemeral.volumeClaimTemplate`));
  else if (ephemeral) errors.push(...validateClaimSpec(`${at}.ephemeral.volumeClaimTemplate.spec`, ephemeral.volumeClaimTemplate!.spec));
  return errors;
}

function validateFiles(
  at: string,
  nameField: string,
  name: string | undefined,
  items: readonly KeyToPath[] = [],
  defaultMode?: number,
): FieldError[] {
  return [
    ...(name ? [] : [required(`${at}.${nameField}`)]),
    ...checkMode(`${at}.defaultMode`, defaultMode),
    ...items.flatMap(({ key, path, mode }, i) => [
      ...(key ? [] : [required(`${at}.items[${i}].key`)]),
      ...(path ? checkRelativePath(`${at}.items[${i}].path`, path) : [required(`${at}.items[${i}].path`)]),
      ...checkMode(`${at}.items[${i}].mode`, mode),
    ]),
  ];
}

function validateDownwardFile(at: string, { path, fieldRef, resourceFieldRef, mode }: DownwardAPIVolumeFile): FieldError[] {
  const errors: FieldError[] = path ? checkRelativePath(`${at}.path`, path) : [required(`${at}.path`)];
  if (fieldRef && resourceFieldRef)
    errors.push(invalid(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  else if (fieldRef) {
    const subscripted = /^metadata\.(labels|annotations)\['.+'\]$/.test(fieldRef.fieldPath);
    if (!fieldRef.fieldPath) errors.push(required(`${at}.fieldRef.fieldPath`));
    else if (!subscripted && !FILE_FIELDS.includes(fieldRef.fieldPath)) {
      errors.push(notSupported(`${at}.fieldRef.fieldPath`, fieldRef.fieldPath, FILE_FIELDS));
    }
  } else if (resourceFieldRef) {
    if (!resourceFieldRef.containerName) errors.push(required(`${at}.resourceFieldRef.containerName`));
    if (!resourceFieldRef.resource) errors.push(required(`${at}.resourceFieldRef.resource`));
  } else errors.push(required(at, 'one of fieldRef and resourceFieldRef is required'));
  return [...errors, ...checkMode(`${at}.mode`, mode)];
}

function validateProjected(at: string, { sources = [], defaultMode }: ProjectedVolumeSource): FieldError[] {
  const errors = checkMode(`${at}.defaultMode`, defaultMode);
  const paths = new Set<string>();
  for (const [i, source] of sources.entries()) {
    const field = `${at}.sources[${i}]`;
    const types = sourcesOf(source, []);
    const { secret, configMap, downwardAPI, serviceAccountToken: token, clusterTrustBundle } = source;
    if (types.length > 1) errors.push(forbidden(field, 'may not specify more than 1 volume type'));
    if (secret) errors.push(...validateFiles(`${field}.secret`, 'name', secret.name, secret.items));
    if (configMap) errors.push(...validateFiles(`${field}.configMap`, 'name', configMap.name, configMap.items));
    for (const file of downwardAPI?.items ?? []) errors.push(...validateDownwardFile(`${field}.downwardAPI`, file));
    if (token) errors.push(...validateToken(`${field}.serviceAccountToken`, token.expirationSeconds ?? MIN_TOKEN_s, token.path));
    if (clusterTrustBundle && !clusterTrustBundle.path) errors.push(required(`${field}.clusterTrustBundle.path`));
    const files = [...(secret?.items ?? []), ...(configMap?.items ?? []), ...(downwardAPI?.items ?? []), ...(token ? [token] : [])];
    for (const { path } of files) {
      if (paths.has(path)) errors.push(invalid(at, path, 'conflicting duplicate paths'));
      if (path) paths.add(path);
    }
  }
  return errors;
}

function validateToken(at: string, seconds: number, path: string): FieldError[] {
  const errors: FieldError[] = path ? checkRelativePath(`${at}.path`, path) : [required(`${at}.path`)];
  const refuse = (why: string) => errors.push(invalid(`${at}.expirationSeconds`, seconds, why));
  if (seconds < MIN_TOKEN_s) refuse('may not specify a duration less than 10 minutes');
  if (seconds > MAX_TOKEN_s) refuse('may not specify a duration larger than 2^32 seconds');
  return errors;
}

function checkMode(field: string, mode: number | undefined): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= MAX_MODE)) return [];
  return [invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];
}
