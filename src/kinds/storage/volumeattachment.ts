// The kind VolumeAttachment of storage.k8s.io/v1.
import { type FieldError, forbidden, required, tooLong } from '../../apimachinery/field.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import { checkImmutable, checkLength, invalids } from '../checks.js';
import { column } from '../columns.js';
import { validatePersistentVolumeSpec } from '../core/persistentvolume.js';
import { CLIENT_META, defineKind } from '../define.js';
import type { VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentStatus } from '../types/storage_v1.js';
import { checkDriverName } from './checks.js';

const MAX_METADATA_bytes = 256 * 1024;
const MAX_MESSAGE_bytes = 1024;
const ONE_SOURCE = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';

export const volumeAttachments = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  namespaced: false,
  schema: 'storage.v1.VolumeAttachment',
  generation: false,
  columns: [
    column('Attacher', 'string', 'The CSI driver that attaches it', ({ spec }) => spec.attacher),
    column('PV', 'string', 'The volume', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    column('Node', 'string', 'The node it is to be attached to', ({ spec }) => spec.nodeName),
    column('Attached', 'boolean', 'Whether it is', ({ status }) => status.attached),
  ],
  validate: ({ spec, status }, old) => [
    ...checkDriverName('spec.attacher', spec.attacher),
    ...validateSource('spec.source', spec.source),
    ...invalids('spec.nodeName', spec.nodeName, isDns1123Subdomain(spec.nodeName)),
    ...validateStatus('status', status),
    ...(old ? checkImmutable('spec', spec, old.spec) : []),
  ],
  validateStatus: ({ status }) => validateStatus('status', status),
  prepareForCreate(attachment) {
    attachment.status = { attached: false };
  },
  selectableFields: { 'spec.nodeName': ({ spec }) => spec.nodeName, 'spec.attacher': ({ spec }) => spec.attacher },
  statusKeeps: CLIENT_META,
  returnDeletedObject: true,
  subresources: { status: true },
});

function validateSource(at: string, { inlineVolumeSpec, persistentVolumeName }: VolumeAttachmentSource): FieldError[] {
  if (inlineVolumeSpec && persistentVolumeName !== undefined) return [forbidden(at, ONE_SOURCE)];
  if (inlineVolumeSpec) return validatePersistentVolumeSpec(`${at}.inlineVolumeSpec`, inlineVolumeSpec);
  if (persistentVolumeName === undefined) return [required(at, ONE_SOURCE)];
  return persistentVolumeName ? [] : [required(`${at}.persistentVolumeName`, 'must specify non empty persistentVolumeName')];
}

function validateStatus(at: string, { attachmentMetadata = {}, attachError, detachError }: VolumeAttachmentStatus): FieldError[] {
  const size_bytes = Object.entries(attachmentMetadata).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  return [
    ...(size_bytes > MAX_METADATA_bytes ? [tooLong(`${at}.attachmentMetadata`, MAX_METADATA_bytes)] : []),
    ...checkLength(`${at}.attachError.message`, attachError?.message ?? '', MAX_MESSAGE_bytes),
    ...checkLength(`${at}.detachError.message`, detachError?.message ?? '', MAX_MESSAGE_bytes),
  ];
}
