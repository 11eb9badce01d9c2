// Ending all of a pod's containers: together, but its sidecars one by one after them, the last that was started first.
import { isSidecar } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer } from '../runtime/runtime.js';
import { Grace } from './grace.js';
import { killContainer } from './kill.js';
import type { PodServices } from './services.js';

export class PodEnding {
  private readonly grace: Grace;

  constructor(
    private readonly pod: Pod,
    private readonly running: readonly RuntimeContainer[],
    grace_s: number,
    private readonly podIp: string,
    private readonly services: PodServices,
  ) {
    this.grace = new Grace(services.clock, grace_s);
  }

  /** A shorter grace period has come since it began. */
  hasten(grace_s: number): void {
    this.grace.shorten(grace_s);
  }

  /** Resolves when all are dead. */
  async run(): Promise<void> {
    const sidecars = (this.pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
    const isLast = ({ name }: RuntimeContainer) => sidecars.includes(name);
    const kills = this.running.filter((container) => !isLast(container)).map((container) => this.kill(container));
    const last = this.running.filter(isLast).sort((a, b) => sidecars.indexOf(b.name) - sidecars.indexOf(a.name));
    // Whether the others could be ended or not: they have had their time.
    for (const container of last) kills.push(this.kill(container, kills.length > 0 ? Promise.allSettled([...kills]) : undefined));
    await Promise.all(kills);
  }

  private kill(container: RuntimeContainer, turn?: Promise<unknown>): Promise<void> {
    const { pod, grace, podIp, services } = this;
    const message = `Stopping container ${container.name}`;
    return killContainer(pod, { container, grace, message, podIp, ...(turn ? { turn } : {}) }, services);
  }
}
