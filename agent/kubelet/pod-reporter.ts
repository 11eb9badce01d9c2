// What is told of one pod: its status, made of what was seen of it.
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimePod } from '../runtime/runtime.js';
import type { Waiting } from './container-status.js';
import type { PodResize } from './pod-resize.js';
import type { PodServices } from './services.js';
import { buildStatus, type StatusContext } from './status.js';
import { TerminationMessages } from './termination-message.js';

export type Outlook = Partial<Pick<StatusContext, 'terminating' | 'finished' | 'failure'>>;

export class PodReporter {
  /** Why containers wait, by name. */
  readonly waiting = new Map<string, Waiting>();
  private readonly messages: TerminationMessages;
  private isDue = false;
  private isBusy = false;

  constructor(
    private readonly services: PodServices,
    private readonly resize: PodResize,
  ) {
    this.messages = new TerminationMessages(services.runtime, services.dirs);
  }

  /** `isStill`: asked last, whether it is still to be told. */
  async report(pod: Pod, observed: RuntimePod, outlook: Outlook = {}, isStill = () => true): Promise<void> {
    const { statuses, images, probes, node, clock, logs, metrics } = this.services;
    const { uid, name, namespace = '' } = pod.metadata;
    await this.messages.learn(observed.containers);
    await Promise.all([...new Set(observed.containers.map(({ image }) => image))].map((image) => images.learn(image)));
    if (!isStill()) return;
    const status = buildStatus(this.resize.given(pod), observed, {
      now_ms: clock.now(),
      hostIps: node.ips,
      waiting: this.waiting,
      probes: {
        started: (container, id) => probes.started(uid, container, id),
        ready: (container, id) => probes.ready(uid, container, id),
      },
      imageId: (image) => images.imageId(image),
      terminationMessage: (container) => this.messages.of(container),
      terminating: false,
      finished: false,
      resize: this.resize.conditions,
      ...outlook,
    });
    statuses.set(pod, status);
    metrics.starts.observed({ ...pod, status }, false);
    logs.sync({ uid, name, namespace }, observed.containers);
  }

  /** Of a pod that is being ended, for as long as some of it runs and `current` gives it: what ends first is told first. */
  async reportEnding(current: () => Pod | undefined): Promise<void> {
    const { runtime, probes, statuses, log } = this.services;
    this.isDue = true;
    if (this.isBusy) return;
    this.isBusy = true;
    for (let pod = current(); pod && this.isDue; pod = current()) {
      this.isDue = false;
      const { uid, name } = pod.metadata;
      try {
        const observed = await runtime.podStatus(uid);
        const running = observed.containers.filter(({ state }) => state === 'running');
        probes.retain(uid, running);
        const isStill = () => current() !== undefined;
        if (running.length > 0) await this.report(statuses.newest(pod), observed, { terminating: true }, isStill);
      } catch (error) {
        log.warn({ pod: name, error: (error as Error).message }, 'cannot tell what has ended of a pod so far');
      }
    }
    this.isBusy = false;
  }
}
