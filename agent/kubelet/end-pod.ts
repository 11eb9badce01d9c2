// Ending all that runs of a pod: its containers together, but sidecars one by one after them, the last first; then its sandboxes.
import { isSidecar } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime.js';
import type { Grace } from './grace.js';
import { killContainer } from './kill.js';
import { podIp } from './pod-facts.js';
import type { PodServices } from './services.js';

export class PodEnding {
  constructor(
    private readonly pod: Pod,
    private readonly observed: RuntimePod,
    private readonly grace: Grace,
    private readonly services: PodServices,
  ) {}

  /** What has exited stays, for its logs. */
  async run(): Promise<void> {
    const { runtime } = this.services;
    await this.endContainers();
    await Promise.all(
      this.observed.sandboxes.map(async ({ id }) => {
        await runtime.stopPodSandbox(id);
        await runtime.removePodSandbox(id);
      }),
    );
  }

  private async endContainers(): Promise<void> {
    const running = this.observed.containers.filter(({ state }) => state === 'running');
    const sidecars = (this.pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
    const isLast = ({ name }: RuntimeContainer) => sidecars.includes(name);
    const kills = running.filter((container) => !isLast(container)).map((container) => this.kill(container));
    const last = running.filter(isLast).sort((a, b) => sidecars.indexOf(b.name) - sidecars.indexOf(a.name));
    // Whether the others could be ended or not: they have had their time.
    for (const container of last) kills.push(this.kill(container, kills.length > 0 ? Promise.allSettled([...kills]) : undefined));
    await Promise.all(kills);
  }

  private kill(container: RuntimeContainer, turn?: Promise<unknown>): Promise<void> {
    const { pod, observed, grace, services } = this;
    const message = `Stopping container ${container.name}`;
    return killContainer(pod, { container, grace, message, podIp: podIp(observed, services), ...(turn ? { turn } : {}) }, services);
  }
}
