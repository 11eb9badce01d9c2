// The container runtime's contract, by CRI's verbs: what the kubelet asks of whatever runs its pods.
import type { Duplex, Readable, Writable } from 'node:stream';
import type { ContainerConfig, ContainerResources, ContainerUser, PodSandboxConfig } from './config.js';

export interface PodSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdAt_ms: number;
  /** Empty for the node's network, and until the pod's network is set up. */
  readonly ips: readonly string[];
}

/** One container as the runtime has it; times are 0 where it did not get that far. */
export interface RuntimeContainer {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  readonly attempt: number;
  readonly hash: string;
  /** `created`: never started, and nothing went wrong yet. */
  readonly state: 'created' | 'running' | 'exited';
  /** The image's ID. */
  readonly image: string;
  readonly createdAt_ms: number;
  readonly startedAt_ms: number;
  readonly finishedAt_ms: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Why it could not be started; absent where it ran. */
  readonly startError?: string;
  /** The file that its output goes to; absent where there is none. */
  readonly logPath?: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly terminationMessageFile: string;
  readonly terminationMessagePolicy: 'File' | 'FallbackToLogsOnError';
  /** Absent where nobody could tell. */
  readonly user?: ContainerUser;
  /** As they are now. */
  readonly resources: Omit<ContainerResources, 'oomScoreAdj'>;
}

/** Everything of one pod that the runtime knows, newest first. */
export interface RuntimePod {
  readonly sandboxes: readonly PodSandbox[];
  readonly containers: readonly RuntimeContainer[];
}

/** All that the runtime has of a pod which was just started for the first time. */
export interface FirstStart {
  readonly sandbox: PodSandbox;
  readonly containerIds: readonly string[];
}

/** A container that runs now, or a sandbox: where the kernel counts what it uses. */
export interface RunningContainer {
  readonly id: string;
  readonly podUid: string;
  readonly podName: string;
  readonly podNamespace: string;
  /** Empty: a sandbox. */
  readonly name: string;
  /** As the runtime knows it. */
  readonly runtimeName: string;
  readonly image: string;
  readonly startedAt_ms: number;
  /** Its first process, as this machine numbers it. */
  readonly pid: number;
  /** Absent where it keeps none. */
  readonly logPath?: string;
}

/** A pod by its labels alone: what is left to go by when the API no longer has it. */
export interface RuntimePodName {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly terminationGracePeriod_s: number;
}

export interface RuntimeEvent {
  readonly type: 'started' | 'died' | 'oom' | 'removed';
  readonly podUid: string;
  readonly containerId: string;
}

export interface RuntimeVersion {
  /** As in a node's status: `docker`. */
  readonly name: string;
  readonly version: string;
  readonly apiVersion: string;
}

/** How the runtime itself is set up. */
export interface RuntimeInfo {
  readonly cgroupDriver: 'cgroupfs' | 'systemd';
  readonly cgroupVersion: 1 | 2;
  /** Where images and containers' writable layers lie on the node. */
  readonly rootDirectory: string;
}

export interface Image {
  readonly id: string;
  /** `repository@sha256:...`, where the image came from a registry. */
  readonly digests: readonly string[];
  readonly tags: readonly string[];
  /** `user`, `uid`, or either with `:group`; empty: root. */
  readonly user: string;
  readonly size_bytes: number;
  /** Its directories on the node, the topmost first; empty, or absent in a listing, where the runtime has none to show. */
  readonly layers?: readonly string[];
  /** The runtime's own, which is never to go. */
  readonly pinned?: boolean;
}

export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

export interface LogOptions {
  readonly follow: boolean;
  /** Lines from the end; absent: all. */
  readonly tail?: number;
  /** Only one of the outputs; absent: both. */
  readonly stream?: 'stdout' | 'stderr';
  /** Lines from this wall time on. */
  readonly since_ms?: number;
  readonly timestamps: boolean;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** A process's streams; with a terminal, everything comes out of `stdout`. */
export interface ProcessStreams {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  resize(size: TerminalSize): Promise<void>;
  /** After both outputs have ended. For attach: undefined, since the container goes on. */
  exitCode(): Promise<number | undefined>;
  /** Lets go of the streams; the process is not killed. */
  close(): void;
  /** Nobody waits for it any more: a command is ended, a container's own process goes on. Lets go of the streams, too. */
  abandon(): Promise<void>;
}

/** Connections into a sandbox's network. */
export interface PodDialer {
  /** To localhost there, as a container of the pod would see it. Rejects with an Error that says why not. */
  dial(port: number): Promise<Duplex>;
  /** Connections that stand stay. */
  close(): void;
}

/** What the runtime refuses or cannot do; `code` is HTTP's, for the caller to tell causes apart. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** All methods reject with a RuntimeError; stopping and removing what is not there is no error. */
export interface ContainerRuntime {
  /** Rejects while the runtime cannot be reached. */
  version(): Promise<RuntimeVersion>;
  info(): Promise<RuntimeInfo>;
  /** Why pods cannot be given a network now; undefined: they can. */
  networkNotReady(): string | undefined;

  /**
   * Creates, starts and wires a sandbox. `created` is called once it has an ID and before it runs: from then on containers
   * can be created in it (but not started). On rejection nothing of it is left.
   */
  runPodSandbox(config: PodSandboxConfig, created?: (sandboxId: string) => void): Promise<PodSandbox>;
  /** Unwires and ends a sandbox; its containers should be stopped. */
  stopPodSandbox(sandboxId: string): Promise<void>;
  removePodSandbox(sandboxId: string): Promise<void>;

  createContainer(sandboxId: string, config: ContainerConfig, sandbox: PodSandboxConfig): Promise<string>;
  startContainer(containerId: string): Promise<void>;
  /** Its CPU and memory, without a restart. */
  updateContainer(containerId: string, resources: ContainerResources): Promise<void>;
  /** Stop signal, up to `gracePeriod_s` of waiting, SIGKILL; resolves when it is dead. A second call may shorten the wait. */
  stopContainer(containerId: string, gracePeriod_s: number): Promise<void>;
  removeContainer(containerId: string): Promise<void>;
  /** What it has written beside its volumes, and its logs; 0 where there is no such container. */
  diskUsage_bytes(containerId: string): Promise<number>;

  listPods(): Promise<readonly RuntimePodName[]>;
  /** `first`: what there is of it, so that nothing has to be looked for. */
  podStatus(podUid: string, first?: FirstStart): Promise<RuntimePod>;
  /**
   * The pod as it was when it was looked at last, but for one container, which is as it is now: costs little, whatever else runs on the
   * node. undefined where that look did not show it running.
   */
  podStatusWith(podUid: string, containerId: string): Promise<RuntimePod | undefined>;
  /** Those of all pods, by one look. */
  running(): Promise<readonly RunningContainer[]>;
  /**
   * Ends, with or without an error, when the runtime goes away or `signal` aborts. `opened` is called when nothing that
   * happens from then on is missed: what was before has to be looked up.
   */
  events(signal: AbortSignal, opened?: () => void): AsyncIterable<RuntimeEvent>;
  /**
   * Containers that have ended, before the runtime is through with them and tells of it as an event; `podStatusWith` shows how. Ends, with or
   * without an error, where it cannot be known so early.
   */
  deaths(signal: AbortSignal): AsyncIterable<RuntimeEvent>;
  /** Interleaved stdout and stderr, in the order they were written. */
  logs(containerId: string, options: LogOptions): Promise<Readable>;
  exec(containerId: string, options: ExecOptions): Promise<ProcessStreams>;
  attach(containerId: string): Promise<ProcessStreams>;
  /** The caller closes it. Rejects where the sandbox does not run. */
  dialer(sandboxId: string): Promise<PodDialer>;

  /** undefined where the node does not have the image. */
  inspectImage(reference: string): Promise<Image | undefined>;
  listImages(): Promise<readonly Image[]>;
  /** IDs of the images that containers have, running or not. */
  imagesInUse(): Promise<ReadonlySet<string>>;
  /** Under all its names. Rejects where a container has it. */
  removeImage(image: Image): Promise<void>;
  pullImage(reference: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<void>;

  /** Ends what the network keeps for sandboxes that are no more. */
  collectNetworkGarbage(): Promise<void>;
  /** Ends commands of an agent before this one, which nobody waits for any more. */
  endOrphanedCommands(): Promise<void>;
}
