// Watches StatefulSets, their pods, revisions and claims; makes and deletes pods in their order and keeps the sets' status.
// What to do is decided by statefulset-plan.ts; this carries it out.
import { selectorOf } from '../apimachinery/labels.js';
import { isBeingDeleted, objectKey, parseKey } from '../apimachinery/object.js';
import { isStatus, StatusError } from '../apimachinery/status.js';
import { controllerRevisions } from '../kinds/apps/controllerrevision.js';
import { statefulSets } from '../kinds/apps/statefulset.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { pods } from '../kinds/core/pod.js';
import type { StatefulSet } from '../kinds/types/apps_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { untilAvailable_ms } from './availability.js';
import { adoptersOf, claim } from './controller-ref.js';
import { defineController, type ReconcileContext } from './define.js';
import { isNamespaceTerminating, slowStart } from './pod-control.js';
import { BURST_REPLICAS } from './replicas.js';
import { deleteRevisions, type History, historyOf, templateOf } from './revisions.js';
import { createClaims, hasStaleClaim, retainClaims, setsOfClaim } from './statefulset-claims.js';
import { firstOrdinal, identityLabels, ordinalOf, revisionOf, statefulPod } from './statefulset-identity.js';
import { type Plan, planStatefulSet, statefulSetStatus, statusText } from './statefulset-plan.js';

const HASH_LABEL = 'controller.kubernetes.io/hash';

const selectorFor = ({ spec }: StatefulSet) => selectorOf(spec.selector);

export const statefulSet = defineController({
  name: 'statefulset',
  inputs: [
    statefulSets,
    ...[pods, controllerRevisions].flatMap((kind) => [kind.ownedBy(statefulSets), kind.mapped(adoptersOf(statefulSets, selectorFor))]),
    persistentVolumeClaims.mapped((claim, lister) =>
      setsOfClaim(claim, lister.list(statefulSets, claim.metadata.namespace)).map(objectKey),
    ),
  ],
  outputs: [pods, controllerRevisions, persistentVolumeClaims, statefulSets.status],
  async reconcile(key, context) {
    const set = context.get(statefulSets, parseKey(key));
    if (!set) return;
    const candidates = context.claimable(pods, set).filter((pod) => ordinalOf(set, pod) !== undefined);
    const own = await claim(context, { kind: statefulSets, object: set, selector: selectorFor(set) }, pods, candidates);
    if (isBeingDeleted(set)) return writeStatus(context, set, { made: [], removed: [], own, names: namesOf(set), failure: undefined });
    const history = await historyOf(context, statefulSets, set, HASH_LABEL);
    const names = namesOf(set, history);
    const plan = planStatefulSet({ set, pods: own, updateRevision: names.updateRevision, now_ms: context.clock.now() });
    const done = await new Step(context, set, history, names).carryOut(plan);
    await writeStatus(context, set, { ...done, own, names });
    if (done.failure && !isNamespaceTerminating(done.failure)) throw done.failure;
    await retireHistory(context, set, history, own, names);
    const requeueAfter_ms = untilAvailable_ms(own, set.spec.minReadySeconds ?? 0, context.clock.now());
    return requeueAfter_ms === undefined ? {} : { requeueAfter_ms };
  },
});

interface Names {
  readonly currentRevision: string;
  readonly updateRevision: string;
  readonly collisionCount: number | undefined;
}

/** The revision that the set comes from, as long as that is kept, and the one that it goes to. */
function namesOf({ status }: StatefulSet, history?: History): Names {
  if (!history) {
    const { currentRevision = '', updateRevision = '', collisionCount } = status;
    return { currentRevision, updateRevision, collisionCount };
  }
  const updateRevision = history.update.metadata.name;
  const isKept = history.all.some(({ metadata }) => metadata.name === status.currentRevision);
  return { currentRevision: isKept ? status.currentRevision! : updateRevision, updateRevision, collisionCount: history.collisionCount };
}

interface Done {
  readonly made: readonly Pod[];
  readonly removed: readonly Pod[];
  readonly failure: StatusError | undefined;
}

/** One plan carried out; what the API refuses ends it. */
class Step {
  readonly #made: Pod[] = [];
  readonly #removed: Pod[] = [];

  constructor(
    private readonly context: ReconcileContext,
    private readonly set: StatefulSet,
    private readonly history: History,
    private readonly names: Names,
  ) {}

  async carryOut({ create, remove, keep }: Plan): Promise<Done> {
    let failure: StatusError | undefined;
    try {
      for (const pod of keep) await this.#keep(pod);
      const missing = create.filter((ordinal) => !hasStaleClaim(this.context, this.set, ordinal)).slice(0, BURST_REPLICAS);
      const next = missing.values();
      await slowStart(missing.length, () => this.#create(next.next().value!));
      await Promise.all(remove.slice(0, BURST_REPLICAS).map((pod) => this.#remove(pod)));
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      failure = error;
    }
    return { made: this.#made, removed: this.#removed, failure };
  }

  /** A pod that waits may lack a claim that somebody deleted; its labels may have been changed. */
  async #keep(pod: Pod): Promise<void> {
    const { context, set } = this;
    const ordinal = ordinalOf(set, pod)!;
    if (pod.status.phase === 'Pending' && !isBeingDeleted(pod)) await createClaims(context, set, ordinal);
    await retainClaims(context, set, pod);
    const labels = identityLabels(set, ordinal);
    if (Object.entries(labels).every(([name, value]) => pod.metadata.labels?.[name] === value)) return;
    await this.#telling('update', pod.metadata.name, () => {
      const patch = { metadata: { uid: pod.metadata.uid, labels } };
      return context.client.patch(pods, pod.metadata, 'application/merge-patch+json', patch);
    });
  }

  async #create(ordinal: number): Promise<void> {
    const { context, set } = this;
    const name = `${set.metadata.name}-${ordinal}`;
    const { template, revision } = this.#revisionFor(ordinal);
    const pod = await this.#telling('create', name, async () => {
      await createClaims(context, set, ordinal);
      return context.client.create(pods, statefulPod(set, ordinal, template, revision));
    });
    this.#made.push(pod);
    await retainClaims(context, set, pod);
  }

  /** Pods below the partition stay with the template that the set comes from. */
  #revisionFor(ordinal: number) {
    const { set, history, names } = this;
    const { type, rollingUpdate } = set.spec.updateStrategy;
    const isHeldBack = type !== 'OnDelete' && ordinal < firstOrdinal(set) + (rollingUpdate?.partition ?? 0);
    const revision = isHeldBack ? history.all.find(({ metadata }) => metadata.name === names.currentRevision)! : history.update;
    return { template: templateOf(revision), revision: revision.metadata.name };
  }

  /** As it was seen: one that has changed since may be the set's no longer, and the change brings the set back. */
  async #remove(pod: Pod): Promise<void> {
    const { name, namespace, uid, resourceVersion } = pod.metadata;
    const preconditions = { uid, resourceVersion };
    try {
      await this.#telling('delete', name, () => this.context.client.delete(pods, { name, namespace }, { preconditions }));
    } catch (error) {
      if (isStatus(error, 'Conflict')) return;
      if (!isStatus(error, 'NotFound')) throw error;
    }
    this.#removed.push(pod);
  }

  /** Says how it went by an event on the set. */
  async #telling<T>(verb: 'create' | 'update' | 'delete', pod: string, act: () => Promise<T>): Promise<T> {
    const { events } = this.context;
    const what = `${verb} Pod ${pod} in StatefulSet ${this.set.metadata.name}`;
    const title = verb.charAt(0).toUpperCase() + verb.slice(1);
    try {
      const result = await act();
      events.event(this.set, 'Normal', `Successful${title}`, `${what} successful`);
      return result;
    } catch (error) {
      if (error instanceof StatusError && isNews(error) && !(verb === 'delete' && isStatus(error, 'Conflict')))
        events.event(this.set, 'Warning', `Failed${title}`, `${what} failed error: ${error.message}`);
      throw error;
    }
  }
}

/** A name that is taken is tried again, what is gone was to go, and a namespace that is being emptied needs no telling. */
const isNews = (error: StatusError) => !['AlreadyExists', 'NotFound'].includes(error.reason) && !isNamespaceTerminating(error);

async function writeStatus(
  context: ReconcileContext,
  set: StatefulSet,
  { own, made, removed, names }: Done & { readonly own: readonly Pod[]; readonly names: Names },
): Promise<void> {
  const all = { set, pods: [...own, ...made], removed: new Set(removed), ...names, now_ms: context.clock.now() };
  const status = statefulSetStatus(all);
  if (statusText(status) !== statusText(set.status)) await context.client.update(statefulSets, { ...set, status }, 'status');
}

/** Revisions beyond the limit, those that a pod or the status still names not counted. */
async function retireHistory(context: ReconcileContext, set: StatefulSet, history: History, own: readonly Pod[], names: Names) {
  const live = new Set([names.currentRevision, names.updateRevision, ...own.map(revisionOf)]);
  const past = history.all.filter(({ metadata }) => !live.has(metadata.name));
  await deleteRevisions(context, past, past.length - (set.spec.revisionHistoryLimit ?? 10), () => false);
}
