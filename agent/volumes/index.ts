// All volume types, and their life in a pod's directory. Adding a type is one file and one line here.
import { join } from 'node:path';
import type { Volume } from '../../src/kinds/types/core_v1.js';
import { claimedVolume, noteClaim } from './claim.js';
import configMap from './configmap.js';
import downwardAPI from './downwardapi.js';
import emptyDir from './emptydir.js';
import hostPath from './hostpath.js';
import local from './local.js';
import nfs from './nfs.js';
import projected from './projected.js';
import secret from './secret.js';
import { unsupportedVolume } from './unsupported.js';
import { type VolumeContext, VolumeError, type VolumeSpec, type VolumeType } from './volume.js';

const volumeTypes: readonly VolumeType[] = [emptyDir, hostPath, configMap, secret, downwardAPI, projected, local, nfs];

/** What it holds comes from the API, and follows it. */
export const isManaged = (volume: Volume) =>
  volumeTypes.some(({ field, managed }) => managed && (volume as VolumeSpec)[field] !== undefined);

/** Which plugin sets it up; undefined: one that is not known before its claim is looked at, or none. */
export const pluginOf = (volume: Volume) => volumeTypes.find(({ field }) => (volume as VolumeSpec)[field] !== undefined)?.plugin;

/** A volume that is ready to be mounted. */
export interface ReadyVolume {
  readonly path: string;
  /** `itself`: whoever mounts it need not ask for it, and would lose its other options by that. */
  readonly readOnly: boolean | 'itself';
}

interface PodContext extends Omit<VolumeContext, 'directory' | 'mountOptions' | 'readOnly'> {
  readonly metrics: { mounting<T>(plugin: string, work: Promise<T>): Promise<T> };
}

/** Of the spec's volumes but those of images, by name. Rejects with a VolumeError that names those that cannot be set up, when none is under way any more. */
export async function setUpVolumes(
  podDirectory: string,
  volumes: readonly Volume[],
  context: PodContext,
): Promise<ReadonlyMap<string, ReadyVolume>> {
  const own = volumes.filter(({ image }) => !image);
  const outcomes = await Promise.allSettled(own.map((volume) => setUp(podDirectory, volume, context)));
  const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
  const told = failed.filter((error) => error instanceof VolumeError).map(({ message }) => message);
  if (told.length > 1 && told.length === failed.length) throw new VolumeError(...told);
  if (failed[0]) throw failed[0];
  return new Map(outcomes.map((outcome, index) => [own[index]!.name, (outcome as PromiseFulfilledResult<ReadyVolume>).value]));
}

/** Whatever its pod asks for, a volume is set up only once the pod's directory is there: nothing of it is left when that is removed. */
async function setUp(podDirectory: string, volume: Volume, context: PodContext): Promise<ReadyVolume> {
  const claimed = await claimedVolume(volume, context).catch((error: Error) => {
    throw new VolumeError(notProcessed(volume, error.message));
  });
  const spec: VolumeSpec = claimed?.spec ?? volume;
  const { mountOptions = [], readOnly = false } = claimed ?? {};
  const type = volumeTypes.find(({ field }) => spec[field] !== undefined);
  try {
    if (!type) throw new VolumeError(unsupportedVolume(spec));
    const directory = join(podDirectory, 'volumes', type.plugin, spec.name);
    if (claimed) await noteClaim(podDirectory, spec.name, claimed.claimName);
    const path = await context.metrics.mounting(type.plugin, type.setUp(spec, { ...context, directory, mountOptions, readOnly }));
    return { path, readOnly: readOnly || type.managed || spec.nfs?.readOnly === true };
  } catch (error) {
    const { message } = error as Error;
    if (message.endsWith('no volume plugin matched')) throw new VolumeError(notProcessed(volume, message));
    throw new VolumeError(`MountVolume.SetUp failed for volume "${spec.name}" : ${message}`);
  }
}

const notProcessed = ({ name }: Volume, why: string) =>
  `Unable to attach or mount volumes: unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]: ${why}`;
