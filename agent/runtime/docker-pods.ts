// DockerPods: what the engine has of each pod, asked for no more often than it can have changed.
import type Docker from 'dockerode';
import { call } from './docker-errors.js';
import { LABEL_POD_UID, LABEL_TYPE, TYPE_SANDBOX } from './docker-names.js';
import type { DockerSandboxes } from './docker-sandboxes.js';
import { containerFrom } from './docker-status.js';
import type { EarlyNews } from './early-news.js';
import type { FirstStart, RuntimeContainer, RuntimeEvent, RuntimePod } from './runtime.js';

/** One entry of a listing; the times and the rest come from inspection. */
type Listed = Docker.ContainerInfo;

/** Containers in whatever state, by a label: `key`, or `key=value`. */
export const listLabelled = (docker: Docker, label: string): Promise<Listed[]> =>
  call(docker.listContainers({ all: true, filters: { label: [label] } }));

/** Newest first. */
const byAge = (a: RuntimeContainer, b: RuntimeContainer) => b.createdAt_ms - a.createdAt_ms;

export class DockerPods {
  /** As they were looked at last: what has exited no longer changes, so it is inspected once. Forgotten when nothing of a pod is listed. */
  private readonly looked = new Map<string, RuntimePod>();

  constructor(
    private readonly docker: Docker,
    private readonly sandboxes: DockerSandboxes,
    private readonly news: EarlyNews,
  ) {}

  async status(podUid: string, first?: FirstStart): Promise<RuntimePod> {
    return (first && (await this.afterStart(podUid, first))) ?? this.look(podUid);
  }

  /** undefined where some of it is there no more. */
  private async afterStart(podUid: string, { sandbox, containerIds }: FirstStart): Promise<RuntimePod | undefined> {
    const containers = (await Promise.all(containerIds.map((id) => this.inspect(id)))).filter((each) => each !== undefined);
    if (containers.length < containerIds.length) return undefined;
    const pod = { sandboxes: [sandbox], containers: containers.sort(byAge) };
    this.looked.set(podUid, pod);
    return pod;
  }

  private async look(podUid: string): Promise<RuntimePod> {
    const listed = await listLabelled(this.docker, `${LABEL_POD_UID}=${podUid}`);
    const isSandbox = ({ Labels: labels }: Listed) => labels[LABEL_TYPE] === TYPE_SANDBOX;
    const sandboxes = listed.filter(isSandbox).map((entry) => this.sandboxes.from(entry));
    const known = this.looked.get(podUid)?.containers.filter(({ id, state }) => state === 'exited' && !this.news.hasEnded(id)) ?? [];
    const details = ({ Id, State }: Listed) => (State === 'running' ? undefined : known.find(({ id }) => id === Id)) ?? this.inspect(Id);
    const inspected = await Promise.all(listed.filter((entry) => !isSandbox(entry)).map(details));
    const pod: RuntimePod = {
      sandboxes: sandboxes.sort((a, b) => b.attempt - a.attempt || b.createdAt_ms - a.createdAt_ms),
      containers: inspected.filter((container) => container !== undefined).sort(byAge),
    };
    if (listed.length > 0) this.looked.set(podUid, pod);
    else this.looked.delete(podUid);
    return pod;
  }

  async statusWith(podUid: string, containerId: string): Promise<RuntimePod | undefined> {
    const isIt = ({ id }: RuntimeContainer) => id === containerId;
    const last = this.looked.get(podUid)?.containers.find(isIt);
    if (last?.state !== 'running') return undefined;
    const now = this.news.hasEnded(containerId) ? this.news.applyTo(last) : await this.inspect(containerId);
    const before = this.looked.get(podUid);
    if (!now || !before) return undefined;
    const pod = { ...before, containers: before.containers.map((container) => (isIt(container) ? now : container)) };
    this.looked.set(podUid, pod);
    return pod;
  }

  private async inspect(id: string): Promise<RuntimeContainer | undefined> {
    const info = await call(this.docker.getContainer(id).inspect(), 404);
    return info && this.news.applyTo(containerFrom(info));
  }

  async *deaths(containerdSocket: string, signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    for await (const containerId of this.news.follow(containerdSocket, signal)) {
      for (const [podUid, { containers }] of this.looked) {
        const last = containers.find(({ id }) => id === containerId);
        // Its last words are in its log once the engine is through with it.
        if (last?.state === 'running' && last.terminationMessagePolicy === 'File') yield { type: 'died', podUid, containerId };
      }
    }
  }
}
