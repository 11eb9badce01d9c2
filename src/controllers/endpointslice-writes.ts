// Carries out a plan of slices: whoever plans them says whose they are.
import type { Draft } from '../apimachinery/json.js';
import { isStatus } from '../apimachinery/status.js';
import type { OwnerReference } from '../apimachinery/types/meta_v1.js';
import { endpointSlices } from '../kinds/discovery/endpointslice.js';
import type { EndpointSlice } from '../kinds/types/discovery_v1.js';
import type { ReconcileContext } from './define.js';
import type { SliceDraft, SlicePlan } from './endpointslice-plan.js';

/** What all slices of one owner have. */
export interface SliceBase {
  readonly namespace: string | undefined;
  /** Of the Service; slices are called so, with something drawn behind. */
  readonly serviceName: string;
  readonly owner: OwnerReference;
  readonly addressType: EndpointSlice['addressType'];
}

export async function writeSlices({ client }: ReconcileContext, plan: SlicePlan, base: SliceBase): Promise<void> {
  for (const draft of plan.create) await client.create(endpointSlices, newSlice(base, draft));
  for (const { slice, draft } of plan.update) await client.update(endpointSlices, changedSlice(slice, draft));
  await deleteSlices({ client }, plan.delete);
}

export async function deleteSlices({ client }: Pick<ReconcileContext, 'client'>, slices: readonly EndpointSlice[]): Promise<void> {
  for (const { metadata } of slices) {
    if (metadata.deletionTimestamp) continue;
    try {
      await client.delete(endpointSlices, metadata, { preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  }
}

function newSlice({ namespace, serviceName, owner, addressType }: SliceBase, draft: SliceDraft): Draft<EndpointSlice> {
  const { labels, annotations, endpoints, ports } = draft;
  return {
    metadata: {
      generateName: `${serviceName}-`,
      ...(namespace ? { namespace } : {}),
      labels,
      ...(annotations ? { annotations } : {}),
      ownerReferences: [owner],
    },
    addressType,
    endpoints,
    ports,
  };
}

function changedSlice(slice: EndpointSlice, { labels, annotations, endpoints, ports }: SliceDraft): Draft<EndpointSlice> {
  return { ...slice, metadata: { ...slice.metadata, labels, ...(annotations ? { annotations } : {}) }, endpoints, ports };
}
