// MemoryApi with what controllers lean on: real patches, generated names, finalizers and graceful deletion, preconditions, bindings.
import { nameSuffix } from '../../../src/apimachinery/clock.js';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { isBeingDeleted, type KubeObject, keyOf, type ObjectName } from '../../../src/apimachinery/object.js';
import { applyMergePatch } from '../../../src/apimachinery/patch/merge.js';
import { applyStrategicMergePatch } from '../../../src/apimachinery/patch/strategic.js';
import { conflict, forbiddenRequest, noSuchPath, StatusError } from '../../../src/apimachinery/status.js';
import type { DeleteOptions, ListOptions, ListResult } from '../../../src/client/client.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { AnyKind, Kind, Mutable } from '../../../src/kinds/define.js';
import { schemas } from '../../../src/kinds/index.js';
import type { Namespace, Pod } from '../../../src/kinds/types/core_v1.js';
import { fixedRandom, MemoryApi } from '../client/fakes.js';

export class PatchingApi extends MemoryApi {
  #draws = 0;

  /** How often a request was made whose text starts so. */
  count(what: string): number {
    return this.requests.filter((request) => request.startsWith(what)).length;
  }

  override async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ListResult<T>> {
    const { items, resourceVersion } = await super.list(kind, options);
    return { items: items.filter(({ metadata }) => !options.namespace || metadata.namespace === options.namespace), resourceVersion };
  }

  override async create<T extends KubeObject>(kind: Kind<T>, draft: object): Promise<T> {
    const { metadata, status } = draft as KubeObject & { readonly status?: object };
    const namespace = metadata.namespace ? this.#stored(namespaces, { name: metadata.namespace }) : undefined;
    if (namespace && isBeingDeleted(namespace)) throw terminating(kind, metadata);
    const random = { ...fixedRandom, next: () => ((this.#draws++ * 7919) % 10_007) / 10_007 };
    const name = metadata.name ?? `${metadata.generateName}${nameSuffix(random)}`;
    const creationTimestamp = metadata.creationTimestamp ?? '2026-01-01T00:00:00Z';
    return super.create(kind, {
      ...draft,
      metadata: { generation: 1, ...metadata, name, creationTimestamp },
      status: status ?? (kind === (pods as AnyKind) ? { phase: 'Pending' } : {}),
    });
  }

  override async get<T extends KubeObject>(kind: Kind<T>, name: ObjectName, subresource?: string): Promise<T> {
    const object = await super.get(kind, name);
    if (subresource !== 'scale') return object;
    const { scale } = kind.subresources ?? {};
    if (!scale) throw noSuchPath();
    const { specReplicas, statusReplicas, selector } = scale.get(object);
    const view = { spec: { replicas: specReplicas }, status: { replicas: statusReplicas, selector } };
    return { ...view, apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: object.metadata } as unknown as T;
  }

  override async update<T extends KubeObject>(kind: Kind<T>, draft: object, subresource?: string): Promise<T> {
    if (subresource === 'scale') return this.#setScale(kind, draft as KubeObject & { readonly spec: { readonly replicas: number } });
    const object = draft as KubeObject & { readonly spec?: { readonly finalizers?: readonly string[] } };
    const old = this.#stored(kind, object.metadata) as typeof object | undefined;
    if (old && object.metadata.uid !== old.metadata.uid) throw conflict(kind.groupResource, old.metadata.name, 'another uid');
    if (old && object.metadata.resourceVersion !== old.metadata.resourceVersion) throw conflict(kind.groupResource, old.metadata.name);
    const changed = old && !subresource && JSON.stringify(old.spec) !== JSON.stringify(object.spec);
    const generation = (old?.metadata.generation ?? 1) + (changed ? 1 : 0);
    const updated = await super.update(kind, { ...object, metadata: { ...object.metadata, generation } });
    const held = (object.metadata.finalizers?.length ?? 0) + (object.spec?.finalizers?.length ?? 0) > 0;
    const graceful = (object.metadata.deletionGracePeriodSeconds ?? 0) > 0;
    if (isBeingDeleted(object) && !held && !graceful) await super.delete(kind, object.metadata);
    return updated as T;
  }

  override async patch<T extends KubeObject>(
    kind: Kind<T>,
    name: ObjectName,
    type: string,
    patch: unknown,
    subresource?: string,
  ): Promise<T> {
    const old = (await this.get(kind, name)) as unknown as JsonObject;
    const merged = type.includes('strategic')
      ? applyStrategicMergePatch(schemas.get(kind.schema), old, patch as JsonObject)
      : applyMergePatch(old, patch as JsonObject);
    return this.update(kind, merged as object, subresource);
  }

  override async delete<T extends KubeObject>(kind: Kind<T>, name: ObjectName, options: DeleteOptions = {}): Promise<void> {
    const old = (await this.get(kind, name)) as KubeObject & { readonly spec?: Pod['spec'] & Namespace['spec'] };
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid && uid !== old.metadata.uid) throw conflict(kind.groupResource, name.name, 'uid precondition');
    if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw conflict(kind.groupResource, name.name);
    const finalizers = [...(old.metadata.finalizers ?? [])];
    if (options.propagationPolicy === 'Foreground') finalizers.push('foregroundDeletion');
    if (options.propagationPolicy === 'Orphan') finalizers.push('orphan');
    const onNode = kind === (pods as AnyKind) && old.spec?.nodeName;
    const grace_s = onNode ? (options.gracePeriodSeconds ?? 30) : 0;
    if (finalizers.length === 0 && !old.spec?.finalizers?.length && grace_s === 0) return super.delete(kind, name);
    const deletionTimestamp = old.metadata.deletionTimestamp ?? '2026-01-01T00:00:30Z';
    const metadata = { ...old.metadata, finalizers, deletionTimestamp, deletionGracePeriodSeconds: grace_s };
    await super.update(kind, { ...old, metadata });
  }

  override async post(): Promise<JsonObject>;
  override async post<T extends KubeObject>(kind: Kind<T>, name: ObjectName, subresource: string, body: JsonObject): Promise<JsonObject>;
  override async post<T extends KubeObject>(
    kind?: Kind<T>,
    name?: ObjectName,
    subresource?: string,
    body?: JsonObject,
  ): Promise<JsonObject> {
    const target = (body as { readonly target: { readonly name: string } }).target.name;
    const pod = (await this.get(kind!, name!)) as unknown as Pod;
    this.requests.push(`${subresource} ${keyOf(name!)} ${target}`);
    await this.update(pods, { ...pod, spec: { ...pod.spec, nodeName: target } });
    return {};
  }

  async #setScale<T extends KubeObject>(kind: Kind<T>, { metadata, spec }: KubeObject & { spec: { replicas: number } }): Promise<T> {
    const object = structuredClone(this.#stored(kind, metadata)) as Mutable<T>;
    kind.subresources!.scale!.set(object, spec.replicas);
    await this.update(kind, { ...object, metadata: { ...object.metadata, resourceVersion: metadata.resourceVersion } });
    return this.get(kind, metadata, 'scale');
  }

  #stored(kind: AnyKind, name: ObjectName): KubeObject | undefined {
    return this.objects<KubeObject>(kind).find(({ metadata }) => keyOf(metadata) === keyOf(name));
  }
}

function terminating({ groupResource }: AnyKind, { name = '', namespace }: KubeObject['metadata']): StatusError {
  const message = `namespace ${namespace} is being terminated`;
  const { code, details } = forbiddenRequest(groupResource, name, message);
  return new StatusError(code, 'Forbidden', message, { ...details, causes: [{ reason: 'NamespaceTerminating', message }] });
}
