// Watches Namespaces that are being deleted and what is in them; empties them, then removes their finalizer.
import { isDeepStrictEqual } from 'node:util';
import { rfc3339 } from '../apimachinery/clock.js';
import { isBeingDeleted, type KubeObject, parseKey } from '../apimachinery/object.js';
import { isStatus, StatusError } from '../apimachinery/status.js';
import type { ListOptions, ListResult } from '../client/client.js';
import { customResourceDefinitions } from '../kinds/apiextensions/customresourcedefinition.js';
import { servedKind } from '../kinds/apiextensions/served-kind.js';
import { apiServices, isAvailable } from '../kinds/apiregistration/apiservice.js';
import { namespaces } from '../kinds/core/namespace.js';
import { pods } from '../kinds/core/pod.js';
import type { AnyKind, Lister } from '../kinds/define.js';
import { kinds } from '../kinds/index.js';
import type { APIService } from '../kinds/types/apiregistration_v1.js';
import type { Namespace } from '../kinds/types/core_v1.js';
import { discoverKinds, preferred } from './aggregated-kinds.js';
import { defineController, type ReconcileContext } from './define.js';
import { deletionConditions, type Progress } from './namespace-conditions.js';

const FINALIZER = 'kubernetes';
/** How many objects one list asks for: bounds the memory that emptying a large namespace takes. */
const PAGE_SIZE = 500;
/** Only for departures that no cache has seen. */
const RECHECK_ms = 30_000;
/** As upstream's: most of a reconcile is waiting for the store. */
const CONCURRENCY = 10;
/** So many share one sync of the store, and leave room for what others write. */
const DELETIONS_AT_ONCE = 50;

/** Everything that can be in a namespace and be deleted, but for its pods, which go first. */
const content: readonly AnyKind[] = kinds.filter(
  // A further version of stored objects adds nothing to empty.
  (kind) => kind.namespaced && !kind.storage && kind !== (pods as AnyKind) && (!kind.verbs || kind.verbs.includes('delete')),
);

export const namespace = defineController({
  name: 'namespace',
  inputs: [namespaces, apiServices.mapped(allTerminating), ...[pods, ...content].map((kind) => kind.mapped(terminatingNamespace))],
  customInputs: (kind) => kind.mapped((object, lister) => (kind.namespaced ? terminatingNamespace(object, lister) : [])),
  outputs: [pods, ...content, { of: namespaces, subresource: 'finalize' }, namespaces.status],
  concurrency: CONCURRENCY,
  async reconcile(key, context) {
    const object = context.get(namespaces, parseKey(key));
    if (!object || !isBeingDeleted(object) || !object.spec.finalizers?.includes(FINALIZER)) return;
    const { remaining, failures, undiscovered } = await emptyAll(context, object.metadata.name);
    if (remaining.size === 0 && failures.length === 0 && undiscovered.length === 0) return finalize(context, object);
    await writeProgress(context, object, { undiscovered, failures: failures.map(({ message }) => message), remaining });
    if (failures[0]) throw failures[0];
    // What is left leaves by itself (grace periods, finalizers), and each departure brings this key again, but for that of what came and
    // went while a watch was broken.
    return { requeueAfter_ms: RECHECK_ms };
  },
});

interface Emptied {
  readonly remaining: ReadonlyMap<AnyKind, readonly KubeObject[]>;
  readonly failures: readonly StatusError[];
  /** Group versions of other servers that do not answer: nobody knows what they have in the namespace. */
  readonly undiscovered: readonly string[];
}

/** Pods first: while any of them is there, what it leans on stays. A kind whose objects cannot be deleted stops no other. */
async function emptyAll(context: ReconcileContext, name: string): Promise<Emptied> {
  const remaining = new Map<AnyKind, readonly KubeObject[]>();
  const failures: StatusError[] = [];
  const emptyOne = async (kind: AnyKind) => {
    const { left, failure } = await empty(context, kind, name);
    if (left.length > 0) remaining.set(kind, left);
    if (failure) failures.push(failure);
  };
  await emptyOne(pods);
  if (remaining.size > 0 || failures.length > 0) return { remaining, failures, undiscovered: othersOf(context).away.map(groupVersion) };
  const { aggregated, undiscovered } = await aggregatedContent(context);
  for (const kind of [...content, ...(await customContent(context)), ...aggregated]) await emptyOne(kind);
  return { remaining, failures, undiscovered };
}

/** The APIServices of other servers, in the order of their names. */
function othersOf({ list }: ReconcileContext) {
  const others = list(apiServices).filter(({ spec }) => spec.service);
  others.sort((a, b) => (groupVersion(a) < groupVersion(b) ? -1 : 1));
  return { there: others.filter(isAvailable), away: others.filter((service) => !isAvailable(service)) };
}

const groupVersion = ({ spec }: APIService) => `${spec.group}/${spec.version}`;

async function aggregatedContent(context: ReconcileContext) {
  const { there, away } = othersOf(context);
  const answers = await Promise.all(there.map(async (service) => ({ service, kinds: await kindsOrNone(context, service) })));
  const silent = [...away, ...answers.filter(({ kinds: found }) => !found).map(({ service }) => service)];
  const found = answers.flatMap(({ service, kinds: each = [] }) => each.map((kind) => ({ kind, service })));
  const deletable = ({ kind: { namespaced, verbs = [] } }: (typeof found)[number]) =>
    namespaced && verbs.includes('list') && verbs.includes('delete');
  return { aggregated: preferred(found.filter(deletable)), undiscovered: silent.map(groupVersion).sort() };
}

async function kindsOrNone({ client }: ReconcileContext, service: APIService): Promise<readonly AnyKind[] | undefined> {
  try {
    return await discoverKinds(client, service);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return undefined;
  }
}

/** Another server that comes back, or is given up, may be all that they wait for. */
function allTerminating(_service: KubeObject, lister: Lister): readonly string[] {
  const going = lister.list(namespaces).filter(isBeingDeleted);
  return going.map(({ metadata }) => metadata.name);
}

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

/**
 * Begins the deletion of all objects of a kind; returns those that were still there afterwards, and why one of them could not be deleted. Asked
 * live, not of a cache.
 */
async function empty({ client }: ReconcileContext, kind: AnyKind, name: string) {
  let failure: StatusError | undefined;
  const left: KubeObject[] = [];
  const remove = async ({ metadata }: KubeObject) => {
    try {
      await client.delete(kind, metadata, { propagationPolicy: 'Background', preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) failure = error;
    }
  };
  try {
    let together: KubeObject[] = [];
    for await (const object of pages(client, kind, name)) {
      if (isBeingDeleted(object)) continue;
      together.push(object);
      if (together.length < DELETIONS_AT_ONCE) continue;
      await Promise.all(together.map(remove));
      together = [];
    }
    await Promise.all(together.map(remove));
    for await (const object of pages(client, kind, name)) left.push(object);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    failure ??= error;
  }
  return { left, failure };
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
async function writeProgress({ client, clock }: ReconcileContext, object: Namespace, progress: Progress): Promise<void> {
  const before = object.status.conditions ?? [];
  const conditions = deletionConditions(progress, before, rfc3339(clock.now()));
  if (isDeepStrictEqual(before, conditions)) return;
  const patch = { metadata: { uid: object.metadata.uid }, status: { conditions } };
  await client.patch(namespaces, object.metadata, 'application/merge-patch+json', patch, 'status');
}
