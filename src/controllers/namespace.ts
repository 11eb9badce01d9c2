// Watches Namespaces that are being deleted and what is in them; empties them, then removes their finalizer.
import { rfc3339 } from '../apimachinery/clock.js';
import { isBeingDeleted, type KubeObject, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import type { ListOptions, ListResult } from '../client/client.js';
import { customResourceDefinitions } from '../kinds/apiextensions/customresourcedefinition.js';
import { servedKind } from '../kinds/apiextensions/served-kind.js';
import { namespaces } from '../kinds/core/namespace.js';
import type { AnyKind, Lister } from '../kinds/define.js';
import { kinds } from '../kinds/index.js';
import type { Namespace, NamespaceCondition } from '../kinds/types/core_v1.js';
import { defineController, type ReconcileContext } from './define.js';

const FINALIZER = 'kubernetes';
/** How many objects one list asks for: bounds the memory that emptying a large namespace takes. */
const PAGE_SIZE = 500;
/** Only for departures that no cache has seen. */
const RECHECK_ms = 30_000;
/** So many share one sync of the store, and leave room for what others write. */
const DELETIONS_AT_ONCE = 50;

/** Everything that can be in a namespace and be deleted. */
const content: readonly AnyKind[] = kinds.filter(
  // A further version of stored objects adds nothing to empty.
  ({ namespaced, verbs, storage }) => namespaced && !storage && (!verbs || verbs.includes('delete')),
);

export const namespace = defineController({
  name: 'namespace',
  inputs: [namespaces, ...content.map((kind) => kind.mapped(terminatingNamespace))],
  customInputs: (kind) => kind.mapped((object, lister) => (kind.namespaced ? terminatingNamespace(object, lister) : [])),
  outputs: [...content, { of: namespaces, subresource: 'finalize' }, namespaces.status],
  async reconcile(key, context) {
    const object = context.get(namespaces, parseKey(key));
    if (!object || !isBeingDeleted(object) || !object.spec.finalizers?.includes(FINALIZER)) return;
    const remaining = new Map<AnyKind, readonly KubeObject[]>();
    for (const kind of [...content, ...(await customContent(context))]) {
      const left = await empty(context, kind, object.metadata.name);
      if (left.length > 0) remaining.set(kind, left);
    }
    if (remaining.size > 0) {
      await writeRemaining(context, object, remaining);
      // What is left leaves by itself (grace periods, finalizers), and each departure brings this key again, but for that of what came and
      // went while a watch was broken.
      return { requeueAfter_ms: RECHECK_ms };
    }
    await finalize(context, object);
  },
});

/** The namespace of an object, where that is being deleted: nothing else concerns this controller. */
function terminatingNamespace(object: KubeObject, lister: Lister): readonly string[] {
  const name = object.metadata.namespace!;
  const owner = lister.get(namespaces, { name });
  return owner && isBeingDeleted(owner) ? [name] : [];
}

/** Asked live, not of a cache: what a definition brought a moment ago may be in the namespace already. */
async function customContent({ client }: ReconcileContext): Promise<readonly AnyKind[]> {
  const { items } = await client.list(customResourceDefinitions);
  return items.map(servedKind).filter((kind): kind is AnyKind => kind?.namespaced === true);
}

/** Begins the deletion of all objects of a kind; returns those that were still there afterwards. Asked live, not of a cache. */
async function empty({ client }: ReconcileContext, kind: AnyKind, name: string): Promise<readonly KubeObject[]> {
  const remove = async ({ metadata }: KubeObject) => {
    try {
      await client.delete(kind, metadata, { propagationPolicy: 'Background', preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error;
    }
  };
  let together: KubeObject[] = [];
  for await (const object of pages(client, kind, name)) {
    if (isBeingDeleted(object)) continue;
    together.push(object);
    if (together.length < DELETIONS_AT_ONCE) continue;
    await Promise.all(together.map(remove));
    together = [];
  }
  await Promise.all(together.map(remove));
  const left: KubeObject[] = [];
  for await (const object of pages(client, kind, name)) left.push(object);
  return left;
}

async function* pages(client: ReconcileContext['client'], kind: AnyKind, namespace: string): AsyncIterable<KubeObject> {
  let token: string | undefined;
  do {
    const page = await pageOf(client, kind, { namespace, limit: PAGE_SIZE, ...(token ? { continue: token } : {}) });
    yield* page.items;
    token = page.continue;
  } while (token);
}

/** Of a kind that has gone meanwhile there is nothing left. */
async function pageOf(client: ReconcileContext['client'], kind: AnyKind, options: ListOptions): Promise<ListResult<KubeObject>> {
  try {
    return await client.list<KubeObject>(kind, options);
  } catch (error) {
    if (isStatus(error, 'NotFound')) return { items: [], resourceVersion: '' };
    throw error;
  }
}

async function finalize({ client }: ReconcileContext, object: Namespace): Promise<void> {
  const finalizers = object.spec.finalizers!.filter((name) => name !== FINALIZER);
  try {
    await client.update(namespaces, { ...object, spec: { ...object.spec, finalizers } }, 'finalize');
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

/** Tells in the conditions what deletion waits for. */
async function writeRemaining(context: ReconcileContext, object: Namespace, remaining: ReadonlyMap<AnyKind, readonly KubeObject[]>) {
  const condition = remainingCondition(remaining, rfc3339(context.clock.now()));
  const before = object.status.conditions?.find(({ type }) => type === condition.type);
  if (before?.message === condition.message) return;
  const others = (object.status.conditions ?? []).filter(({ type }) => type !== condition.type);
  const lastTransitionTime = before?.lastTransitionTime ?? condition.lastTransitionTime;
  const patch = {
    metadata: { uid: object.metadata.uid },
    status: { conditions: [...others, { ...condition, ...(lastTransitionTime ? { lastTransitionTime } : {}) }] },
  };
  await context.client.patch(namespaces, object.metadata, 'application/merge-patch+json', patch, 'status');
}

/** `Some resources are remaining: pods. has 3 resource instances`, as upstream words it. Pure. */
export function remainingCondition(remaining: ReadonlyMap<AnyKind, readonly KubeObject[]>, now: string): NamespaceCondition {
  const parts = [...remaining].map(([{ group, plural }, objects]) => {
    const resource = `${plural}.${group}`;
    return `${resource} has ${objects.length} resource instances`;
  });
  return {
    type: 'NamespaceContentRemaining',
    status: 'True',
    lastTransitionTime: now,
    reason: 'SomeResourcesRemain',
    message: `Some resources are remaining: ${parts.sort().join(', ')}`,
  };
}
