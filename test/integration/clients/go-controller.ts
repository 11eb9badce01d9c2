// A controller as controller-runtime runs one: elected by lease, reflectors for what it watches, a queue of keys, and a reconcile that makes a
// Deployment for each Website, with finalizer, owner reference, status and events.
import { isStatus } from '../../../src/apimachinery/status.js';
import type { TestServer } from '../../suites/apiserver.js';
import { GoClient, type GoKind, type GoObject } from './go-client.js';
import { Reflector } from './go-reflector.js';

export const WEBSITES: GoKind = { apiVersion: 'controller.example/v1', kind: 'Website', plural: 'websites', form: 'json' };
export const DEPLOYMENTS: GoKind = { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', form: 'protobuf' };
const LEASES: GoKind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases', form: 'protobuf' };
const EVENTS: GoKind = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events', form: 'protobuf' };

const FINALIZER = 'controller.example/cleanup';
const LEASE = { namespace: 'default', name: 'website-controller' };
const LEASE_DURATION_S = 15;
/** client-go waits 2 s between tries; a test is not to wait so long. */
const RETRY_MS = 100;

export class WebsiteController {
  readonly #client: GoClient;
  readonly #queue = new Set<string>();
  readonly #loop: Promise<void>;
  #websites: Reflector | undefined;
  #deployments: Reflector | undefined;
  #stopped = false;
  leading = false;
  /** What had to be cleaned up outside of the cluster. */
  readonly cleaned: string[] = [];
  conflicts = 0;

  constructor(
    cluster: TestServer,
    private readonly identity: string,
  ) {
    this.#client = new GoClient(cluster);
    this.#loop = this.#run();
  }

  /** Gives the lease back, as a manager with LeaderElectionReleaseOnCancel does. Rejects with what went wrong while it ran. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
    for (const reflector of [this.#websites, this.#deployments]) await reflector?.stop();
    if (this.leading) await this.#hold('');
    this.#client.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      if (await this.#elected()) {
        if (!this.leading) this.#start();
        this.leading = true;
        for (const key of [...this.#queue]) await this.#next(key);
      } else if (this.leading) throw new Error(`${this.identity} lost the lease`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Caches are filled by all; only the leader works on them. */
  #start(): void {
    const enqueue = (key: string) => void this.#queue.add(key);
    this.#websites = new Reflector(this.#client, WEBSITES, 'streaming list', enqueue);
    this.#deployments = new Reflector(this.#client, DEPLOYMENTS, 'streaming list', enqueue);
  }

  /** Takes the lease if it is free or run out, and renews it if it is held. */
  async #elected(): Promise<boolean> {
    try {
      const lease = await this.#client.get(LEASES, LEASE.namespace, LEASE.name);
      const { holderIdentity = '', renewTime, leaseDurationSeconds } = lease['spec'];
      const isOver = Date.parse(renewTime) + leaseDurationSeconds * 1000 < Date.now();
      if (holderIdentity !== this.identity && holderIdentity !== '' && !isOver) return false;
      await this.#hold(this.identity, lease);
      return true;
    } catch (error) {
      if (isStatus(error, 'NotFound')) return this.#makeLease();
      // Another was faster.
      if (isStatus(error, 'Conflict')) return false;
      throw error;
    }
  }

  async #makeLease(): Promise<boolean> {
    try {
      await this.#client.create(LEASES, LEASE.namespace, { metadata: { name: LEASE.name }, spec: leaseSpec(this.identity, 0) });
      return true;
    } catch (error) {
      if (isStatus(error, 'AlreadyExists')) return false;
      throw error;
    }
  }

  async #hold(identity: string, known?: GoObject): Promise<void> {
    const lease = known ?? (await this.#client.get(LEASES, LEASE.namespace, LEASE.name));
    const { holderIdentity, leaseTransitions = 0 } = lease['spec'];
    const transitions = holderIdentity === identity ? leaseTransitions : leaseTransitions + 1;
    await this.#client.update(LEASES, { ...lease, spec: leaseSpec(identity, transitions) });
  }

  /** A key stays in the queue until a reconcile of it has gone through. */
  async #next(key: string): Promise<void> {
    if (!this.#websites?.synced || !this.#deployments?.synced) return;
    this.#queue.delete(key);
    try {
      await this.#reconcile(key);
    } catch (error) {
      if (!isStatus(error, 'Conflict') && !isStatus(error, 'AlreadyExists')) throw error;
      this.conflicts++;
      this.#queue.add(key);
    }
  }

  async #reconcile(key: string): Promise<void> {
    const website = this.#websites!.store.get(key);
    if (!website) return;
    const { metadata, spec } = website;
    const finalizers = metadata.finalizers ?? [];
    if (metadata.deletionTimestamp) {
      if (!finalizers.includes(FINALIZER)) return;
      this.cleaned.push(key);
      await this.#client.update(WEBSITES, {
        ...website,
        metadata: { ...metadata, finalizers: finalizers.filter((each) => each !== FINALIZER) },
      });
      return;
    }
    if (!finalizers.includes(FINALIZER)) {
      await this.#client.update(WEBSITES, { ...website, metadata: { ...metadata, finalizers: [...finalizers, FINALIZER] } });
      return;
    }
    const deployment = this.#deployments!.store.get(key);
    if (!deployment) {
      await this.#client.create(DEPLOYMENTS, metadata.namespace!, wanted(website));
      await this.#tell(website, 'Created', `Created deployment ${metadata.name}`);
    } else if (deployment['spec'].replicas !== spec.replicas) {
      await this.#client.update(DEPLOYMENTS, { ...deployment, spec: { ...deployment['spec'], replicas: spec.replicas } });
    }
    const ready = deployment?.['status'].readyReplicas ?? 0;
    if (website['status']?.ready === ready) return;
    const status = { ready, observedGeneration: metadata.generation };
    await this.#client.patch(WEBSITES, website, 'application/merge-patch+json', { status }, 'status');
  }

  async #tell(regarding: GoObject, reason: string, note: string): Promise<void> {
    const { name, namespace, uid, resourceVersion } = regarding.metadata;
    const { apiVersion, kind } = WEBSITES;
    await this.#client.create(EVENTS, namespace!, {
      metadata: { name: `${name}.${Date.now().toString(16)}`, namespace },
      eventTime: microTime(),
      reportingController: 'website-controller',
      reportingInstance: this.identity,
      action: 'Reconcile',
      reason,
      note,
      type: 'Normal',
      regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
    });
  }
}

const microTime = () => new Date().toISOString().replace('Z', '000Z');

const leaseSpec = (holderIdentity: string, leaseTransitions: number) => ({
  holderIdentity,
  leaseTransitions,
  leaseDurationSeconds: LEASE_DURATION_S,
  acquireTime: microTime(),
  renewTime: microTime(),
});

function wanted({ metadata: { name, namespace, uid }, spec }: GoObject) {
  const labels = { website: name };
  const { apiVersion, kind } = WEBSITES;
  return {
    metadata: {
      name,
      namespace,
      labels,
      ownerReferences: [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: spec.image, ports: [{ containerPort: 80 }] }] } },
    },
  };
}
