// Ending all that runs of a pod: its containers together, but sidecars one by one after them, the last first; then its sandboxes.
import { isSidecar } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime.js';
import { Grace } from './grace.js';
import { killContainer } from './kill.js';
import { podIp } from './pod-facts.js';
import type { PodServices } from './services.js';

export class PodEnding {
  private readonly grace: Grace;

  constructor(
    private readonly pod: Pod,
    private readonly observed: RuntimePod,
    grace_s: number,
    private readonly services: PodServices,
  ) {
    this.grace = new Grace(services.clock, grace_s);
  }

  /** A shorter grace period has come since it began. */
  hasten(grace_s: number): void {
    this.grace.shorten(grace_s);
  }

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
