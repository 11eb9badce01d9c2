// Pods of the benchmark: created through the API, watched until they are Ready, and removed.
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import type { Informer } from '../../src/client/informer.js';
import { type Admin, connectAdmin } from '../../src/cluster/local/admin.js';
import { whenInformed } from '../../src/cluster/local/ready.js';
import type { ClusterLayout } from '../../src/cluster/local/state.js';
import { pods } from '../../src/kinds/core/pod.js';
import { isPodReady } from '../../src/kinds/core/podutil.js';
import { services } from '../../src/kinds/core/service.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';

export const IMAGE = 'busybox:1.36';
/** Heeds TERM, which a `sleep` as process 1 does not: pods end without waiting for their grace period. */
export const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; sleep 86400 & wait'];
const NAMESPACE = 'default';
/** A hundred at once are two minutes' work for the engine. */
const TIMEOUT_MS = 300_000;
const LABELS = { app: 'bench' };

export class BenchPods {
  private count = 0;

  private constructor(
    private readonly admin: Admin,
    private readonly informer: Informer<Pod>,
    private readonly slices: Informer<EndpointSlice>,
  ) {}

  static async connect(layout: ClusterLayout): Promise<BenchPods> {
    const admin = await connectAdmin(layout, { clock: systemClock, random: systemRandom, log: silentLogger });
    const informer = admin.informers.of(pods, { namespace: NAMESPACE });
    const slices = admin.informers.of(endpointSlices, { namespace: NAMESPACE });
    await Promise.all([informer.whenSynced(), slices.whenSynced()]);
    return new BenchPods(admin, informer, slices);
  }

  /** Milliseconds until `count` pods created at the same time are all Ready, as a watch tells. They stay, for `removeAll`. */
  async create(count: number): Promise<number> {
    const names = Array.from({ length: count }, () => `bench-${this.count++}`);
    const isReady = (name: string) => {
      const pod = this.informer.get({ namespace: NAMESPACE, name });
      return pod !== undefined && isPodReady(pod);
    };
    const begun = performance.now();
    const ready = this.when(() => names.every(isReady), `${count} pods to become Ready`);
    await Promise.all(names.map((name) => this.admin.client.create(pods, podOf(name))));
    await ready;
    return performance.now() - begun;
  }

  /** Resolves once no pod is left. */
  async removeAll(): Promise<void> {
    const gone = this.when(() => this.informer.list().length === 0, 'pods to go');
    await this.admin.client.deleteCollection(pods, { namespace: NAMESPACE });
    await gone;
  }

  /** A Service over all the pods. */
  async serve(): Promise<void> {
    const spec = { selector: LABELS, ports: [{ port: 80 }] };
    await this.admin.client.create(services, { metadata: { name: LABELS.app, namespace: NAMESPACE }, spec });
    await this.when(() => this.list().every(({ metadata }) => this.isServed(metadata.name)), 'endpoints of all pods');
  }

  list(): readonly Pod[] {
    return this.informer.list();
  }

  /** Milliseconds from when `end` resolves until the pod's container is shown to have ended, and until no endpoint of it is ready. */
  async ending(name: string, end: () => Promise<void>): Promise<{ readonly shown: number; readonly unserved: number }> {
    const hasEnded = () =>
      this.informer.get({ namespace: NAMESPACE, name })?.status?.containerStatuses?.[0]?.state?.terminated !== undefined;
    const since = (condition: () => boolean, what: string) => this.when(condition, `${name} ${what}`).then(() => performance.now());
    const [shown, unserved] = [since(hasEnded, 'to end'), since(() => !this.isServed(name), 'not to be served')];
    await end();
    const begun = performance.now();
    return { shown: (await shown) - begun, unserved: (await unserved) - begun };
  }

  private isServed(name: string): boolean {
    const endpoints = this.slices.list().flatMap((slice) => slice.endpoints ?? []);
    return endpoints.some(({ targetRef, conditions }) => targetRef?.name === name && conditions?.ready === true);
  }

  private when(condition: () => boolean, what: string): Promise<true> {
    const options = { clock: systemClock, timeout_ms: TIMEOUT_MS, what: () => `waited for ${what}` };
    return whenInformed([this.informer, this.slices], () => condition() || undefined, options);
  }

  close(): void {
    this.admin.close();
  }
}

/** Ready as soon as it runs: there is no probe. */
const podOf = (name: string) => ({
  metadata: { name, namespace: NAMESPACE, labels: LABELS },
  spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: IMAGE, command: COMMAND }] },
});
