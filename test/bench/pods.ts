// Pods of the benchmark: created through the API, watched until they are Ready, and removed.
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import type { Informer } from '../../src/client/informer.js';
import { type Admin, connectAdmin } from '../../src/cluster/local/admin.js';
import { whenInformed } from '../../src/cluster/local/ready.js';
import type { ClusterLayout } from '../../src/cluster/local/state.js';
import { pods } from '../../src/kinds/core/pod.js';
import { isPodReady } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';

export const IMAGE = 'busybox:1.36';
/** Heeds TERM, which a `sleep` as process 1 does not: pods end without waiting for their grace period. */
export const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; sleep 86400 & wait'];
const NAMESPACE = 'default';
const TIMEOUT_MS = 120_000;

export class BenchPods {
  private count = 0;

  private constructor(
    private readonly admin: Admin,
    private readonly informer: Informer<Pod>,
  ) {}

  static async connect(layout: ClusterLayout): Promise<BenchPods> {
    const admin = await connectAdmin(layout, { clock: systemClock, random: systemRandom, log: silentLogger });
    const informer = admin.informers.of(pods, { namespace: NAMESPACE });
    await informer.whenSynced();
    return new BenchPods(admin, informer);
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

  private when(condition: () => boolean, what: string): Promise<true> {
    const options = { clock: systemClock, timeout_ms: TIMEOUT_MS, what: () => `waited for ${what}` };
    return whenInformed([this.informer], () => condition() || undefined, options);
  }

  close(): void {
    this.admin.close();
  }
}

/** Ready as soon as it runs: there is no probe. */
const podOf = (name: string) => ({
  metadata: { name, namespace: NAMESPACE },
  spec: { containers: [{ name: 'main', image: IMAGE, command: COMMAND }] },
});
