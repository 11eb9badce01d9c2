// Watches VolumeAttributesClasses, and who is of one; a class that is being deleted stays while a volume or a claim is.
import { isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { persistentVolumes } from '../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { volumeAttributesClasses } from '../kinds/storage/volumeattributesclass.js';
import type { PersistentVolume, PersistentVolumeClaim } from '../kinds/types/core_v1.js';
import { defineController } from './define.js';

const FINALIZER = 'kubernetes.io/vac-protection';

export const volumeAttributesClassProtection = defineController({
  name: 'volumeattributesclass-protection',
  inputs: [volumeAttributesClasses, persistentVolumes.mapped(classesOfVolume), persistentVolumeClaims.mapped(classesOfClaim)],
  outputs: [volumeAttributesClasses],
  async reconcile(key, { get, list, client }) {
    const object = get(volumeAttributesClasses, parseKey(key));
    if (!object) return;
    const { name, finalizers = [] } = object.metadata;
    const isUsed = () =>
      list(persistentVolumes).some((volume) => classesOfVolume(volume).includes(name)) ||
      list(persistentVolumeClaims).some((claim) => classesOfClaim(claim).includes(name));
    const wanted = !isBeingDeleted(object);
    if (finalizers.includes(FINALIZER) === wanted || (!wanted && isUsed())) return;
    const next = wanted ? [...finalizers, FINALIZER] : finalizers.filter((each) => each !== FINALIZER);
    await client.update(volumeAttributesClasses, { ...object, metadata: { ...object.metadata, finalizers: next } });
  },
});

const named = (...names: readonly (string | undefined)[]) => names.filter((name): name is string => Boolean(name));

function classesOfVolume({ spec }: PersistentVolume): readonly string[] {
  return named(spec.volumeAttributesClassName);
}

/** That it wants, has, and is being given. */
function classesOfClaim({ spec, status }: PersistentVolumeClaim): readonly string[] {
  const { currentVolumeAttributesClassName, modifyVolumeStatus } = status ?? {};
  return named(spec.volumeAttributesClassName, currentVolumeAttributesClassName, modifyVolumeStatus?.targetVolumeAttributesClassName);
}
