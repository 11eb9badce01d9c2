// What must hold at every moment of a simulation: each deletion by a controller is one that it had the right to, and nothing is made twice.
import { controllerOf, isBeingDeleted } from '../../src/apimachinery/object.js';
import { isStatus } from '../../src/apimachinery/status.js';
import type { Client, Transport } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { daemonSets } from '../../src/kinds/apps/daemonset.js';
import { replicaSets } from '../../src/kinds/apps/replicaset.js';
import { statefulSets } from '../../src/kinds/apps/statefulset.js';
import { jobs } from '../../src/kinds/batch/job.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { pods } from '../../src/kinds/core/pod.js';
import { isPodActive } from '../../src/kinds/core/podutil.js';
import type { AnyKind } from '../../src/kinds/define.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { Faults } from './faults.js';

/** ServiceAccounts of controllers that delete pods of their own kind of owner only. */
const OWN: { readonly [serviceAccount: string]: AnyKind } = {
  'replicaset-controller': replicaSets,
  'statefulset-controller': statefulSets,
  'daemon-set-controller': daemonSets,
  'job-controller': jobs,
};
const POD_PATH = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)$/;
const CLAIM_PATH = /^\/api\/v1\/namespaces\/([^/]+)\/persistentvolumeclaims(?:\/[^/]+)?$/;

export class Invariants {
  readonly broken: string[] = [];
  /** The most replicas that an owner was ever asked for. */
  readonly #most = new Map<string, number>();

  constructor(
    private readonly admin: Client,
    private readonly informers: Informers,
    private readonly faults: Faults,
  ) {
    informers.of(namespaces).onChange((change) => {
      if (!change.new && change.old) void this.#leftBehind(change.old.metadata.name);
    });
    informers.of(pods).onChange(({ old, new: made }) => {
      if (made && !old) this.#made(made);
    });
    for (const kind of [replicaSets, statefulSets]) {
      informers.of<{ metadata: { uid: string }; spec: { replicas?: number } } & Pod>(kind as AnyKind).onChange(({ new: owner }) => {
        if (owner) this.#most.set(owner.metadata.uid, Math.max(this.#most.get(owner.metadata.uid) ?? 0, owner.spec.replicas ?? 1));
      });
    }
  }

  /** `inner`, but what the controller of this ServiceAccount deletes is looked at first. */
  watching(serviceAccount: string | undefined, inner: Transport): Transport {
    return {
      watch: (request, signal) => inner.watch(request, signal),
      request: async (request) => {
        const path = request.method === 'DELETE' ? POD_PATH.exec(request.path) : undefined;
        const pod = path && (await this.#pod(path[1]!, path[2]!));
        const claim = request.method === 'DELETE' ? CLAIM_PATH.exec(request.path) : undefined;
        if (claim && !(await this.#isGoing(claim[1]!))) this.broken.push(`${serviceAccount} deletes the claim ${request.path}`);
        const answer = await inner.request(request);
        if (pod) await this.#deleted(serviceAccount, pod);
        return answer;
      },
    };
  }

  async #deleted(serviceAccount = 'the manager', pod: Pod): Promise<void> {
    const { namespace, name } = pod.metadata;
    const owner = controllerOf(pod);
    const own = OWN[serviceAccount];
    const fail = (why: string) => void this.broken.push(`${serviceAccount} deletes the pod ${namespace}/${name} ${why}`);
    if (own && (owner?.kind !== own.kind || owner.apiVersion !== own.apiVersion))
      fail(`of ${owner ? `${owner.kind} ${owner.name}` : 'nobody'}`);
    if (serviceAccount === 'namespace-controller' && !(await this.#isGoing(namespace!))) fail('of a namespace that stays');
    if (serviceAccount !== 'generic-garbage-collector') return;
    for (const ref of pod.metadata.ownerReferences ?? []) {
      const kind = Object.values(OWN).find((each) => each.kind === ref.kind);
      const there = kind && this.informers.of(kind).get({ namespace, name: ref.name });
      if (there && there.metadata.uid === ref.uid && !isBeingDeleted(there)) fail(`whose owner ${ref.kind} ${ref.name} is there`);
    }
    if (!pod.metadata.ownerReferences?.length) fail('that has no owner');
  }

  /** An answer that was lost, or a cache that began in the past, may cost one more each; all else may not. */
  #made(pod: Pod): void {
    const owner = controllerOf(pod);
    const most = owner && this.#most.get(owner.uid);
    if (most === undefined) return;
    const active = this.informers
      .of(pods)
      .list(pod.metadata.namespace)
      .filter((each) => controllerOf(each)?.uid === owner!.uid && isPodActive(each));
    const excused = this.faults.ambiguous + this.faults.stale * most;
    if (active.length > most + excused)
      this.broken.push(`${owner!.kind} ${owner!.name} has ${active.length} pods and was never asked for more than ${most}`);
  }

  async #leftBehind(namespace: string): Promise<void> {
    for (const kind of [pods, configMaps, replicaSets, jobs] as readonly AnyKind[]) {
      const { items } = await this.admin.list(kind, { namespace });
      if (items.length > 0) this.broken.push(`namespace ${namespace} went before ${items.length} of its ${kind.plural}`);
    }
  }

  async #isGoing(name: string): Promise<boolean> {
    try {
      return isBeingDeleted(await this.admin.get(namespaces, { name }));
    } catch (error) {
      if (isStatus(error, 'NotFound')) return true;
      throw error;
    }
  }

  async #pod(namespace: string, name: string): Promise<Pod | undefined> {
    try {
      return await this.admin.get(pods, { namespace, name });
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}
