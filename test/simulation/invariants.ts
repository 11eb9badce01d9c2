// What must hold at every moment of a simulation: each deletion by a controller is one that it had the right to, and nothing is made twice.
import { controllerOf, isBeingDeleted, type KubeObject, type ObjectName } from '../../src/apimachinery/object.js';
import { isStatus } from '../../src/apimachinery/status.js';
import type { OwnerReference } from '../../src/apimachinery/types/meta_v1.js';
import type { ApiRequest, Client, Transport } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { isFinished } from '../../src/controllers/job-outcome.js';
import { daemonSets } from '../../src/kinds/apps/daemonset.js';
import { replicaSets } from '../../src/kinds/apps/replicaset.js';
import { statefulSets } from '../../src/kinds/apps/statefulset.js';
import { jobs } from '../../src/kinds/batch/job.js';
import { certificateSigningRequests } from '../../src/kinds/certificates/certificatesigningrequest.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { nodes } from '../../src/kinds/core/node.js';
import { persistentVolumeClaims } from '../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../src/kinds/core/pod.js';
import { claimNamesOf } from '../../src/kinds/core/pod-claims.js';
import { isPodActive } from '../../src/kinds/core/podutil.js';
import { replicationControllers } from '../../src/kinds/core/replicationcontroller.js';
import { secrets } from '../../src/kinds/core/secret.js';
import { serviceAccounts } from '../../src/kinds/core/serviceaccount.js';
import { FINALIZER_PVC } from '../../src/kinds/core/volume-protection.js';
import type { AnyKind } from '../../src/kinds/define.js';
import { kinds } from '../../src/kinds/index.js';
import type { Job } from '../../src/kinds/types/batch_v1.js';
import type { PersistentVolume, Pod } from '../../src/kinds/types/core_v1.js';
import type { Faults } from './faults.js';
import type { History } from './history.js';
import { OBSERVED } from './state.js';
import { widgets } from './users-objects.js';

/** ServiceAccounts of controllers that delete pods of their own kind of owner only. */
const OWN: { readonly [serviceAccount: string]: AnyKind } = {
  'replicaset-controller': replicaSets,
  'replication-controller': replicationControllers,
  'statefulset-controller': statefulSets,
  'daemon-set-controller': daemonSets,
  'job-controller': jobs,
};
const NAMESPACER = 'namespace-controller';
const COLLECTOR = 'generic-garbage-collector';
const ORPHAN = 'orphan';
/** A manager may be stopped for so long between what it looks at and what it does. */
const STOPPED_MAX_ms = 180_000;
const ALL: readonly AnyKind[] = [...kinds, widgets];
/** Kinds of which a namespace holds objects that are stored. */
const NAMESPACED = ALL.filter((kind) => kind.namespaced && kind.group !== 'metrics.k8s.io' && (kind.verbs?.includes('delete') ?? true));

type Owner = KubeObject & { readonly spec: { readonly replicas?: number; readonly parallelism?: number } };
type Given = KubeObject & {
  readonly spec?: { readonly podCIDR?: string };
  readonly status?: { readonly certificate?: string };
  readonly data?: { readonly [name: string]: string };
};

export class Invariants {
  readonly broken: string[] = [];
  /** The most replicas that an owner was ever asked for. */
  readonly #most = new Map<string, number>();
  /** The uids of owners, each with that of a pod that was made for it. */
  readonly #madeFor = new Set<string>();
  /** The uids of what users have said shall outlive its owner, as each was there when they said so. */
  readonly #staying = new Set<string>();

  constructor(
    private readonly admin: Client,
    private readonly informers: Informers,
    private readonly faults: Faults,
    private readonly history: History,
  ) {
    informers.of(namespaces).onChange((change) => {
      if (!change.new && change.old) void this.#leftBehind(change.old.metadata.name);
    });
    informers.of(pods).onChange(({ old, new: made }) => {
      if (made && !old) this.#made(made);
    });
    for (const kind of Object.values(OWN)) {
      informers.of(kind).onChange(({ new: owner }) => {
        if (owner) this.#asked(owner as Owner);
      });
    }
    for (const kind of OBSERVED) {
      informers.of(kind).onChange(({ old, new: changed }) => {
        const why = old && changed && old.metadata.uid === changed.metadata.uid && lost(old, changed);
        if (why) this.broken.push(`${changed.kind} ${changed.metadata.name} ${why}`);
      });
    }
    for (const kind of OBSERVED) {
      informers.of(kind).onChange(({ new: owner }) => {
        if (owner?.metadata.finalizers?.includes(ORPHAN)) this.#orphans(owner);
      });
    }
  }

  /** `inner`, but what the controller of this ServiceAccount deletes is looked at first. */
  watching(serviceAccount: string | undefined, inner: Transport): Transport {
    return {
      watch: (request, signal) => inner.watch(request, signal),
      request: async (request) => {
        if (request.method === 'DELETE') await this.#deletes(serviceAccount ?? 'the manager', request);
        if (request.method === 'PUT' && serviceAccount === 'pvc-protection-controller') await this.#letsGo(request);
        return inner.request(request);
      },
    };
  }

  async #deletes(serviceAccount: string, request: ApiRequest): Promise<void> {
    const fail = (why: string) => void this.broken.push(`${serviceAccount} deletes ${request.path} ${why}`);
    const { kind, namespace, name } = targetOf(request.path);
    if (serviceAccount === NAMESPACER && !(await this.#isGoing(namespace!))) return fail('of a namespace that stays');
    if (name === undefined) return serviceAccount === NAMESPACER ? undefined : fail(', all of them');
    const object = await this.#find(kind, { namespace, name });
    if (!object || isOther(object, request)) return;
    const owner = controllerOf(object);
    const own = kind === (pods as AnyKind) ? OWN[serviceAccount] : undefined;
    if (own && (owner?.kind !== own.kind || owner.apiVersion !== own.apiVersion))
      fail(`of ${owner ? `${owner.kind} ${owner.name}` : 'nobody'}`);
    if (serviceAccount === COLLECTOR) {
      if (kind === (persistentVolumeClaims as AnyKind) && this.history.wasAlwaysWanted(object))
        fail('which its set has wanted all the time');
      return this.#collects(object, fail);
    }
    if (serviceAccount === 'node-controller' && kind === (pods as AnyKind) && this.#isOnGoodNode(object as unknown as Pod))
      fail('from a node that has had no taint for long');
    if (serviceAccount === 'ttl-after-finished-controller' && !isFinished(object as unknown as Job)) fail('which is not over');
    if (kind === (secrets as AnyKind) && serviceAccount !== NAMESPACER && (await this.#isTokenOfSomebody(object)))
      fail('though its account is there');
    if (kind === (persistentVolumeClaims as AnyKind) && serviceAccount !== NAMESPACER) fail('though it may hold data');
    if (kind.kind === 'PersistentVolume' && (await this.#isClaimed(object as unknown as PersistentVolume))) fail('which is claimed');
  }

  /** Only what has lost all its owners, or goes before one that waits for it. */
  async #collects({ metadata, ...object }: KubeObject, fail: (why: string) => void): Promise<void> {
    const { ownerReferences = [], namespace } = metadata;
    if (ownerReferences.length === 0) fail('that has no owner');
    for (const ref of ownerReferences) {
      if (this.#staying.has(`${metadata.uid} ${ref.uid}`)) fail(`which ${ref.kind} ${ref.name} left behind to stay`);
      const owner = await this.#owner(ref, namespace);
      if (owner && !isBeingDeleted(owner)) fail(`of ${object.kind}, whose owner ${ref.kind} ${ref.name} is there`);
    }
  }

  async #owner(ref: OwnerReference, namespace: string | undefined): Promise<KubeObject | undefined> {
    const kind = ALL.find((each) => each.kind === ref.kind && each.apiVersion === ref.apiVersion);
    const found = kind && (await this.#find(kind, { namespace: kind.namespaced ? namespace : undefined, name: ref.name }));
    return found?.metadata.uid === ref.uid ? found : undefined;
  }

  #isOnGoodNode({ spec: { nodeName = '' } }: Pod): boolean {
    return this.history.wasUntainted(nodeName, STOPPED_MAX_ms);
  }

  /** A claim may go once no pod on a node has it. */
  async #letsGo({ path, body }: ApiRequest): Promise<void> {
    const { namespace, name } = targetOf(path);
    if ((body as KubeObject).metadata.finalizers?.includes(FINALIZER_PVC)) return;
    const { items } = await this.admin.list(pods, { namespace });
    const user = items.find((pod) => pod.spec.nodeName && claimNamesOf(pod).includes(name!));
    if (user) this.broken.push(`claim ${namespace}/${name} is let go while pod ${user.metadata.name} has it`);
  }

  async #isTokenOfSomebody({ metadata: { namespace, annotations = {} } }: KubeObject): Promise<boolean> {
    const name = annotations['kubernetes.io/service-account.name'];
    return name !== undefined && (await this.#find(serviceAccounts, { namespace, name })) !== undefined;
  }

  async #isClaimed({ spec: { claimRef } }: PersistentVolume): Promise<boolean> {
    if (!claimRef) return false;
    const claim = await this.#find(persistentVolumeClaims, { namespace: claimRef.namespace, name: claimRef.name! });
    return claim !== undefined && claim.metadata.uid === claimRef.uid;
  }

  #asked({ kind, metadata, spec }: Owner): void {
    const asked = kind === daemonSets.kind ? 0 : (spec.replicas ?? spec.parallelism ?? 1);
    this.#most.set(metadata.uid, Math.max(this.#most.get(metadata.uid) ?? 0, asked));
  }

  #orphans({ metadata: { uid } }: KubeObject): void {
    for (const { metadata } of OBSERVED.flatMap((kind) => this.informers.of(kind).list()))
      if (metadata.ownerReferences?.some((ref: OwnerReference) => ref.uid === uid)) this.#staying.add(`${metadata.uid} ${uid}`);
  }

  /** An answer that was lost, or a cache that began in the past, may cost one more each; all else may not. */
  #made(pod: Pod): void {
    const owner = controllerOf(pod);
    const asked = owner && this.#most.get(owner.uid);
    if (asked === undefined) return;
    const most = owner!.kind === daemonSets.kind ? this.history.nodes : asked;
    this.#madeFor.add(`${owner!.uid} ${pod.metadata.uid}`);
    // Those that it has adopted were there.
    const active = this.informers
      .of(pods)
      .list(pod.metadata.namespace)
      .filter((each) => this.#madeFor.has(`${owner!.uid} ${each.metadata.uid}`) && isPodActive(each));
    const excused = this.faults.ambiguous + this.faults.stale * most;
    if (active.length > most + excused)
      this.broken.push(`${owner!.kind} ${owner!.name} has ${active.length} pods and was never asked for more than ${most}`);
  }

  async #leftBehind(namespace: string): Promise<void> {
    for (const kind of NAMESPACED) {
      const { items } = await this.admin.list(kind, { namespace });
      if (items.length > 0) this.broken.push(`namespace ${namespace} went before ${items.length} of its ${kind.plural}`);
    }
  }

  async #isGoing(name: string): Promise<boolean> {
    const namespace = await this.#find(namespaces, { name });
    return !namespace || isBeingDeleted(namespace);
  }

  async #find(kind: AnyKind, name: ObjectName): Promise<KubeObject | undefined> {
    try {
      return await this.admin.get(kind, name);
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}

/** What was given once stays as it is. */
function lost(old: KubeObject, now: KubeObject): string | undefined {
  const given = ({ kind, spec = {}, status = {}, data = {} }: Given) =>
    kind === nodes.kind
      ? spec.podCIDR
      : kind === secrets.kind
        ? data['token']
        : kind === certificateSigningRequests.kind
          ? status.certificate
          : undefined;
  const before = given(old as Given);
  return before !== undefined && given(now as Given) !== before ? 'has another than it was given once' : undefined;
}

/** It is not the object, or not the state of it, that the request means: it will be refused. */
function isOther({ metadata }: KubeObject, { body }: ApiRequest): boolean {
  const { preconditions = {} } = (body ?? {}) as { readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } };
  const { uid = metadata.uid, resourceVersion = metadata.resourceVersion } = preconditions;
  return uid !== metadata.uid || resourceVersion !== metadata.resourceVersion;
}

function targetOf(path: string): { readonly kind: AnyKind; readonly namespace: string | undefined; readonly name: string | undefined } {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const [group, version] = parts[0] === 'api' ? ['', parts[1]] : [parts[1], parts[2]];
  const rest = parts.slice(group ? 3 : 2);
  const namespace = rest[0] === 'namespaces' && rest.length > 2 ? rest[1] : undefined;
  const [plural, name] = namespace === undefined ? rest : rest.slice(2);
  const kind = ALL.find((each) => each.group === group && each.version === version && each.plural === plural);
  if (!kind) throw new Error(`no kind is at ${path}`);
  return { kind, namespace, name };
}
