// Validation of a pod's volumes: unique names, exactly one source each, and what the sources must say.
import { duplicate, type FieldError, forbidden, invalid, required } from '../../apimachinery/field.js';
import { isDns1123Label } from '../../apimachinery/names.js';
import { checkNonNegativeQuantity, invalids } from '../checks.js';
import type { KeyToPath, ProjectedVolumeSource, Volume, VolumeProjection } from '../types/core_v1.js';
import { checkRelativePath } from './container-validation.js';

const MAX_MODE = 0o777;
const TOKEN_LIFE_MIN_s = 600;
const TOKEN_LIFE_MAX_s = 2 ** 32;

export function validateVolumes(at: string, volumes: readonly Volume[]): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, volume] of volumes.entries()) {
    const { name } = volume;
    if (!name) errors.push(required(`${at}[${i}].name`));
    else if (names.has(name)) errors.push(duplicate(`${at}[${i}].name`, name));
    else errors.push(...invalids(`${at}[${i}].name`, name, isDns1123Label(name)));
    names.add(name);
    errors.push(...validateSource(`${at}[${i}]`, volume));
  }
  return errors;
}

function validateSource(at: string, volume: Volume): FieldError[] {
  const kinds = Object.entries(volume)
    .filter(([key, source]) => key !== 'name' && source !== undefined)
    .map(([kind]) => kind);
  if (kinds.length === 0) return [required(at, 'must specify a volume type')];
  const errors = kinds.slice(1).map((kind) => forbidden(`${at}.${kind}`, 'may not specify more than 1 volume type'));
  const { emptyDir, hostPath, configMap, secret, persistentVolumeClaim, downwardAPI, projected } = volume;
  if (emptyDir?.sizeLimit !== undefined) errors.push(...checkNonNegativeQuantity(`${at}.emptyDir.sizeLimit`, emptyDir.sizeLimit));
  if (hostPath) errors.push(...validateHostPath(`${at}.hostPath.path`, hostPath.path));
  if (configMap) errors.push(...validateFiles(`${at}.configMap`, 'name', configMap.name, configMap.items, configMap.defaultMode));
  if (secret) errors.push(...validateFiles(`${at}.secret`, 'secretName', secret.secretName, secret.items, secret.defaultMode));
  if (persistentVolumeClaim && !persistentVolumeClaim.claimName) errors.push(required(`${at}.persistentVolumeClaim.claimName`));
  if (downwardAPI) errors.push(...checkMode(`${at}.downwardAPI.defaultMode`, downwardAPI.defaultMode));
  if (projected) errors.push(...validateProjected(`${at}.projected`, projected));
  return errors;
}

function validateProjected(at: string, { sources = [], defaultMode }: ProjectedVolumeSource): FieldError[] {
  return [
    ...checkMode(`${at}.defaultMode`, defaultMode),
    ...sources.flatMap((source, i) => validateProjection(`${at}.sources[${i}]`, source)),
  ];
}

function validateProjection(at: string, source: VolumeProjection): FieldError[] {
  const [, ...more] = Object.keys(source);
  const errors = more.map((kind) => forbidden(`${at}.${kind}`, 'may not specify more than 1 volume type'));
  const { configMap, secret, serviceAccountToken: token } = source;
  if (configMap) errors.push(...validateFiles(`${at}.configMap`, 'name', configMap.name, configMap.items));
  if (secret) errors.push(...validateFiles(`${at}.secret`, 'name', secret.name, secret.items));
  if (!token) return errors;
  const field = `${at}.serviceAccountToken`;
  const { path, expirationSeconds = TOKEN_LIFE_MIN_s } = token;
  const refuse = (why: string) => invalid(`${field}.expirationSeconds`, expirationSeconds, why);
  if (expirationSeconds < TOKEN_LIFE_MIN_s) errors.push(refuse('may not specify a duration less than 10 minutes'));
  if (expirationSeconds > TOKEN_LIFE_MAX_s) errors.push(refuse('may not specify a duration larger than 2^32 seconds'));
  return [...errors, ...(path ? checkRelativePath(`${field}.path`, path) : [required(`${field}.path`)])];
}

function validateHostPath(at: string, path: string | undefined): FieldError[] {
  if (!path) return [required(at)];
  return path.split('/').includes('..') ? [invalid(at, path, "must not contain '..'")] : [];
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

function checkMode(field: string, mode: number | undefined): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= MAX_MODE)) return [];
  return [invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];
}
