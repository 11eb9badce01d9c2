// What each type of volume must say, of pods' own volumes and of PersistentVolumes.
import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { checkOneOf, checkRange, checkRelativePath } from '../checks.js';
import { checkDriverName } from '../storage/checks.js';
import type { HostPathVolumeSource, ISCSIVolumeSource, PersistentVolumeSource, Volume } from '../types/core_v1.js';

/** The fields without which a source leads nowhere. */
const REQUIRED: { readonly [type: string]: readonly string[] } = {
  awsElasticBlockStore: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  azureFile: ['secretName', 'shareName'],
  cephfs: ['monitors'],
  cinder: ['volumeID'],
  flexVolume: ['driver'],
  gcePersistentDisk: ['pdName'],
  gitRepo: ['repository'],
  glusterfs: ['endpoints', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  nfs: ['server', 'path'],
  persistentVolumeClaim: ['claimName'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  quobyte: ['registry', 'volume'],
  rbd: ['monitors', 'image'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  vsphereVolume: ['volumePath'],
  local: ['path'],
};
const HOST_PATH_TYPES = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const MAX_LUN = 255;
const IQN = /^(iqn\.\d{4}-\d{2}\.([a-z0-9]([-a-z0-9]*[a-z0-9])?\.?)+(:[^,;*&$|\s]+)?|eui\.[0-9a-fA-F]{16}|naa\.[0-9a-fA-F]{32})$/;

type Source = { readonly [field: string]: unknown };

/** The types of source that are given: all that `object` has besides `others`. */
export const sourcesOf = (object: object, others: readonly string[]): string[] =>
  Object.entries(object)
    .filter(([key, source]) => source !== undefined && !others.includes(key))
    .map(([type]) => type);

/** Those of the sources that need nothing of the pod around them. */
export function validateSource(at: string, type: string, volume: Volume | PersistentVolumeSource): FieldError[] {
  const source = (volume as unknown as { readonly [type: string]: Source })[type] ?? {};
  const missing = (REQUIRED[type] ?? []).filter((field) => !source[field] || (Array.isArray(source[field]) && source[field].length === 0));
  const errors: FieldError[] = missing.map((field) => required(`${at}.${type}.${field}`));
  const { hostPath, iscsi, nfs, fc, csi, local } = volume as PersistentVolumeSource;
  if (type === 'hostPath' && hostPath) errors.push(...validateHostPath(`${at}.hostPath`, hostPath));
  if (type === 'local' && local) errors.push(...checkBacksteps(`${at}.local.path`, local.path));
  if (type === 'iscsi' && iscsi) errors.push(...validateIscsi(`${at}.iscsi`, iscsi as ISCSIVolumeSource));
  if (type === 'nfs' && nfs?.path && !nfs.path.startsWith('/'))
    errors.push(invalid(`${at}.nfs.path`, nfs.path, 'must be an absolute path'));
  if (type === 'csi' && csi) errors.push(...checkDriverName(`${at}.csi.driver`, csi.driver));
  if (type === 'csi' && csi?.volumeHandle === '') errors.push(required(`${at}.csi.volumeHandle`));
  if (type === 'fc' && fc && !fc.targetWWNs?.length && !fc.wwids?.length) {
    errors.push(required(`${at}.fc.targetWWNs`, 'must specify either targetWWNs or wwids, but not both'));
  }
  const { gitRepo, image } = volume as Volume;
  if (type === 'gitRepo' && gitRepo?.directory) errors.push(...checkRelativePath(`${at}.gitRepo.directory`, gitRepo.directory));
  if (type === 'image' && image) {
    if (!image.reference) errors.push(required(`${at}.image.reference`));
    errors.push(...checkOneOf(`${at}.image.pullPolicy`, image.pullPolicy, PULL_POLICIES, true));
  }
  return errors;
}

function validateHostPath(at: string, { path, type = '' }: HostPathVolumeSource): FieldError[] {
  const errors: FieldError[] = path ? checkBacksteps(`${at}.path`, path) : [required(`${at}.path`)];
  if (!HOST_PATH_TYPES.includes(type)) errors.push(notSupported(`${at}.type`, type, HOST_PATH_TYPES));
  return errors;
}

function checkBacksteps(field: string, path: string | undefined): FieldError[] {
  return path?.split('/').includes('..') ? [invalid(field, path, "must not contain '..'")] : [];
}

function validateIscsi(
  at: string,
  { iqn, lun, initiatorName, chapAuthDiscovery, chapAuthSession, secretRef }: ISCSIVolumeSource,
): FieldError[] {
  const errors: FieldError[] = iqn && !IQN.test(iqn) ? [invalid(`${at}.iqn`, iqn, 'must be valid format')] : [];
  errors.push(...checkRange(`${at}.lun`, lun, 0, MAX_LUN));
  if ((chapAuthDiscovery || chapAuthSession) && !secretRef) errors.push(required(`${at}.secretRef`));
  if (initiatorName && !IQN.test(initiatorName)) errors.push(invalid(`${at}.initiatorname`, initiatorName, 'must be valid format'));
  return errors;
}

/** More than one source is no source. */
export const checkSingle = (at: string, types: readonly string[]): FieldError[] =>
  types.slice(1).map((type) => forbidden(`${at}.${type}`, 'may not specify more than 1 volume type'));
