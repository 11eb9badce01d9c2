// Which containers run, with their processes: a container runs once, so each is inspected once.
import type Docker from 'dockerode';
import { call } from './docker-errors.js';
import { LABEL_CONTAINER_NAME, LABEL_POD_NAME, LABEL_POD_NAMESPACE, LABEL_POD_UID, LABEL_TYPE, TYPE_SANDBOX } from './docker-names.js';
import type { RunningContainer } from './runtime.js';

export class DockerRuns {
  #known = new Map<string, RunningContainer>();

  constructor(private readonly docker: Docker) {}

  /** Of the engine's list of those that run. */
  async of(listed: readonly Docker.ContainerInfo[]): Promise<readonly RunningContainer[]> {
    const all = await Promise.all(listed.map((entry) => this.#known.get(entry.Id) ?? this.#inspect(entry)));
    const running = all.filter((each) => each !== undefined);
    this.#known = new Map(running.map((each) => [each.id, each]));
    return running;
  }

  /** undefined where it has ended meanwhile. */
  async #inspect({ Id: id, Labels: labels, Names: names, Image: image }: Docker.ContainerInfo): Promise<RunningContainer | undefined> {
    const info = await call(this.docker.getContainer(id).inspect(), 404);
    if (!info?.State.Running) return undefined;
    return {
      id,
      podUid: labels[LABEL_POD_UID] ?? '',
      podName: labels[LABEL_POD_NAME] ?? '',
      podNamespace: labels[LABEL_POD_NAMESPACE] ?? '',
      name: labels[LABEL_TYPE] === TYPE_SANDBOX ? '' : (labels[LABEL_CONTAINER_NAME] ?? ''),
      runtimeName: names[0]?.slice(1) ?? '',
      image,
      startedAt_ms: Date.parse(info.State.StartedAt),
      pid: info.State.Pid,
      ...(info.LogPath ? { logPath: info.LogPath } : {}),
    };
  }
}
