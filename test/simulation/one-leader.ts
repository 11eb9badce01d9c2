// Of all managers only the one that has the lease writes: whoever had it before stopped in time.
import type { Transport } from '../../src/client/client.js';
import type { Lease } from '../../src/kinds/types/coordination_v1.js';
import type { SimulatedClock, SimulatedProcess } from './clock.js';
import { SLOW_MAX_ms } from './faults.js';

/** The election's own, which tell of the Lease, too. */
const EVENT = /\/events(\/[^/]+)?$/;
const LEASE = /\/leases\/kube-controller-manager$|\/namespaces\/kube-system\/leases$/;

export class OneLeader {
  #holder: SimulatedProcess | undefined;

  constructor(
    private readonly clock: SimulatedClock,
    private readonly broken: string[],
  ) {}

  /** `inner`, the API server's end of the way, as `process` reaches it. */
  watching(process: SimulatedProcess, inner: Transport): Transport {
    return {
      watch: (request, signal) => inner.watch(request, signal),
      request: async (request) => {
        if (request.method === 'GET') return inner.request(request);
        if (LEASE.test(request.path)) {
          const answer = await inner.request(request);
          this.#holder = (answer as Lease).spec.holderIdentity ? process : undefined;
          return answer;
        }
        // Who was stopped between asking whether it may and sending cannot know; events harm nobody.
        const wasStopped = this.clock.monotonic() - process.resumed_ms <= SLOW_MAX_ms;
        if (this.#holder && this.#holder !== process && !wasStopped && !EVENT.test(request.path))
          this.broken.push(`${request.method} ${request.path} by a manager while another has the lease`);
        return inner.request(request);
      },
    };
  }
}
