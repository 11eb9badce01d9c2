// Applier: applies objects of any kind that the API server knows, and deletes what it applied.
import { isStatus } from '../../apimachinery/status.js';
import { ApiClient, resourcePath } from '../../client/api-client.js';
import type { Transport } from '../../client/client.js';
import { type AnyKind, defineKind } from '../../kinds/define.js';
import { kinds } from '../../kinds/index.js';
import { NAMESPACE_DEFAULT } from '../../kinds/wellknown.js';
import { LABEL_ADDON, type ObjectRef } from './addon.js';
import type { ManifestObject } from './documents.js';

const FIELD_MANAGER = 'porthole-manifests';

interface ApiResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

export class Applier {
  readonly #client: ApiClient;

  constructor(private readonly transport: Transport) {
    this.#client = new ApiClient(transport);
  }

  /** Undefined where the API has no such kind, perhaps not yet or no more. */
  async kindOf({ apiVersion, kind }: Pick<ObjectRef, 'apiVersion' | 'kind'>): Promise<AnyKind | undefined> {
    const builtIn = kinds.find((each) => each.apiVersion === apiVersion && each.kind === kind);
    if (builtIn) return builtIn;
    const [group = '', version = ''] = apiVersion.split('/');
    if (!version) return undefined;
    try {
      const path = `/apis/${encodeURIComponent(group)}/${encodeURIComponent(version)}`;
      const { resources = [] } = (await this.transport.request({ method: 'GET', path, query: new URLSearchParams() })) as ApiResourceList;
      const found = resources.find((each) => each.kind === kind && !each.name.includes('/'));
      return found && defineKind({ group, version, kind, plural: found.name, namespaced: found.namespaced, schema: '' });
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** What an object will be, in the namespace that it will be in. */
  refOf(kind: AnyKind | undefined, { apiVersion, kind: name, metadata }: ManifestObject): ObjectRef {
    const given = typeof metadata['namespace'] === 'string' ? metadata['namespace'] : undefined;
    // Of a kind that nobody knows yet, what it says is all there is to go by.
    const namespace = kind ? (kind.namespaced ? (given ?? NAMESPACE_DEFAULT) : undefined) : given;
    return { apiVersion, kind: name, ...(namespace ? { namespace } : {}), name: metadata.name };
  }

  /** Server-side: what the object says is so afterwards, whoever had changed it; what it does not say stays. Nothing is written where all is so. */
  async apply(kind: AnyKind, object: ManifestObject, { namespace, name }: ObjectRef, addOn: string): Promise<void> {
    const labels = { ...(object.metadata['labels'] as object | undefined), [LABEL_ADDON]: addOn };
    const metadata = { ...object.metadata, ...(namespace ? { namespace } : {}), labels };
    await this.transport.request({
      method: 'PATCH',
      path: resourcePath(kind, namespace, name),
      query: new URLSearchParams({ fieldManager: FIELD_MANAGER, force: 'true' }),
      contentType: 'application/apply-patch+yaml',
      body: { ...object, metadata },
    });
  }

  /** What is no longer this AddOn's, because somebody took its label away or another file has it now, is left alone. */
  async prune(ref: ObjectRef, addOn: string): Promise<void> {
    const kind = await this.kindOf(ref);
    if (!kind) return;
    try {
      const { metadata } = await this.#client.get(kind, ref);
      if (metadata.labels?.[LABEL_ADDON] !== addOn || metadata.deletionTimestamp) return;
      await this.#client.delete(kind, ref, { propagationPolicy: 'Background', preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  }
}
