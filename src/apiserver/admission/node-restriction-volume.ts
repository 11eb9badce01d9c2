// What a kubelet may do to a PersistentVolume: let go of one of its own folders that is being deleted, and nothing else.
import { isBeingDeleted } from '../../apimachinery/object.js';
import { sameJson } from '../../kinds/checks.js';
import { FINALIZER_LOCAL_PATH } from '../../kinds/storage/local-path.js';
import type { PersistentVolume } from '../../kinds/types/core_v1.js';
import { LABEL_HOSTNAME } from '../../kinds/wellknown.js';
import type { AdmissionRequest, Refuse } from './admission.js';

export function checkVolumeWrite(request: AdmissionRequest, volume: PersistentVolume | undefined, node: string, refuse: Refuse): void {
  const quoted = JSON.stringify(node);
  if (request.operation !== 'UPDATE' || request.subresource || !volume) {
    refuse(`node ${quoted} can only let go of its own persistent volumes`);
    return;
  }
  const old = request.old as PersistentVolume;
  if (old.metadata.labels?.[LABEL_HOSTNAME] !== node || !isBeingDeleted(old))
    refuse(`node ${quoted} can only let go of its own persistent volumes that are being deleted`);
  const left = (old.metadata.finalizers ?? []).filter((each) => each !== FINALIZER_LOCAL_PATH);
  const kept = ({ metadata, spec }: PersistentVolume) => [spec, metadata.labels, metadata.annotations, metadata.ownerReferences];
  if (!sameJson(volume.metadata.finalizers ?? [], left) || !sameJson(kept(volume), kept(old)))
    refuse(`node ${quoted} can only remove the finalizer ${FINALIZER_LOCAL_PATH} from persistent volumes`);
}
